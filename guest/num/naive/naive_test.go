package naive

import (
	"fmt"
	"math"
	"testing"
)

// The known answers of Random123's kat_vectors for philox4x32 with 10 rounds.
func TestBlock(t *testing.T) {
	for _, c := range []struct {
		seed, stream, counter uint64
		want                  string
	}{
		{0, 0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"},
		{math.MaxUint64, math.MaxUint64, math.MaxUint64, "408f276d 41c83b0e a20bc7c6 6d5451fd"},
		{0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, "d16cfe09 94fdcceb 5001e420 24126ea1"},
	} {
		b := Block(c.seed, c.stream, c.counter)
		if got := fmt.Sprintf("%08x %08x %08x %08x", b[0], b[1], b[2], b[3]); got != c.want {
			t.Errorf("%x %x %x: %s, want %s", c.seed, c.stream, c.counter, got, c.want)
		}
	}
}

func TestLog(t *testing.T) {
	for x := 1e-12; x < 1e12; x *= 1.01 {
		if got, want := log(x), math.Log(x); math.Abs(got-want) > 1e-15*math.Max(1, math.Abs(want)) {
			t.Fatalf("log(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	for w := uint64(0); w < 1<<32; w += 1<<32/1009 + 1 {
		p := (float64(w) + 0.5) / (1 << 32)
		x := quantile(uint32(w))
		if back := math.Erfc(-x/math.Sqrt2) / 2; math.Abs(back-p) > 1.3e-9*p*(1+x*x)+1e-14 { // x is off by 1.2e-9 of itself
			t.Fatalf("quantile at %v is %v, whose p is %v", p, x, back)
		}
	}
	if a, b := quantile(0), quantile(math.MaxUint32); a != -b || a > -6.2 || a < -6.4 {
		t.Errorf("ends are %v and %v", a, b)
	}
}

// The first numbers of a stream, which must never change: results depend on them.
func TestRandomIsPinned(t *testing.T) {
	u, n := make([]float32, 5), make([]float32, 5)
	Uniform(u, 42, 7, 3)
	Normal(n, 42, 7, 3)
	if got := fmt.Sprintf("%x %x", bitsOf(u), bitsOf(n)); got != pinned {
		t.Errorf("got %s, want %s", got, pinned)
	}
	later := make([]float32, 2)
	Normal(later, 42, 7, 6)
	if later[0] != n[3] || later[1] != n[4] {
		t.Error("a fill from a later counter is not a part of the same sequence")
	}
	var sum, square float64
	big := make([]float32, 100000)
	Normal(big, 1, 2, 0)
	for _, x := range big {
		sum += float64(x)
		square += float64(x) * float64(x)
	}
	if mean, v := sum/1e5, square/1e5; math.Abs(mean) > 0.01 || math.Abs(v-1) > 0.015 {
		t.Errorf("mean %v and variance %v", mean, v)
	}
}

func bitsOf(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
	}
	return b
}

// The stated order, by hand: in float32, 2^24 + 1 is 2^24.
func TestDotOrder(t *testing.T) {
	x := make([]float32, 33)
	for i := range x {
		x[i] = 1
	}
	x[0], x[16], x[32] = 1<<24, 1, 1 // lane 0: 2^24 + 1 + 1 = 2^24
	x[8] = 3                         // joins lane 0 first: 3+1 = 4
	if got := Sum(x); got != 1<<24+32 {
		t.Errorf("sum %v", got)
	}
	ones := make([]float32, 33)
	for i := range ones {
		ones[i] = 1
	}
	if Dot(x, ones) != Sum(x) {
		t.Error("dot and sum differ in order")
	}
}

func dense(p Ridge, row int) ([][]float64, []float64) {
	k := p.Factors.Cols
	a, b := make([][]float64, k), make([]float64, k)
	for i := range a {
		a[i] = make([]float64, k)
		for j := range a[i] {
			a[i][j] = float64(p.Gram[i*k+j])
		}
		a[i][i] += float64(p.Lambda[row])
	}
	from, to := p.Rows.Range(row)
	for e := from; e < to; e++ {
		y, v := p.Factors.Row(int(p.Rows.Index[e])), p.Rows.At(e)
		for i := range k {
			for j := range k {
				a[i][j] += float64(p.Weight[0]*v+p.Weight[1]) * float64(y[i]) * float64(y[j])
			}
			b[i] += float64(p.Target[0]*v+p.Target[1]) * float64(y[i])
		}
	}
	return a, b
}

// Both solvers solve the equations that Ridge states.
func TestRidgeSolves(t *testing.T) {
	const k, n, rows = 8, 30, 4
	y := Matrix{Rows: n, Cols: k, Data: make([]float32, n*k)}
	Normal(y.Data, 1, 0, 0)
	p := Ridge{Factors: y, Gram: make([]float32, k*k), Lambda: []float32{0.5, 1, 2, 3},
		Weight: [2]float32{2, 0}, Target: [2]float32{2, 1},
		Rows: Sparse{Rows: rows, Cols: n, Offsets: []uint64{5, 8, 8, 18, 25}, Index: make([]uint32, 20), Value: make([]float32, 20)}}
	AddGram(p.Gram, y)
	for e := range p.Rows.Index {
		p.Rows.Index[e], p.Rows.Value[e] = uint32(e*7%n), float32(e%3+1)
	}
	check := func(name string, x []float32, tolerance float64) {
		for r := range rows {
			x := x[r*k:][:k]
			if r == 1 {
				for _, v := range x {
					if v != 0 {
						t.Errorf("%s: a row without entries is %v", name, x)
					}
				}
				continue
			}
			a, b := dense(p, r)
			for i := range k {
				s := -b[i]
				for j := range k {
					s += a[i][j] * float64(x[j])
				}
				if math.Abs(s) > tolerance {
					t.Errorf("%s: row %d: residual %v", name, r, s)
				}
			}
		}
	}
	x := make([]float32, rows*k)
	for i := range x {
		x[i] = 1
	}
	RidgeCG(x, p, 20)
	check("cg", x, 1e-3)
	if bad := RidgeCholesky(x, p); bad != -1 {
		t.Fatalf("row %d is not positive definite", bad)
	}
	check("cholesky", x, 1e-3)
	p.Lambda[2] = -1e6
	if bad := RidgeCholesky(x, p); bad != 2 || x[2*k] == x[2*k] || x[3*k] != x[3*k] {
		t.Errorf("bad row %d, x %v", bad, x)
	}
}

func TestProductScores(t *testing.T) {
	// Users 0 and 1 have items {0, 1, 2} and {1, 2}; item 3 is nobody's.
	users := Sparse{Rows: 2, Cols: 4, Offsets: []uint64{0, 3, 5}, Index: []uint32{0, 1, 2, 1, 2}}
	items := Sparse{Rows: 4, Cols: 2, Offsets: []uint64{0, 1, 3, 5, 5}, Index: []uint32{0, 0, 1, 0, 1}}
	n := []float32{1, 2, 2, 0}
	p := Product{A: items, B: users, Norms: []float32{1, 1, 1, 1}, Alpha: []float32{1, 1, 1, 1}, Beta: n, Gamma: 1, OffDiagonal: true}
	p.Norms, p.Alpha = n, []float32{1, 1, 1, 1} // Jaccard: c / (n_i + n_j - c)
	dst := Sparse{Offsets: make([]uint64, 5), Index: make([]uint32, 8), Value: make([]float32, 8)}
	got := fmt.Sprint(ProductTopK(dst, p, 2), dst.Offsets, dst.Index[:6], dst.Value[:6])
	if want := "6 [0 2 4 6 6] [1 2 2 0 1 0] [0.5 0.5 1 0.5 1 0.5]"; got != want {
		t.Errorf("jaccard: %s, want %s", got, want)
	}
}

const pinned = "[3eaae730 3f65dde9 3ec01ec2 3f0fcdf8 3e323b60] [bedbe1de 3fa287f0 bea2d395 3e1f1a48 bf703201]"
