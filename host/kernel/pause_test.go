package kernel

import (
	"slices"
	"testing"
	"time"

	"rechost/guest/num/naive"
)

// No kernel goes on for long without a pause, whatever the shape of its work:
// the bound is twenty times what a quiet machine needs.
func TestPauses(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	const k, rows = 1000, 3
	y := naive.Matrix{Rows: 1500, Cols: k, Data: make([]float32, 1500*k)}
	naive.Normal(y.Data, 1, 2, 3)
	long := naive.Sparse{Rows: rows, Cols: 1500, Offsets: []uint64{0, 1500, 3000, 4500}, Index: make([]uint32, 4500)}
	for e := range long.Index {
		long.Index[e] = uint32(e % 1500)
	}
	p := naive.Ridge{Rows: long, Factors: y, Gram: make([]float32, k*k), Lambda: []float32{1, 1, 1}, Weight: [2]float32{0, 1}, Target: [2]float32{0, 1}}
	for i := range k {
		p.Gram[i*k+i] = 1
	}
	wide := naive.Sparse{Rows: 1500, Cols: 1500, Offsets: make([]uint64, 1501)}
	for r := range 1500 {
		wide.Index = append(wide.Index, long.Index[:1500]...)
		wide.Offsets[r+1] = uint64(len(wide.Index))
	}
	x := make([]float32, rows*k)
	for _, s := range available() {
		if s.name == "go" {
			continue // the same pieces, cut by the same meter, but minutes of work
		}
		for name, run := range map[string]func(pause func()){
			"gram":     func(f func()) { s.AddGram(make([]float32, k*k), y, 1, f) },
			"cg":       func(f func()) { s.RidgeCG(x, p, 3, f) },
			"cholesky": func(f func()) { s.RidgeCholesky(x, p, f) },
			"score":    func(f func()) { s.ScoreTopK(lists(1500, 9), y, nil, y, naive.Mask{}, 9, f) },
			"product":  func(f func()) { s.productTopK(lists(rows, 9), naive.Product{A: long, B: wide}, 9, 1, 1<<30, f) },
			"gemm": func(f func()) {
				s.Gemm(make([]float32, 1500*1500), y, naive.Matrix{Rows: k, Cols: 1500, Data: y.Data}, 1, f)
			},
			"inverse":   func(f func()) { s.Inverse(slices.Clone(p.Gram), k, 1, f) },
			"sparse":    func(f func()) { SparseGram(make([]float32, 1500*1500), wide, 1, 1<<30, f) },
			"rows":      func(f func()) { s.RowsTopK(lists(1500, 9), wide, y, naive.Mask{}, 9, f) },
			"transpose": func(f func()) { Transpose(lists(1500, 1500), wide, 1, f) },
			"normal":    func(f func()) { Normal(make([]float32, 1<<20), 1, 2, 3, f) },
		} {
			var gaps []time.Duration
			last := time.Now()
			pause := func() {
				now := time.Now()
				gaps = append(gaps, now.Sub(last))
				last = now
			}
			run(pause)
			pause()
			slices.Sort(gaps)
			// The median, and a bound that only what hangs meets: a busy machine holds up many.
			usual, n := gaps[len(gaps)/2], len(gaps)
			if n < 3 || usual > time.Second {
				t.Errorf("%s %s: %d pauses, half of them %v or more apart", s.name, name, n, usual)
			}
			t.Logf("%s %s: %d pauses, median %v, longest %v", s.name, name, n, usual, gaps[n-1])
		}
	}
}
