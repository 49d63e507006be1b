package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

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

// However many turns are asked for, pauses come often, and one of them can end
// the call.
func TestDescendPauses(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	const n = 400
	m := naive.Matrix{Rows: 500, Cols: n, Data: make([]float32, 500*n)}
	naive.Uniform(m.Data, 1, 2, 3)
	p := naive.ElasticNet{Gram: naive.Matrix{Rows: n, Cols: n, Data: make([]float32, n*n)}, Tolerance: -1, Turns: 1 << 30}
	AddGram(p.Gram.Data, m, 1, nil)
	var gaps []time.Duration
	last := time.Now()
	enough := func() {
		now := time.Now()
		gaps = append(gaps, now.Sub(last))
		if last = now; len(gaps) == 200 {
			panic("enough")
		}
	}
	func() {
		defer func() {
			if r := recover(); r != "enough" {
				t.Fatal(r)
			}
		}()
		Descend(make([]float32, n*n), slices.Clone(p.Gram.Data), p, 1, enough)
		t.Fatal("it came to an end")
	}()
	slices.Sort(gaps)
	if gaps[len(gaps)/2] > 20*time.Millisecond {
		t.Errorf("between pauses: %v", gaps)
	}
	t.Logf("median %v, longest %v", gaps[len(gaps)/2], gaps[len(gaps)-1])
}

func FuzzDescend(f *testing.F) {
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz\x00\x10\x20\x30\x40\x50"), uint8(5), uint8(9), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, items, turns uint8, seed uint64) {
		n := int(items%40) + 1
		r := rand.New(rand.NewPCG(seed, 0))
		v := floats(b)
		fill := func(n int) []float32 {
			x := make([]float32, n)
			for i := range x {
				if x[i] = r.Float32(); len(v) > 0 && r.IntN(4) == 0 {
					x[i] = v[r.IntN(len(v))]
				}
			}
			return x
		}
		rows := r.IntN(n + 1)
		p := naive.ElasticNet{Gram: naive.Matrix{Rows: n, Cols: n, Data: fill(n * n)}, First: r.IntN(n - rows + 1), Turns: int(turns % 20)}
		x := fill(3)
		p.L1, p.L2, p.Tolerance = x[0], x[1], x[2]
		w, slope := fill(rows*n), fill(rows*n)
		wantW, wantSlope := slices.Clone(w), slices.Clone(slope)
		p.Descend(wantW, wantSlope)
		for _, s := range available() {
			gotW, gotSlope := slices.Clone(w), slices.Clone(slope)
			s.Descend(gotW, gotSlope, p, 2, nil)
			same(t, s.name+" weights", gotW, wantW)
			same(t, s.name+" slopes", gotSlope, wantSlope)
		}
	})
}
