package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rechost/guest/num/naive"
)

func TestAddSparse(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range map[string]func() float32{"ordinary": ordinary(r), "special": special(r), "binary": nil} {
			dense := fill
			if fill == nil {
				dense = ordinary(r)
			}
			for _, cols := range []int{1, 7, 16, 33, 64, 100, 130} {
				m := sparse(r, 20, 30, 25, fill)
				m.First, m.Rows = 3, 14
				if cols == 33 { // enough for several threads
					m = sparse(r, 100, 30, 25, fill)
				}
				x := naive.Matrix{Rows: 30, Cols: cols}
				var okx, okd func() bool
				x.Data, okx = guarded(r, 30*cols, dense)
				got, ok := guarded(r, m.Rows*cols, dense)
				okd = ok
				want := slices.Clone(got)
				a := dense()
				if cols%2 == 0 {
					a = 1
				}
				s.AddSparse(got, a, m, x, 1+cols%3, nil)
				naive.AddSparse(want, a, m, x)
				same(t, fmt.Sprintf("%s, %d columns", kind, cols), got, want)
				if !okx() || !okd() {
					t.Fatalf("%s, %d columns: wrote outside", kind, cols)
				}
			}
		}
	})
}

// A row of more entries than are taken at a time.
func TestAddSparseLongRow(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		m := naive.Sparse{Rows: 1, Cols: 9, Offsets: []uint64{5, 5 + 10_001}}
		for range 10_001 {
			m.Index = append(m.Index, uint32(r.IntN(9)))
		}
		x := naive.Matrix{Rows: 9, Cols: 64, Data: make([]float32, 9*64)}
		naive.Normal(x.Data, 1, 2, 3)
		for _, a := range []float32{1, -0.3} {
			got, want := make([]float32, 64), make([]float32, 64)
			s.AddSparse(got, a, m, x, 2, nil)
			naive.AddSparse(want, a, m, x)
			same(t, "long row", got, want)
		}
	})
}

func TestAddProduct(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for kind, fill := range fills(r) {
			for _, rows := range []int{0, 1, 5, 6, 12, 25, 37} {
				for _, n := range []int{1, 3, 40, 43} {
					for _, cols := range []int{1, 16, 31, 32, 33, 64, 70} {
						a, b := naive.Matrix{Rows: rows, Cols: n}, naive.Matrix{Rows: n, Cols: cols}
						a.Data, _ = guarded(r, rows*n, fill)
						b.Data, _ = guarded(r, n*cols, fill)
						got, ok := guarded(r, rows*cols, fill)
						want := slices.Clone(got)
						s.AddProduct(got, a, b, 1+(rows+cols)%3, nil)
						naive.AddProduct(want, a, b)
						same(t, fmt.Sprintf("%s %dx%d times %dx%d", kind, rows, n, n, cols), got, want)
						if !ok() {
							t.Fatalf("%dx%d times %dx%d: wrote outside", rows, n, n, cols)
						}
					}
				}
			}
		}
	})
}

func TestWhiten(t *testing.T) {
	forms(t, func(t *testing.T, s *set, r *rand.Rand) {
		for _, k := range []int{0, 1, 2, 7, 16, 33, 70} {
			for kind, fill := range fills(r) {
				m := naive.Matrix{Rows: 2*k + 3, Cols: k, Data: make([]float32, (2*k+3)*k)}
				for i := range m.Data {
					m.Data[i] = fill()
				}
				if k > 6 { // columns that depend on others, and one of zeros
					for i := range m.Rows {
						row := m.Row(i)
						row[4], row[5] = row[1]-row[2], 0
					}
				}
				g, ok := guarded(r, k*k, ordinary(r))
				clear(g)
				naive.AddGram(g, m)
				got, okd := guarded(r, k*k, fill)
				want := make([]float32, k*k)
				n := s.Whiten(got, g, k, 1e-4, nil)
				if rank := naive.Whiten(want, g, k, 1e-4); n != rank {
					t.Errorf("%s, k %d: %d columns, want %d", kind, k, n, rank)
				}
				same(t, fmt.Sprintf("%s, k %d", kind, k), got, want)
				if !ok() || !okd() {
					t.Fatalf("k %d: wrote outside", k)
				}
				if kind == "ordinary" && k > 6 && n != k-2 {
					t.Errorf("k %d: %d columns are independent, want %d", k, n, k-2)
				}
			}
		}
	})
}

// However long they take, kernels pause often.
func TestSubspacePauses(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	const k = 300
	x := naive.Matrix{Rows: 4000, Cols: k, Data: make([]float32, 4000*k)}
	naive.Normal(x.Data, 1, 2, 3)
	m := naive.Sparse{Rows: 40, Cols: 4000, Offsets: make([]uint64, 41)}
	for r := range 40 {
		for j := range 4000 {
			m.Index = append(m.Index, uint32(j*7%4000))
		}
		m.Offsets[r+1] = uint64(len(m.Index))
	}
	g, out := make([]float32, k*k), make([]float32, 4000*k)
	AddGram(g, x, 1, nil)
	for name, run := range map[string]func(pause func()){
		"sparse":  func(f func()) { AddSparse(out, 1, m, x, 1, f) },
		"product": func(f func()) { AddProduct(out, x, naive.Matrix{Rows: k, Cols: k, Data: g}, 1, f) },
		"whiten":  func(f func()) { Whiten(out[:k*k], g, k, 1e-5, f) },
		"eigen":   func(f func()) { Eigen(out[:k], make([]float32, k*k), g, k, f) },
	} {
		var gaps []time.Duration
		last := time.Now()
		run(func() {
			now := time.Now()
			gaps = append(gaps, now.Sub(last))
			last = now
		})
		slices.Sort(gaps)
		if len(gaps) < 1 || gaps[len(gaps)/2] > 20*time.Millisecond {
			t.Errorf("%s: %d pauses: %v", name, len(gaps), gaps)
			continue
		}
		t.Logf("%s: %d pauses, median %v, longest %v", name, len(gaps), gaps[len(gaps)/2], gaps[len(gaps)-1])
	}
}

func BenchmarkAddSparse(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	m := naive.Sparse{Rows: 30000, Cols: 41000, Offsets: []uint64{0}}
	for range m.Rows { // as Gowalla: 27 entries a row, few columns with most of them
		for range 27 {
			m.Index = append(m.Index, uint32(41000*r.Float64()*r.Float64()*r.Float64()))
		}
		m.Offsets = append(m.Offsets, uint64(len(m.Index)))
	}
	for _, k := range []int{16, 32, 64, 128, 512} {
		b.Run(fmt.Sprint(k), func(b *testing.B) {
			x := naive.Matrix{Rows: 41000, Cols: k, Data: make([]float32, 41000*k)}
			dst := make([]float32, 30000*k)
			for b.Loop() {
				AddSparse(dst, 1, m, x, 1, nil)
			}
			b.ReportMetric(2*float64(len(m.Index))*float64(k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFlop/s")
		})
	}
}

func BenchmarkAddProduct(b *testing.B) {
	for _, c := range []struct{ n, cols int }{{448, 64}, {512, 512}} {
		b.Run(fmt.Sprint(c.n, "x", c.cols), func(b *testing.B) {
			const rows = 4096
			x, y := make([]float32, rows*c.n), make([]float32, c.n*c.cols)
			dst := make([]float32, rows*c.cols)
			for b.Loop() {
				AddProduct(dst, naive.Matrix{Rows: rows, Cols: c.n, Data: x}, naive.Matrix{Rows: c.n, Cols: c.cols, Data: y}, 1, nil)
			}
			b.ReportMetric(2*rows*float64(c.n)*float64(c.cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFlop/s")
		})
	}
}

func BenchmarkEigen(b *testing.B) {
	const k = 512
	x := naive.Matrix{Rows: 2 * k, Cols: k, Data: make([]float32, 2*k*k)}
	naive.Normal(x.Data, 1, 2, 3)
	g, w := make([]float32, k*k), make([]float32, k*k)
	AddGram(g, x, 1, nil)
	for b.Loop() {
		Eigen(make([]float32, k), w, g, k, nil)
	}
	if math.IsNaN(float64(w[0])) {
		b.Fatal("no eigenvectors")
	}
}
