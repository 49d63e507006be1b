package numtest

import (
	"math"

	"rechost/guest/num"
)

// ElasticBits is Bits for elastic nets.
func ElasticBits(m num.Sparse) (bits []uint32) {
	n := m.Cols
	g := make([]float32, n*n)
	num.SparseGram(g, m)
	gram := num.Dense(g, n)
	w, slope := make([]float32, 5*n), make([]float32, 5*n)
	num.Gather(slope, gram, []uint32{4, 5, 6, 7, 8})
	num.ElasticNet{Gram: gram, First: 4, L1: 0.5, L2: 3, Tolerance: 1e-3, Turns: 20}.Descend(w, slope)
	for _, x := range [][]float32{w, slope} {
		for _, v := range x {
			bits = append(bits, math.Float32bits(v))
		}
	}
	return bits
}
