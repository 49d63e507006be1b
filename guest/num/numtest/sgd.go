package numtest

import "rechost/guest/num"

// pairwise is the bits of num.BPR's results on every other item of m.
func pairwise(m num.Sparse, floats func(...float32)) uint32 {
	p := num.Pairwise{Rows: m.Slice(2, m.Rows-3), Passes: 3, Rate: 0.1, Decay: 0.02, Seed: 1 << 40, Stream: 5}
	for j := m.Cols - 1; j >= 0; j -= 2 {
		p.Items = append(p.Items, uint32(j))
	}
	users, items := make([]float32, p.Rows.Rows*Factors), make([]float32, len(p.Items)*Factors)
	bias := make([]float32, len(p.Items))
	num.Normal(users, 1, 2, 3)
	num.Normal(items, 1, 3, 3)
	n := 0
	for _, flag := range []bool{true, false} {
		p.Verify, p.PerUser = flag, !flag
		n += num.BPR(users, items, bias, p)
	}
	floats(users...)
	floats(items...)
	floats(bias...)
	return uint32(n)
}
