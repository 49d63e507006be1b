package main

import (
	"math"
	"strings"
	"testing"

	"rechost/guest/guesttest"
)

func TestSuite(t *testing.T) {
	guesttest.Suite(t, module, guesttest.Expect{Personal: true, MayFail: []string{"regularization"}, // of 0: more items than users
		Params: map[string]any{"regularization": 1.0}})
}

func TestBits(t *testing.T) { guesttest.Bits(t, guesttest.Native(module), "testdata/bits.txt") }

// The weights solve the paper's problem: each column j is the ridge regression
// of item j on all others, (XᵀX + λI)₋ⱼ b = (Xᵀxⱼ)₋ⱼ, in float64.
func TestEquation(t *testing.T) {
	const lambda = 1.75
	x := [][]float32{{1, 0, 2, 0, 0}, {0, 3, 1, 0, 1}, {1, 0, 0, 1, 0}, {0, 0, 4, 0, 2}, {1, 1, 0, 0, 0}, {0, 0, 0, 2, 5}}
	r, err := guesttest.Run(module, guesttest.Rows(x), guesttest.Options{Params: map[string]any{"regularization": lambda}})
	if err != nil {
		t.Fatal(err)
	}
	n := len(x[0])
	b := r.Frames["weights"].Arrays["weight"].Data.([]float32)
	gram := func(i, j int) (s float64) {
		for _, row := range x {
			s += float64(row[i]) * float64(row[j])
		}
		return s
	}
	for j := range n {
		if b[j*n+j] != 0 {
			t.Errorf("item %d has a weight on itself", j)
		}
		for i := range n {
			if i == j {
				continue
			}
			left := lambda * float64(b[i*n+j])
			for k := range n {
				left += gram(i, k) * float64(b[k*n+j])
			}
			if want := gram(i, j); math.Abs(left-want) > 1e-4*math.Max(1, want) {
				t.Errorf("column %d, equation %d: %v, want %v", j, i, left, want)
			}
		}
	}
	for u, row := range x {
		items, scores := r.Frames["recommendations"].Row(u, "item", "score")
		for e, j := range items {
			var want float64
			for i, v := range row {
				want += float64(v) * float64(b[i*n+int(j)])
			}
			if row[j] != 0 || math.Abs(float64(scores[e])-want) > 1e-5 {
				t.Errorf("user %d, item %d: %v, want %v", u, j, scores[e], want)
			}
		}
	}
}

func TestNoSolution(t *testing.T) {
	x := guesttest.Rows([][]float32{{1, 1}, {1, 1}})
	_, err := guesttest.Run(module, x, guesttest.Options{Params: map[string]any{"regularization": 0.0}})
	if err == nil || !strings.Contains(err.Error(), "raise regularization") {
		t.Error(err)
	}
}
