package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"rechost/guest/num/naive"
)

// floats reads numbers from fuzzed bytes: a byte below 16 picks an odd one.
func floats(b []byte) []float32 {
	odd := [16]float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-45, -1e-45,
		math.MaxFloat32, -math.MaxFloat32, 1, -1, 0.5, 1e-20, 1e20, 3, -3}
	x := make([]float32, len(b))
	for i, v := range b {
		if x[i] = float32(int8(v)) / 7; v < 16 {
			x[i] = odd[v]
		}
	}
	return x
}

// halves splits fuzzed numbers into two vectors of one length, at any alignment.
func halves(b []byte, skip uint8) (x, y []float32) {
	v := floats(b)
	v = v[min(int(skip%8), len(v)):]
	return v[:len(v)/2], v[len(v)/2:][:len(v)/2]
}

func FuzzVectors(f *testing.F) {
	f.Add([]byte("0123456789012345678901234567890123456789\x00\x01\x02\x03\x04\x05"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, skip uint8) {
		x, y := halves(b, skip)
		for _, s := range available() {
			same(t, s.name+" dot", []float32{s.Dot(x, y)}, []float32{naive.Dot(x, y)})
			if len(x) > 0 {
				got, want := slices.Clone(y), slices.Clone(y)
				s.Axpy(x[0], x, got)
				naive.Axpy(x[0], x, want)
				same(t, s.name+" axpy", got, want)
			}
		}
	})
}

func FuzzRidge(f *testing.F) {
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz\x00\x10\x20\x30\x40\x50"), uint8(5), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, cols uint8, seed uint64) {
		k := int(cols%80) + 1
		r := rand.New(rand.NewPCG(seed, 0))
		v := floats(b)
		fill := func() float32 {
			if len(v) > 0 && r.IntN(4) == 0 {
				return v[r.IntN(len(v))]
			}
			return r.Float32()
		}
		y := naive.Matrix{Rows: 40, Cols: k, Data: make([]float32, 40*k)}
		p := naive.Ridge{Factors: y, Rows: sparse(r, 3, 40, 40, fill), Gram: make([]float32, k*k), Lambda: []float32{fill(), fill(), fill()},
			Weight: [2]float32{fill(), fill()}, Target: [2]float32{fill(), fill()}}
		for i := range y.Data {
			y.Data[i] = fill()
		}
		naive.AddGram(p.Gram, y)
		start := make([]float32, 3*k)
		for i := range start {
			start[i] = fill()
		}
		want := slices.Clone(start)
		naive.RidgeCG(want, p, 2)
		solution := make([]float32, 3*k)
		bad := naive.RidgeCholesky(solution, p)
		for _, s := range available() {
			got := slices.Clone(start)
			s.RidgeCG(got, p, 2, nil)
			same(t, s.name+" cg", got, want)
			if n := s.RidgeCholesky(got, p, nil); n != bad {
				t.Fatalf("%s: first bad row %d, want %d", s.name, n, bad)
			}
			same(t, s.name+" cholesky", got, solution)
		}
	})
}

// Odd numbers come anywhere in a positive definite matrix, which then mostly has
// no inverse; without any it has one.
func FuzzInverse(f *testing.F) {
	f.Add([]byte("\x40"), uint8(40), uint8(1), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, size, threads uint8, seed uint64) {
		n := int(size) + 1
		r := rand.New(rand.NewPCG(seed, 0))
		from := definite(r, n)
		for _, v := range floats(b) {
			from[r.IntN(n*n)] = v
		}
		want := slices.Clone(from)
		bad := naive.Inverse(want, n)
		for _, s := range available() {
			got := slices.Clone(from)
			if k := s.Inverse(got, n, int(threads%3)+1, nil); k != bad {
				t.Fatalf("%s: first bad pivot %d, want %d", s.name, k, bad)
			}
			same(t, s.name, got, want)
		}
	})
}

func FuzzLists(f *testing.F) {
	f.Add([]byte("the quick brown fox\x00\x01\x02\x03\x04"), uint8(4), uint8(9), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, cols, k uint8, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		v := floats(append(b, 30))
		fill := func() float32 { return v[r.IntN(len(v))] }
		n, top := int(cols)+1, int(k)+1
		p := naive.Product{A: sparse(r, 4, 20, 20, fill), B: sparse(r, 20, n, 100, fill), Mask: mask(r, 4, n), Gamma: fill()}
		if seed%3 == 0 {
			p.A.Value, p.B.Value = nil, nil
		}
		if seed%2 == 0 {
			p.Alpha, p.Beta = []float32{fill(), fill(), fill(), fill()}, []float32{fill(), fill(), fill(), fill()}
			for range n {
				p.Norms = append(p.Norms, fill())
			}
		}
		got, want := lists(4, top), lists(4, top)
		wanted := naive.ProductTopK(want, p, top)
		for _, s := range available() {
			sameLists(t, s.name+" product", got, s.productTopK(got, p, top, 1, 1<<30, nil), want, wanted)
		}

		c := int(seed%5) + 1
		users, items := naive.Matrix{Rows: 4, Cols: c, Data: make([]float32, 4*c)}, naive.Matrix{Rows: n, Cols: c, Data: make([]float32, n*c)}
		for _, x := range [][]float32{users.Data, items.Data} {
			for i := range x {
				x[i] = fill()
			}
		}
		m := naive.ScoreTopK(want, users, nil, items, p.Mask, top)
		for _, s := range available() {
			sameLists(t, s.name+" score", got, s.ScoreTopK(got, users, nil, items, p.Mask, top, nil), want, m)
		}
	})
}
