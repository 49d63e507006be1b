// Package numtest calls every function of guest/num: natively in a test, and in
// a guest, whose bits have to be the same.
package numtest

import (
	"math"

	"rechost/guest/num"
	"rechost/guest/num/naive"
)

// Input is a matrix of Factors columns and a sparse one for Bits, as slices.
func Input() (y []float32, items int, offsets []uint64, index []uint32, value []float32) {
	const rows = 40
	items = 50
	y = make([]float32, items*Factors)
	naive.Normal(y, 1, 2, 3)
	offsets = []uint64{17}
	for r := range rows {
		for j := r % 7; j < items; j += 1 + (j*r)%11 {
			index = append(index, uint32(j))
		}
		offsets = append(offsets, 17+uint64(len(index)))
	}
	value = make([]float32, len(index))
	naive.Uniform(value, 4, 5, 6)
	return y, items, offsets, index, value
}

// Factors is the columns of the matrix that Bits takes.
const Factors = 20

// Bits runs every function on y (n x Factors) and m (any rows x n) and returns
// the bits of all results.
func Bits(y num.Matrix, m num.Sparse) (bits []uint32) {
	floats := func(v ...float32) {
		for _, x := range v {
			bits = append(bits, math.Float32bits(x))
		}
	}
	lists := func(l num.Lists) {
		for _, o := range l.Offsets {
			bits = append(bits, uint32(o))
		}
		bits = append(bits, l.Index...)
		floats(l.Score...)
	}

	x, z := make([]float32, 77), make([]float32, 77)
	num.Uniform(x, 7, 8, 9)
	num.Normal(z, 1<<63, 8, 9)
	floats(x...)
	num.Axpy(1.5, x, z)
	num.Scale(0.3, z)
	floats(z...)
	floats(num.Dot(x, z), num.Sum(z))

	for power := range 3 {
		rows, cols := make([]float32, m.Rows), make([]float32, m.Cols)
		num.RowSums(rows, m, power)
		num.ColSums(cols, m, power)
		floats(rows...)
		floats(cols...)
	}
	t := num.Transpose(m)
	lists(num.Lists{Offsets: t.Offsets.Data(), Index: t.Index.Data(), Score: t.Value.Data()})

	part := m.Slice(3, m.Rows-5)
	norms, ones := make([]float32, m.Rows), make([]float32, part.Rows)
	num.RowSums(norms, m, 2)
	for i := range ones {
		ones[i] = 1
	}
	near := num.ProductTopK(num.Product{A: part, B: t, Norms: norms, Alpha: ones, Beta: ones, Gamma: 0.25, OffDiagonal: true, Diagonal: 3}, 6)
	lists(near)
	lists(num.ProductTopK(num.Product{A: near.Sparse(m.Rows), B: m.Binary(), Mask: num.Mask{Without: part}}, 9))
	dense := make([]float32, part.Rows*t.Cols)
	num.ProductRows(dense, part, t)
	floats(dense...)

	g := make([]float32, Factors*Factors)
	num.AddGram(g, y)
	floats(g...)
	some := make([]float32, 3*Factors)
	num.Gather(some, y, []uint32{2, 0, 1})
	floats(some...)

	r := num.Ridge{Rows: part, Factors: y, Gram: g, Lambda: ones, Weight: [2]float32{1, 0.5}, Target: [2]float32{2, 1}}
	u := make([]float32, part.Rows*Factors)
	num.RidgeCG(u, r, 3)
	floats(u...)
	lists(num.ScoreTopK(num.Dense(u, Factors), nil, y, num.Mask{Without: part}, 5))
	bits = append(bits, uint32(num.RidgeCholesky(u, r)))
	floats(u...)
	lists(num.ScoreTopK(y, []uint32{4, 4, 1}, y.Slice(2, y.Rows-2), num.Mask{}, 7))
	bits = append(bits, pairwise(m, floats))
	bits = append(bits, subspace(y, part, g, u, floats))
	return bits
}
