//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"rechost/guest/num/naive"
)

func BenchmarkGemm(b *testing.B) {
	for _, size := range [][3]int{{256, 256, 256}, {1024, 1024, 1024}, {512, 41000, 64}, {41000, 512, 64}} {
		m, n, k := size[0], size[1], size[2]
		x, y := naive.Matrix{Rows: m, Cols: k, Data: random(m * k)}, naive.Matrix{Rows: k, Cols: n, Data: random(k * n)}
		dst := make([]float32, m*n)
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dx%dx%d/%d", m, n, k, threads), func(b *testing.B) {
				every(b, func(b *testing.B, s *set) {
					if s.name == "go" && m*n*k > 1<<25 {
						b.Skip("slow")
					}
					done := spent(b)
					for b.Loop() {
						s.Gemm(dst, x, y, threads, nil)
					}
					done(2 * float64(m) * float64(n) * float64(k))
				})
			})
		}
	}
}

// BenchmarkInverse is the size of MovieLens 1M's items.
func BenchmarkInverse(b *testing.B) {
	const n = 3706
	from, a := definite(rand.New(rand.NewPCG(1, 2)), n), make([]float32, n*n)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint(threads), func(b *testing.B) {
			every(b, func(b *testing.B, s *set) {
				if s.name == "go" {
					b.Skip("slow")
				}
				done := spent(b)
				for b.Loop() {
					copy(a, from)
					s.Inverse(a, n, threads, nil)
				}
				done(float64(n) * n * n)
			})
		})
	}
}

// BenchmarkLinear is the rest of EASE on a matrix of MovieLens 1M's size.
func BenchmarkLinear(b *testing.B) {
	const users, items, each = 6040, 3706, 165
	r := rand.New(rand.NewPCG(1, 2))
	x := naive.Sparse{Rows: users, Cols: items, Offsets: []uint64{0}}
	for range users {
		n := int(float64(each) * (0.2 + r.ExpFloat64()*0.8))
		for j := range items {
			if u := float64(j+1) / items; r.Float64() < float64(n)/items/(2*u)*0.9 {
				x.Index = append(x.Index, uint32(j))
			}
		}
		x.Offsets = append(x.Offsets, uint64(len(x.Index)))
	}
	w := naive.Matrix{Rows: items, Cols: items, Data: random(items * items)}
	dst := make([]float32, items*items)
	top := lists(users, 20)
	b.Logf("%d entries", len(x.Index))
	b.Run("gram", func(b *testing.B) {
		done := spent(b)
		for b.Loop() {
			SparseGram(dst, x, 1, 1<<30, nil)
		}
		done(0)
	})
	b.Run("divide", func(b *testing.B) {
		done := spent(b)
		for b.Loop() {
			DivideColumns(w.Data, w.Data[:items], 1, nil)
		}
		done(0)
	})
	copy(w.Data, random(items*items))
	b.Run("rows", func(b *testing.B) {
		every(b, func(b *testing.B, s *set) {
			if s.name == "go" {
				b.Skip("slow")
			}
			done := spent(b)
			for b.Loop() {
				s.RowsTopK(top, x, w, naive.Mask{Without: x}, 20, nil)
			}
			done(2 * float64(len(x.Index)) * items)
		})
	})
}

// BenchmarkDense is what a library for dense matrices does too, on one thread
// and on two, with the form in use: a product, the scores and best 20 of 2,000
// rows among 40,000, an inverse.
func BenchmarkDense(b *testing.B) {
	x, y := naive.Matrix{Rows: 1024, Cols: 1024, Data: random(1 << 20)}, naive.Matrix{Rows: 1024, Cols: 1024, Data: random(1 << 20)}
	dst := make([]float32, 1<<20)
	users, items := naive.Matrix{Rows: 2000, Cols: 64, Data: random(2000 * 64)}, naive.Matrix{Rows: 40000, Cols: 64, Data: random(40000 * 64)}
	seen := naive.Sparse{Rows: users.Rows, Cols: items.Rows, Offsets: make([]uint64, users.Rows+1)}
	for r := range users.Rows {
		for j := r; j < items.Rows; j += 1500 {
			seen.Index = append(seen.Index, uint32(j))
		}
		seen.Offsets[r+1] = uint64(len(seen.Index))
	}
	top := lists(users.Rows, 20)
	const n = 3706
	from, a := definite(rand.New(rand.NewPCG(1, 2)), n), make([]float32, n*n)
	for _, threads := range []int{1, 2} {
		for name, run := range map[string]func(){
			"gemm":    func() { Gemm(dst, x, y, threads, nil) },
			"score":   func() { ScoreTopK(top, users, nil, items, naive.Mask{Without: seen}, 20, threads, nil) },
			"inverse": func() { copy(a, from); Inverse(a, n, threads, nil) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, threads), func(b *testing.B) {
				for b.Loop() {
					run()
				}
			})
		}
	}
}
