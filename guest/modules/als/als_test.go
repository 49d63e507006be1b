package main

import (
	"math"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	for _, solver := range []string{"cg", "cholesky"} {
		for confidence, start := range map[string]string{"linear": "uniform", "scaled": "uniform", "added": "normal"} {
			t.Run(solver+" "+confidence, func(t *testing.T) {
				guesttest.Suite(t, module, guesttest.Expect{Personal: true, ShardsDiffer: true,
					MayFail: []string{"regularization"}, // of 0: one user is no basis of two dimensions
					Params: map[string]any{"solver": solver, "confidence": confidence, "start": start, "alpha": 3.0, "factors": 2,
						"regularization": 0.1, "unobserved_weight": 0.9}})
			})
		}
	}
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

var small = guesttest.Rows([][]float32{
	{1, 0, 2, 0, 0}, {0, 3, 1, 0, 1}, {1, 0, 0, 1, 0}, {0, 0, 4, 0, 2}, {1, 1, 0, 0, 0}, {0, 0, 0, 2, 5}})

// The items' vectors of the last turn solve the equations of the papers for the
// users' vectors, as a dense solution in float64 finds them.
func TestEquation(t *testing.T) {
	const factors, alpha, lambda = 3, 2.5, 0.3
	for _, c := range []struct {
		confidence      string
		unobserved, exp float64
		// An entry's terms: weight·(x·y)² - 2·target·x·y, in all.
		weight, target func(v float64) float64
	}{
		{"linear", 1, 0, func(v float64) float64 { return 1 + alpha*v }, func(v float64) float64 { return 1 + alpha*v }},
		{"scaled", 1, 0, func(v float64) float64 { return alpha * v }, func(v float64) float64 { return alpha * v }},
		{"linear", 0.4, 0.5, func(v float64) float64 { return 1 + alpha*v }, func(v float64) float64 { return 1 + alpha*v }},
		{"scaled", 0.4, 0.5, func(v float64) float64 { return alpha * v }, func(v float64) float64 { return alpha * v }},
		{"added", 0.4, 1, func(v float64) float64 { return 0.4 + alpha*v }, func(v float64) float64 { return alpha * v }},
		{"added", 0, 1, func(v float64) float64 { return alpha * v }, func(v float64) float64 { return alpha * v }},
	} {
		for _, solver := range []map[string]any{{"solver": "cholesky"}, {"solver": "cg", "cg_steps": 20}} {
			solver["factors"], solver["iterations"], solver["confidence"] = factors, 4, c.confidence
			solver["alpha"], solver["regularization"] = alpha, lambda
			solver["unobserved_weight"], solver["regularization_exp"] = c.unobserved, c.exp
			r, err := guesttest.Run(module, small, guesttest.Options{Params: solver, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			x := r.Frames["user_factors"].Arrays["vector"].Data.([]float32)
			y := r.Frames["item_factors"].Arrays["vector"].Data.([]float32)
			for i := range small.Items {
				a, b := make([][]float64, factors), make([]float64, factors)
				for f := range a {
					a[f] = make([]float64, factors)
				}
				entries := 0.0
				for u := range small.Users {
					v, weight, target := value(small, u, i), c.unobserved, 0.0
					if v != 0 {
						weight, target = c.weight(v), c.target(v)
						entries++
					}
					for f := range factors {
						xf := float64(x[u*factors+f])
						b[f] += target * xf
						for g := range factors {
							a[f][g] += weight * xf * float64(x[u*factors+g])
						}
					}
				}
				for f := range a {
					a[f][f] += lambda * math.Pow(entries+c.unobserved*float64(small.Users), c.exp)
				}
				for f, want := range gauss(a, b) {
					if got := float64(y[i*factors+f]); math.Abs(got-want) > 2e-4*math.Max(1, math.Abs(want)) {
						t.Errorf("%v: item %d factor %d is %v, want %v", solver, i, f, got, want)
					}
				}
			}
		}
	}
}

// A normal start has the mean and the deviation that it says, and each side
// has its own numbers. With nothing on the other side and λ 0 a vector is
// solved already, so that the first ones are also the last.
func TestNormalStart(t *testing.T) {
	const factors, stddev = 64, 0.4
	var first []float32
	for _, side := range []string{"user", "item"} {
		r, err := guesttest.Run(module, guesttest.Checkerboard(200), guesttest.Options{Seed: 1,
			Params: map[string]any{"factors": factors, "start": "normal", "stddev": stddev, "regularization": 0.0},
			Only:   func(stage string, _, _ int) bool { return stage == "start_"+side+"s" || stage == "solve_"+side+"s" }})
		if err != nil {
			t.Fatal(err)
		}
		var sum, squares float64
		x := r.Frames[side+"_factors"].Arrays["vector"].Data.([]float32)
		for _, v := range x {
			sum, squares = sum+float64(v), squares+float64(v)*float64(v)
		}
		n, want := float64(len(x)), stddev/math.Sqrt(factors)
		if mean, sd := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 5*want/math.Sqrt(n) || math.Abs(sd-want) > 0.03*want {
			t.Errorf("%s factors: mean %v, deviation %v, want 0 and %v", side, mean, sd, want)
		}
		first = append(first, x[0])
	}
	if first[0] == first[1] {
		t.Error("users and items start with the same numbers")
	}
}

func value(m *guesttest.Matrix, user, item int) float64 {
	for _, c := range m.Cells() {
		if c.User == user && c.Item == item {
			return float64(c.Value)
		}
	}
	return 0
}

// gauss solves a·x = b by elimination with pivots.
func gauss(a [][]float64, b []float64) []float64 {
	n := len(b)
	for c := range n {
		p := c
		for r := c; r < n; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[p][c]) {
				p = r
			}
		}
		a[c], a[p], b[c], b[p] = a[p], a[c], b[p], b[c]
		for r := c + 1; r < n; r++ {
			f := a[r][c] / a[c][c]
			for k := c; k < n; k++ {
				a[r][k] -= f * a[c][k]
			}
			b[r] -= f * b[c]
		}
	}
	for c := n - 1; c >= 0; c-- {
		for k := c + 1; k < n; k++ {
			b[c] -= a[c][k] * b[k]
		}
		b[c] /= a[c][c]
	}
	return b
}

// The seed counts, and nothing else does.
func TestSeed(t *testing.T) {
	run := func(seed int64) *guesttest.Result {
		r, err := guesttest.Run(module, small, guesttest.Options{Seed: seed, Params: map[string]any{"factors": 4, "iterations": 1}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := guesttest.Same(run(1).Frames, run(1).Frames); err != nil {
		t.Error(err)
	}
	if guesttest.Same(run(1).Frames, run(2).Frames) == nil {
		t.Error("seeds 1 and 2 give the same factors")
	}
}

func TestNegativeValue(t *testing.T) {
	x := guesttest.Rows([][]float32{{1, -2}, {3, 1}})
	if _, err := guesttest.Run(module, x, guesttest.Options{}); err == nil {
		t.Error("a value below 0 was taken")
	}
}

// implicit is the quality of the library implicit 0.7.3,
// AlternatingLeastSquares with confidence αv, over random_state 1 to 5: the
// mean and the standard deviation of Recall@20 and nDCG@20.
type implicit struct{ recall, recallSD, ndcg, ndcgSD float64 }

func (w implicit) holds(t *testing.T, name string, recall, ndcg float64) {
	t.Helper()
	t.Logf("%s: Recall@20 %.5f (implicit %.5f ± %.5f), nDCG@20 %.5f (%.5f ± %.5f)", name, recall, w.recall, w.recallSD, ndcg, w.ndcg, w.ndcgSD)
	if math.Abs(recall-w.recall) > 3*w.recallSD || math.Abs(ndcg-w.ndcg) > 3*w.ndcgSD {
		t.Errorf("%s: more than three standard deviations from implicit", name)
	}
}

// On MovieLens 100K every fifth item of a user, in the order of item ids, is
// held out; factors=32, regularization=0.01, iterations=15.
func TestQuality(t *testing.T) {
	data := guesttest.MovieLens100K(t)
	for _, c := range []struct {
		name, solver string
		data         *guesttest.Labelled
		want         implicit
	}{
		{"binary", "cg", data.Binary(), implicit{0.33885, 0.00127, 0.39084, 0.00196}},
		{"binary", "cholesky", data.Binary(), implicit{0.33814, 0.00100, 0.39085, 0.00160}},
		{"ratings", "cg", data, implicit{0.35046, 0.00209, 0.39702, 0.00188}},
	} {
		if testing.Short() && c.solver == "cholesky" {
			continue
		}
		train, held := c.data.Split(func(place int) bool { return place%5 == 4 })
		r, err := guesttest.Run(module, train.Matrix, guesttest.Options{Seed: 1, Top: 20,
			Params: map[string]any{"factors": 32, "confidence": "scaled", "solver": c.solver}})
		if err != nil {
			t.Fatal(err)
		}
		recall, ndcg := guesttest.Quality(r, train, held, 20)
		c.want.holds(t, c.name+" "+c.solver, recall, ndcg)
	}
}

// Interactions without values are worth 1 each, to the bit.
func TestWithoutValues(t *testing.T) {
	for _, solver := range []string{"cg", "cholesky"} {
		run := func(values bool) *guesttest.Result {
			x := guesttest.Checkerboard(30)
			x.Values = values
			r, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"factors": 5, "iterations": 2, "alpha": 3.0, "solver": solver}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if err := guesttest.Same(run(true).Frames, run(false).Frames); err != nil {
			t.Error(solver, err)
		}
	}
}
