package main

import (
	"slices"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	for _, by := range []string{"users", "values"} {
		t.Run(by, func(t *testing.T) {
			guesttest.Suite(t, module, guesttest.Expect{Params: map[string]any{"by": by}})
		})
	}
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

func TestOrder(t *testing.T) {
	x := guesttest.Rows([][]float32{
		{1, 0, 9, 0, 1},
		{1, 2, 0, 0, 1},
		{1, 2, 0, 1, 0},
		{0, 0, 0, 1, 0},
	})
	for by, want := range map[string]struct {
		items  []uint32 // for the last user, who has item 3
		scores []float32
	}{
		"users":  {[]uint32{0, 1, 4, 2}, []float32{3, 2, 2, 1}}, // 1 and 4 are equal: the smaller first
		"values": {[]uint32{2, 1, 0, 4}, []float32{9, 4, 3, 2}},
	} {
		r, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"by": by}})
		if err != nil {
			t.Fatal(err)
		}
		if items, scores := r.List(3); !slices.Equal(items, want.items) || !slices.Equal(scores, want.scores) {
			t.Errorf("by=%s: %v with %v, want %v with %v", by, items, scores, want.items, want.scores)
		}
	}
}

// Popularity on Gowalla, found with NumPy: Recall@20 0.04163, nDCG@20 0.03169.
func TestGowalla(t *testing.T) {
	x, test := guesttest.Gowalla(t, "train"), guesttest.Gowalla(t, "test")
	r, err := guesttest.Run(module, x.Matrix, guesttest.Options{Top: 20, Shards: 4})
	if err != nil {
		t.Fatal(err)
	}
	recall, ndcg := guesttest.Quality(r, x, x.Held(test), 20)
	if abs(recall-0.04163) > 5e-5 || abs(ndcg-0.03169) > 5e-5 {
		t.Errorf("Recall@20 %.5f, nDCG@20 %.5f", recall, ndcg)
	}
}

func abs(x float64) float64 { return max(x, -x) }
