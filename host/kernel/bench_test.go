//go:build linux

package kernel

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rechost/guest/num/naive"
)

// The loops and forms side by side:
//
//	go test -run - -bench . ./host/kernel
//
// Those on Gowalla want RECHOST_DATA, or ../shared/data beside the repository.

func random(n int) []float32 {
	x := make([]float32, n)
	naive.Normal(x, 1, 0, 0)
	return x
}

func every(b *testing.B, bench func(b *testing.B, s *set)) {
	for _, s := range available() {
		b.Run(s.name, func(b *testing.B) { bench(b, s) })
	}
}

// spent starts to count the process's processor time, which a busy machine
// changes less than the clock's, and returns what reports it: as time, and as
// speed for so many operations a turn.
func spent(b *testing.B) func(flops float64) {
	start := processor()
	return func(flops float64) {
		s := (processor() - start) / float64(b.N)
		b.ReportMetric(s*1e9, "cpu-ns/op")
		if flops > 0 {
			b.ReportMetric(flops/s/1e9, "GFlop/s")
		}
	}
}

func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkDot(b *testing.B) {
	x, y := random(64), random(64)
	every(b, func(b *testing.B, s *set) {
		done := spent(b)
		for b.Loop() {
			s.dot(&x[0], &y[0], 64)
		}
		done(128)
	})
}

func BenchmarkTile(b *testing.B) {
	c, a, x := random(64*64), random(64*32), random(64*32)
	clear(a)
	every(b, func(b *testing.B, s *set) {
		done := spent(b)
		for b.Loop() {
			s.tile(&c[0], 32, &a[0], s.tall, &x[0], s.wide, 64)
		}
		done(float64(2 * 64 * s.tall * s.wide))
	})
}

func BenchmarkGemv(b *testing.B) {
	q, x, m := random(64), random(64), random(64*64)
	every(b, func(b *testing.B, s *set) {
		done := spent(b)
		for b.Loop() {
			clear(q)
			s.gemv(&q[0], &x[0], &m[0], 64, 64, 64)
		}
		done(2 * 64 * 64)
	})
}

func BenchmarkAddGram(b *testing.B) {
	m := naive.Matrix{Rows: 40981, Cols: 64, Data: random(40981 * 64)}
	dst := make([]float32, 64*64)
	every(b, func(b *testing.B, s *set) {
		done := spent(b)
		for b.Loop() {
			s.AddGram(dst, m, 1, nil)
		}
		done(64 * 64 * 40981) // as the half that is computed
	})
	b.Run("naive", func(b *testing.B) {
		done := spent(b)
		for b.Loop() {
			naive.AddGram(dst, m)
		}
		done(64 * 64 * 40981)
	})
}

// gowalla is LightGCN's training split, users by items.
func gowalla(b *testing.B) naive.Sparse {
	dir := os.Getenv("RECHOST_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "gowalla", "light_gcn_gowalla", "train.txt"))
	if err != nil {
		b.Skip("no Gowalla: ", err)
	}
	defer f.Close()
	m := naive.Sparse{Offsets: []uint64{0}}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		for i, w := range strings.Fields(lines.Text()) {
			n, err := strconv.Atoi(w)
			if err != nil {
				b.Fatal(err)
			}
			if i > 0 {
				m.Index = append(m.Index, uint32(n))
				m.Cols = max(m.Cols, n+1)
			}
		}
		m.Offsets = append(m.Offsets, uint64(len(m.Index)))
		m.Rows++
	}
	return m
}

func transposed(m naive.Sparse) naive.Sparse {
	t := naive.Sparse{Rows: m.Cols, Cols: m.Rows, Offsets: make([]uint64, m.Cols+1), Index: make([]uint32, len(m.Index))}
	Transpose(t, m, 1, nil)
	return t
}

// BenchmarkCosine is the neighbours of every item, K = 100, and the scores of
// every user's profile, top 20, on one core.
func BenchmarkCosine(b *testing.B) {
	users := gowalla(b)
	items := transposed(users)
	p := naive.Product{A: items, B: users, Norms: make([]float32, items.Rows), Beta: make([]float32, items.Rows)}
	RowSums(p.Norms, items, 2, nil)
	for i, v := range p.Norms {
		p.Norms[i] = float32(math.Sqrt(float64(v)))
	}
	p.Alpha = p.Norms
	near := lists(items.Rows, 100)
	b.Run("neighbours", func(b *testing.B) {
		done := spent(b)
		for b.Loop() {
			ProductTopK(near, p, 100, 1, 1<<30, nil)
		}
		done(0)
	})
	b.Run("accumulate", func(b *testing.B) {
		m := scattered(nil)
		a := active.accumulator(users.Cols, m)
		done := spent(b)
		for b.Loop() {
			for r := range items.Rows {
				a.row(&p, r, 100, m)
				if a.dense {
					a.stale, a.n = true, 0
				}
				a.drop(a.touched[:a.n], m)
				a.n = 0
			}
		}
		done(0)
	})
	near.Rows, near.Cols = items.Rows, items.Rows
	q := naive.Product{A: users, B: near, Mask: naive.Mask{Without: users}}
	top := lists(users.Rows, 20)
	b.Run("scores", func(b *testing.B) {
		done := spent(b)
		for b.Loop() {
			ProductTopK(top, q, 20, 1, 1<<30, nil)
		}
		done(0)
	})
}

// BenchmarkScore is every user's top 20 from 64 factors, on one core.
func BenchmarkScore(b *testing.B) {
	seen := gowalla(b)
	users := naive.Matrix{Rows: seen.Rows, Cols: 64, Data: random(seen.Rows * 64)}
	items := naive.Matrix{Rows: seen.Cols, Cols: 64, Data: random(seen.Cols * 64)}
	top := lists(seen.Rows, 20)
	every(b, func(b *testing.B, s *set) {
		u := users
		v := seen
		if s.name == "go" {
			u.Rows, v.Rows = 300, 300
		}
		done := spent(b)
		for b.Loop() {
			s.ScoreTopK(top, u, nil, items, naive.Mask{Without: v}, 20, nil)
		}
		done(float64(2*64*u.Rows) * float64(items.Rows))
	})
}

// BenchmarkRidge is one sweep over users: 64 factors.
func BenchmarkRidge(b *testing.B) {
	seen := gowalla(b)
	rng := rand.New(rand.NewPCG(1, 1))
	y := naive.Matrix{Rows: seen.Cols, Cols: 64, Data: random(seen.Cols * 64)}
	p := naive.Ridge{Rows: seen, Factors: y, Gram: make([]float32, 64*64), Lambda: make([]float32, seen.Rows), Target: [2]float32{0, 1}}
	AddGram(p.Gram, y, 1, nil)
	for i := range p.Lambda {
		p.Lambda[i] = 0.01 + rng.Float32()
	}
	x := make([]float32, seen.Rows*64)
	for _, w := range []float32{0, 1} {
		p.Weight = [2]float32{0, w}
		name := map[float32]string{0: "weightless", 1: "weighted"}[w]
		b.Run("cg/"+name, func(b *testing.B) {
			every(b, func(b *testing.B, s *set) {
				done := spent(b)
				for b.Loop() {
					s.RidgeCG(x, p, 3, nil)
				}
				done(0)
			})
		})
	}
	b.Run("cg/weighted/naive", func(b *testing.B) {
		done := spent(b)
		for b.Loop() {
			naive.RidgeCG(x, p, 3)
		}
		done(0)
	})
	b.Run("cholesky", func(b *testing.B) {
		every(b, func(b *testing.B, s *set) {
			few := p
			few.Rows.Rows = 3000
			done := spent(b)
			for b.Loop() {
				s.RidgeCholesky(x, few, nil)
			}
			done(0)
		})
	})
}
