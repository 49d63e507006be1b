package host_test

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"rechost/host"
	"rechost/host/interactions"
	"rechost/host/task"
)

// The graph filters reach what their papers print for the LightGCN split of
// Gowalla: 0.1849 and 0.1518 (Shen et al., CIKM 2021), 0.1920 and 0.1597 (Choi
// et al., SIGIR 2023). The digits beyond are of a recomputation in NumPy with
// an exact decomposition.
func TestQualityOfGraphFilters(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: a minute or two of work on Gowalla")
	}
	g, store := t.TempDir(), filepath.Join(t.TempDir(), "store")
	train, test := gowalla(t, g, "train"), gowalla(t, g, "test")
	for _, c := range []struct {
		module       string
		recall, ndcg float64
	}{
		{"gfcf", 0.18495, 0.15184},
		{"bspm", 0.19207, 0.15972},
	} {
		t.Run(c.module, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.parquet")
			run(t, host.Job{Module: modules(t, c.module), Paths: []string{train}, Top: 20, Store: store, Out: out,
				Limits: task.Limits{Deadline: time.Hour}, // the longest of tasks, on a machine that is busy with other tests
				Data:   interactions.Options{NoValue: true, NoTime: true}})
			for name, want := range map[string]float64{"recall": c.recall, "ndcg": c.ndcg} {
				got := measure(t, out, test, name, 20)
				t.Logf("%s@20 %.5f", name, got)
				if math.Abs(got-want) > 5e-4 {
					t.Errorf("%s@20 is %.5f, want %.5f", name, got, want)
				}
			}
		})
	}
}
