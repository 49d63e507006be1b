package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"rechost/guest/num/naive"
)

// A quarter of MovieLens 1M's users and of its items. Bytes are those of
// vectors read and written.
func BenchmarkBPR(b *testing.B) {
	const users, items, k = 1510, 926, 64
	r := rand.New(rand.NewPCG(1, 2))
	m := naive.Sparse{Rows: users, Cols: items, Offsets: []uint64{0}}
	p := naive.Pairwise{Rate: 0.01, Decay: 0.01, Passes: 1, Verify: true}
	for range users {
		row := r.Perm(items)[:41]
		slices.Sort(row)
		for _, c := range row {
			m.Index = append(m.Index, uint32(c))
		}
		m.Offsets = append(m.Offsets, uint64(len(m.Index)))
	}
	p.Rows = m
	for i := range items {
		p.Items = append(p.Items, uint32(i))
	}
	u, i, bias := make([]float32, users*k), make([]float32, items*k), make([]float32, items)
	naive.Normal(u, 1, 2, 3)
	naive.Normal(i, 1, 3, 3)
	for _, s := range available() {
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(6 * 4 * k * int64(len(m.Index)))
			for b.Loop() {
				s.BPR(u, i, bias, p, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(m.Index)), "ns/sample")
		})
	}
}
