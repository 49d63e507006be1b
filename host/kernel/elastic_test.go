package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"rechost/guest/num/naive"
)

func TestDescend(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for _, n := range []int{1, 2, 7, 16, 33, 100} {
				for _, rows := range []int{0, 1, 3, n} {
					if rows > n {
						continue
					}
					g := naive.Matrix{Rows: n, Cols: n}
					var okg func() bool
					g.Data, okg = guarded(r, n*n, fill)
					if kind == "ordinary" {
						naive.SparseGram(g.Data, sparse(r, 3*n, n, n/2+1, fill)) // so that there is a solution
					}
					p := naive.ElasticNet{Gram: g, First: r.IntN(n - rows + 1), L1: r.Float32() / 4, L2: r.Float32(), Tolerance: 1e-3, Turns: r.IntN(12)}
					w, okw := guarded(r, rows*n, func() float32 { return max(0, fill()) })
					slope, oks := guarded(r, rows*n, fill)
					w2, slope2 := slices.Clone(w), slices.Clone(slope)
					what := fmt.Sprintf("%s, %d of %d, %d turns", kind, rows, n, p.Turns)
					s.Descend(w, slope, p, 1+n%3, nil)
					p.Descend(w2, slope2)
					same(t, what+": weights", w, w2)
					same(t, what+": slopes", slope, slope2)
					if !okg() || !okw() || !oks() {
						t.Fatalf("%s: wrote outside", what)
					}
				}
			}
		}
	})
}

// More weights above 0 than are packed.
func TestDescendWide(t *testing.T) {
	const n = packed + 70
	r := rand.New(rand.NewPCG(1, 2))
	g := naive.Matrix{Rows: n, Cols: n, Data: make([]float32, n*n)}
	for i := range n {
		for j := range i {
			g.Data[i*n+j] = r.Float32() / n
			g.Data[j*n+i] = g.Data[i*n+j]
		}
		g.Data[i*n+i] = 2
	}
	p := naive.ElasticNet{Gram: g, First: 5, L1: 0.01, L2: 0.1, Tolerance: 1e-3, Turns: 5}
	w, slope := make([]float32, n), make([]float32, n)
	for i := range slope {
		slope[i] = 1 + r.Float32()
	}
	w2, slope2 := slices.Clone(w), slices.Clone(slope)
	active.Descend(w, slope, p, 1, nil)
	p.Descend(w2, slope2)
	same(t, "weights", w, w2)
	same(t, "slopes", slope, slope2)
	above := 0
	for _, x := range w {
		if x > 0 {
			above++
		}
	}
	if above <= packed {
		t.Errorf("%d weights are above 0, not more than %d", above, packed)
	}
}
