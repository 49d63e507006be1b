package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"rechost/host"
	"rechost/host/interactions"
)

// bpr runs the module over train with the defaults but for params, and
// evaluates its lists by test: Recall@20 and nDCG@10.
func bpr(t *testing.T, params map[string]string, seed int64, train, test string) (recall, ndcg float64) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.parquet")
	run(t, host.Job{
		Module: modules(t, "bpr"), Params: params, Paths: []string{train}, Seed: seed,
		Top: 20, NoCache: true, Out: out, Data: interactions.Options{NoValue: true, NoTime: true},
	})
	return measure(t, out, test, "recall", 20), measure(t, out, test, "ndcg", 10)
}

// On a fifth of MovieLens 1M held out, bpr with its defaults ranks at least as
// well as the libraries implicit 0.7.3 (learning rate and regularization 0.01:
// Recall@20 0.1724, nDCG@10 0.2536) and gorse 0.4.15 (0.05 and 0.01: 0.2466,
// 0.3761) with as many factors and epochs, 64 and 100. What is compared is the
// mean over three seeds; the page of bpr has the figures.
func TestQualityOfBPR(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: whole jobs on a million rows")
	}
	train, test := movielens1M(t, t.TempDir())
	const seeds = 3
	var recall, ndcg float64
	for seed := range int64(seeds) {
		r, n := bpr(t, nil, seed, train, test)
		t.Logf("seed %d: Recall@20 %.4f, nDCG@10 %.4f", seed, r, n)
		recall, ndcg = recall+r/seeds, ndcg+n/seeds
	}
	if recall < 0.2466 || ndcg < 0.3761 {
		t.Errorf("Recall@20 %.4f, nDCG@10 %.4f: gorse has 0.2466 and 0.3761", recall, ndcg)
	}
}

// On a tenth of each user's training rows held out, no setting beside the
// defaults is better than they are by what seeds make of it, about 0.001 of
// nDCG@10. RATIONALE.md of bpr has all that were tried; the test rows are not
// read here.
func TestDefaultsOfBPR(t *testing.T) {
	if testing.Short() || os.Getenv("RECHOST_SLOW") == "" {
		t.Skip("skipped without RECHOST_SLOW=1: eight whole jobs on a million rows")
	}
	rows, _ := movielens1MRows(t)
	fit, held := holdOut(rows, 0.1, 20261)
	dir := t.TempDir()
	train := write(t, filepath.Join(dir, "fit.parquet"), fit, 1<<20)
	validation := write(t, filepath.Join(dir, "validation.parquet"), held, 1<<20)
	_, best := bpr(t, nil, 0, train, validation)
	t.Logf("defaults: nDCG@10 %.4f", best)
	for _, params := range []map[string]string{
		{"learning_rate": "0.05"},
		{"learning_rate": "0.2"},
		{"regularization": "0.006"},
		{"regularization": "0.015"},
		{"learning_rate": "0.02", "learning_rate_decay": "0"},
		{"learning_rate": "0.05", "draw": "interactions"},
		{"learning_rate": "0.05", "draw": "interactions", "learning_rate_decay": "0"},
	} {
		_, ndcg := bpr(t, params, 0, train, validation)
		t.Logf("%v: nDCG@10 %.4f", params, ndcg)
		if ndcg > best+0.001 {
			t.Errorf("%v: nDCG@10 %.4f on the rows held out, better than the defaults' %.4f", params, ndcg, best)
		}
	}
}
