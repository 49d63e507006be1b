package host_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"rechost/host"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/metric"
	"rechost/host/recs"
)

// gowalla writes one file of the LightGCN split of Gowalla as Parquet.
func gowalla(t testing.TB, dir, part string) string {
	t.Helper()
	text, err := os.ReadFile(dataDir(t, "gowalla/light_gcn_gowalla/"+part+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []rating
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		for _, item := range f[min(1, len(f)):] {
			rows = append(rows, rating{user: number(t, f[0]), item: number(t, item), value: 1})
		}
	}
	return write(t, filepath.Join(dir, part+".parquet"), rows, 1<<20)
}

func number(t testing.TB, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// movielens1M writes MovieLens 1M as two Parquet files: a fifth of each user's
// rows, chosen by the random numbers of NumPy's default_rng(20260), are the
// test rows, as in the comparison whose figures the tests below quote.
func movielens1M(t testing.TB, dir string) (train, test string) {
	t.Helper()
	kept, held := movielens1MRows(t)
	return write(t, filepath.Join(dir, "train.parquet"), kept, 1<<20), write(t, filepath.Join(dir, "test.parquet"), held, 1<<20)
}

// movielens1MRows is the rows of movielens1M's two files.
func movielens1MRows(t testing.TB) (train, test []rating) {
	t.Helper()
	f, err := os.Open(dataDir(t, "ml-1m/ratings.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rows []rating
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		c := strings.Split(lines.Text(), ",")
		if c[0] != "user" {
			rows = append(rows, rating{user: number(t, c[0]), item: number(t, c[1]), value: float32(number(t, c[2]))})
		}
	}
	if err := lines.Err(); err != nil || len(rows) != 1_000_209 {
		t.Fatal(len(rows), "rows,", err)
	}
	train, test = holdOut(rows, 0.2, 20260)
	if len(test) != 200_016 {
		t.Fatalf("%d test rows, want 200,016: these are not NumPy's random numbers", len(test))
	}
	return train, test
}

// holdOut parts rows: of each user's, a share chosen by the random numbers of
// NumPy's generator of that seed is held.
func holdOut(rows []rating, share float64, seed uint32) (kept, held []rating) {
	random := newNumPy(seed)
	r, order := make([]float64, len(rows)), make([]int, len(rows))
	for i := range rows {
		r[i], order[i] = random.float64(), i
	}
	sort.Slice(order, func(a, b int) bool {
		x, y := order[a], order[b]
		if rows[x].user != rows[y].user {
			return rows[x].user < rows[y].user
		}
		return r[x] < r[y]
	})
	isHeld := make([]bool, len(rows))
	for start := 0; start < len(order); {
		end := start
		for end < len(order) && rows[order[end]].user == rows[order[start]].user {
			end++
		}
		for _, i := range order[start : start+int(math.RoundToEven(share*float64(end-start)))] {
			isHeld[i] = true
		}
		start = end
	}
	for i, x := range rows {
		if isHeld[i] {
			held = append(held, x)
		} else {
			kept = append(kept, x)
		}
	}
	return kept, held
}

// numPy is NumPy's default generator: PCG64 (O'Neill: PCG, 2014, the variant
// XSL-RR 128/64), seeded through SeedSequence.
type numPy struct{ hi, lo, incHi, incLo uint64 }

func newNumPy(seed uint32) *numPy {
	pool := [4]uint32{seed}
	h := uint32(0x43b0d7e5)
	mix := func(v uint32) uint32 {
		v ^= h
		h *= 0x931e8875
		v *= h
		return v ^ v>>16
	}
	for i := range pool {
		pool[i] = mix(pool[i])
	}
	for s := range pool {
		for d := range pool {
			if s != d {
				x := 0xca01f9dd*pool[d] - 0x4973f715*mix(pool[s])
				pool[d] = x ^ x>>16
			}
		}
	}
	var state [4]uint64
	h = 0x8b51f9dd
	for i := range 8 {
		v := pool[i%4] ^ h
		h *= 0x58f38ded
		v *= h
		state[i/2] |= uint64(v^v>>16) << (32 * (i % 2))
	}
	g := &numPy{incHi: state[2]<<1 | state[3]>>63, incLo: state[3]<<1 | 1}
	g.step()
	var carry uint64
	g.lo, carry = bits.Add64(g.lo, state[1], 0)
	g.hi, _ = bits.Add64(g.hi, state[0], carry)
	g.step()
	return g
}

func (g *numPy) step() {
	const mulHi, mulLo = 0x2360ed051fc65da4, 0x4385df649fccf645
	hi, lo := bits.Mul64(g.lo, mulLo)
	hi += g.hi*mulLo + g.lo*mulHi
	var carry uint64
	g.lo, carry = bits.Add64(lo, g.incLo, 0)
	g.hi, _ = bits.Add64(hi, g.incHi, carry)
}

func (g *numPy) float64() float64 {
	g.step()
	x := bits.RotateLeft64(g.hi^g.lo, -int(g.hi>>58))
	return float64(x>>11) / (1 << 53)
}

// Whole jobs on public splits reach the quality that the library implicit
// 0.7.3 reaches there with the same parameters, by the definitions of package
// metric. cf with cut=implicit prints implicit's own four digits on Gowalla;
// with cut=row its figures there are pinned, and others are as near as
// implicit's own move when ids are renumbered, since many neighbours tie. For als the mean over five seeds must
// lie within the spread of implicit's five: Recall@20 0.0936 to 0.0947 and nDCG@10 0.0704 to 0.0716
// on Gowalla, 0.2493 to 0.2523 and 0.3893 to 0.3919 on MovieLens 1M.
func TestQualityOfImplicit(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: whole jobs on a million rows")
	}
	type figure struct {
		metric      string
		k           int
		least, most float64
	}
	about := func(metric string, k int, want, tolerance float64) figure {
		return figure{metric, k, want - tolerance, want + tolerance}
	}
	als := map[string]string{"factors": "64", "iterations": "15", "regularization": "0.01", "alpha": "1", "confidence": "scaled"}
	g, m, store := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "store")
	gTrain, gTest := gowalla(t, g, "train"), gowalla(t, g, "test")
	mTrain, mTest := movielens1M(t, m)
	for _, c := range []struct {
		name, module string
		params       map[string]string
		train, test  string
		seeds        int64 // runs with the seeds 0, 1, … whose mean is compared
		want         []figure
	}{
		{"cf on Gowalla", "cf", map[string]string{"neighbours": "100", "cut": "implicit"}, gTrain, gTest, 1,
			[]figure{about("recall", 20, 0.1157, 5e-5), about("ndcg", 20, 0.0840, 5e-5)}},
		{"cf by row on Gowalla", "cf", map[string]string{"neighbours": "100", "cut": "row"}, gTrain, gTest, 1,
			[]figure{about("recall", 20, 0.1155, 5e-5), about("ndcg", 20, 0.0838, 5e-5)}},
		{"cf on MovieLens 1M", "cf", map[string]string{"neighbours": "100", "cut": "row"}, mTrain, mTest, 1,
			[]figure{about("recall", 20, 0.1793, 3e-4), about("ndcg", 10, 0.3125, 5e-4)}},
		{"tfidf on Gowalla", "cf", map[string]string{"neighbours": "100", "cut": "row", "similarity": "tfidf"}, gTrain, gTest, 1,
			[]figure{about("recall", 20, 0.1285, 5e-4), about("ndcg", 20, 0.0949, 5e-4)}},
		{"als on Gowalla", "als", als, gTrain, gTest, 5,
			[]figure{{"recall", 20, 0.0936, 0.0947}, {"ndcg", 10, 0.0704, 0.0716}}},
		{"als on MovieLens 1M", "als", als, mTrain, mTest, 5,
			[]figure{{"recall", 20, 0.2493, 0.2523}, {"ndcg", 10, 0.3893, 0.3919}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mean := make([]float64, len(c.want))
			for seed := range c.seeds {
				out := filepath.Join(t.TempDir(), "out.parquet")
				run(t, host.Job{
					Module: modules(t, c.module), Params: c.params, Paths: []string{c.train}, Top: 20, Seed: seed, Store: store, Out: out,
					Data: interactions.Options{NoValue: true, NoTime: true},
				})
				for i, f := range c.want {
					mean[i] += measure(t, out, c.test, f.metric, f.k) / float64(c.seeds)
				}
			}
			for i, f := range c.want {
				t.Logf("%s@%d %.5f", f.metric, f.k, mean[i])
				if mean[i] < f.least || mean[i] > f.most {
					t.Errorf("%s@%d is %.5f, want %.5f to %.5f", f.metric, f.k, mean[i], f.least, f.most)
				}
			}
		})
	}
}

// measure evaluates a file of recommendations.
func measure(t *testing.T, out, test, name string, k int) float64 {
	t.Helper()
	lists, err := recs.Read(context.Background(), out, recs.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := interactions.Open([]string{test}, interactions.Options{NoValue: true, NoTime: true})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	held, err := matrix.Build(context.Background(), set, matrix.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := metric.Evaluate(lists, held, metric.Options{At: []int{k}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range res.Values {
		if v.Metric == name {
			return v.Mean
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
