package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"rechost/guest/num/naive"
)

// What is screened by reciprocals is the naive loop's best, also where scores lie
// closer together than these can tell, divisors cancel to nearly nothing, or
// numbers are at the ends of what is screened.
func TestNarrowIsConservative(t *testing.T) {
	narrowed := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 11))
		cols := 32 + r.IntN(500)
		k := 1 + r.IntN(cols/32)
		divisor := func() float32 { return 0.5 + r.Float32() }
		if seed%2 == 0 {
			divisor = func() float32 {
				return []float32{0, 0x1p-40, 0x1p40, float32(math.Exp2(r.Float64()*79 - 39.5))}[r.IntN(4)]
			}
		}
		p := naive.Product{Gamma: []float32{0, 1, 0.5, 0x1p-40, 0x1p40}[r.IntN(5)], Alpha: []float32{divisor()}, Beta: []float32{divisor()}}
		for range cols {
			p.Norms = append(p.Norms, divisor())
		}
		scale := math.Exp2(float64(r.IntN(240) - 120))
		values := make([]float32, cols)
		for j := range values {
			d := float64(float32(p.Alpha[0]*p.Norms[j]) + p.Beta[0])
			scoring := func(want float64) float64 { return want * d / (1 + want*float64(p.Gamma)) }
			x := 0.0
			switch seed % 7 {
			case 0:
				x = scoring(1 + (r.Float64()-0.5)*0x1p-12)
			case 1: // x and what is taken off the divisor, all but alike
				x = d / max(float64(p.Gamma), 1) * (1 + float64(r.IntN(9)-4)*0x1p-24)
			case 2:
				x = scoring(scale * (1 + r.Float64()*0x1p-11))
			case 3:
				x = math.Exp2(r.Float64()*270 - 140)
			case 4:
				x = []float64{math.Inf(1), 0, math.NaN(), math.MaxFloat32, 1e-45, 1, math.Inf(-1), -1}[r.IntN(8)]
			case 5:
				x = 0x1p-80 * (1 + (r.Float64()-0.5)*0x1p-10) * d
			case 6:
				x = scoring(0x1p80 * (1 + (r.Float64()-0.5)*0x1p-10))
			}
			if r.IntN(10) == 0 {
				x = -x
			}
			values[j] = float32(x)
		}
		p.A = naive.Sparse{Rows: 1, Cols: 1, Offsets: []uint64{0, 1}, Index: []uint32{0}}
		p.B = naive.Sparse{Rows: 1, Cols: cols, Offsets: []uint64{0, uint64(cols)}, Value: values}
		for j := range cols {
			p.B.Index = append(p.B.Index, uint32(j))
		}
		want := lists(1, k)
		n := naive.ProductTopK(want, p, k)
		for _, s := range available() {
			got := lists(1, k)
			m := s.productTopK(got, p, k, 1, 0, nil)
			sameLists(t, fmt.Sprint(s.name, " of seed ", seed), got, m, want, n)
			if s.peaks == nil {
				continue
			}
			a := s.accumulator(cols, scattered(nil))
			a.row(&p, 0, k, scattered(nil))
			if a.narrow(&p, 0, k, scattered(nil)) > 0 {
				narrowed++
			}
		}
		if t.Failed() {
			return
		}
	}
	if t.Logf("%d rows were narrowed", narrowed); active.peaks != nil && narrowed < 1000 {
		t.Error("hardly any row is narrowed")
	}
}
