package numtest

import (
	"math"

	"rechost/guest/num"
)

// LinearBits is Bits for the functions on dense matrices.
func LinearBits(y num.Matrix, m num.Sparse) (bits []uint32) {
	floats := func(x []float32) {
		for _, v := range x {
			bits = append(bits, math.Float32bits(v))
		}
	}
	lists := func(l num.Lists) {
		for _, o := range l.Offsets {
			bits = append(bits, uint32(o))
		}
		bits = append(bits, l.Index...)
		floats(l.Score)
	}
	n := m.Cols
	gram := make([]float32, n*n)
	num.SparseGram(gram, m.Slice(2, m.Rows-2))
	floats(gram)
	for i := range n {
		gram[i*n+i] += 0.5
	}
	product := make([]float32, n*y.Cols)
	num.Gemm(product, num.Dense(gram, n), y)
	floats(product)
	bits = append(bits, uint32(num.Inverse(gram, n)))
	floats(gram)
	by := make([]float32, n)
	for i := range by {
		by[i] = -gram[i*n+i]
	}
	num.DivideColumns(gram, by)
	floats(gram)
	part := m.Slice(3, m.Rows-5)
	lists(num.RowsTopK(part, num.Dense(gram, n), num.Mask{Without: part}, 5))
	lists(num.RowsTopK(m.Binary(), y, num.Mask{}, 3))
	gram[0] = -1
	bits = append(bits, uint32(num.Inverse(gram, n)))
	return bits
}
