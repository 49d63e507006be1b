package main

import (
	"math"
	"strings"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	guesttest.Suite(t, module, guesttest.Expect{Personal: true})
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

// Each item's weights are those of the least sum in the paper's equation 3,
// with the loss divided by twice the number of users: no weight that is moved
// a little up or down makes it less, in float64.
func TestMinimum(t *testing.T) {
	const alpha, ratio = 0.11, 0.4
	x := [][]float32{{1, 0, 2, 0, 1}, {0, 3, 1, 0, 1}, {1, 1, 0, 1, 0}, {0, 2, 4, 0, 2}, {1, 1, 0, 0, 0}, {2, 0, 1, 2, 5}}
	r, err := guesttest.Run(module, guesttest.Rows(x), guesttest.Options{
		Params: map[string]any{"alpha": alpha, "l1_ratio": ratio, "tolerance": 1e-7, "iterations": 10000}})
	if err != nil {
		t.Fatal(err)
	}
	n := len(x[0])
	above := 0
	for j := range n {
		w := make([]float64, n)
		ids, values := r.Frames["weights"].Row(j, "item", "value")
		for e, i := range ids {
			w[i] = float64(values[e])
			if w[i] <= 0 || int(i) == j || e > 0 && values[e] > values[e-1] {
				t.Errorf("item %d has the weights %v of %v", j, values, ids)
			}
			above++
		}
		cost := func() (sum float64) {
			for _, row := range x {
				d := float64(row[j])
				for i, v := range row {
					d -= w[i] * float64(v)
				}
				sum += d * d / float64(2*len(x))
			}
			for _, v := range w {
				sum += alpha*ratio*v + alpha*(1-ratio)*v*v/2
			}
			return sum
		}
		least := cost()
		for i := range n {
			for _, by := range []float64{1e-3, -1e-3} {
				old := w[i]
				if i == j || old+by < 0 {
					continue
				}
				if w[i] += by; cost() < least-1e-9 {
					t.Errorf("item %d: moving its weight on %d from %v by %v takes the sum from %v to %v", j, i, old, by, least, cost())
				}
				w[i] = old
			}
		}
	}
	if above == 0 || above == n*(n-1) {
		t.Errorf("%d weights are above 0: the test shows little", above)
	}
	for u, row := range x {
		items, scores := r.Frames["recommendations"].Row(u, "item", "score")
		for e, j := range items {
			var want float64
			ids, values := r.Frames["weights"].Row(int(j), "item", "value")
			for k, i := range ids {
				want += float64(row[i]) * float64(values[k])
			}
			if row[j] != 0 || math.Abs(float64(scores[e])-want) > 1e-5 {
				t.Errorf("user %d, item %d: %v, want %v", u, j, scores[e], want)
			}
		}
	}
}

// No more weights are kept than asked for, and the greatest of them.
func TestNeighbours(t *testing.T) {
	x := guesttest.Noisy(60, 12)
	run := func(k int) *guesttest.Result {
		r, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"neighbours": k}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	all, two := run(100), run(2)
	for j := range x.Items {
		ids, _ := all.Frames["weights"].Row(j, "item", "value")
		kept, _ := two.Frames["weights"].Row(j, "item", "value")
		if len(ids) < 3 || len(kept) != 2 || kept[0] != ids[0] || kept[1] != ids[1] {
			t.Errorf("item %d: of %v, kept %v", j, ids, kept)
		}
	}
}

func TestTooManyItems(t *testing.T) {
	x := guesttest.New(1, most+1, []guesttest.Cell{{Value: 1}})
	_, err := guesttest.Run(module, x, guesttest.Options{})
	if err == nil || !strings.Contains(err.Error(), "leave rare items out") {
		t.Error(err)
	}
}
