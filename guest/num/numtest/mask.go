package numtest

import (
	"math"

	"rechost/guest/num"
)

// MaskBits is Bits for the lists that a mask lets some columns into.
func MaskBits(y num.Matrix, m num.Sparse) (bits []uint32) {
	part, t := m.Slice(3, m.Rows-5), num.Transpose(m)
	offsets, index := []uint64{0}, []uint32(nil)
	for r := range part.Rows {
		for j := r % 4; j < y.Cols; j += 2 + r%3 {
			index = append(index, uint32(j))
		}
		offsets = append(offsets, uint64(len(index)))
	}
	each := num.CSR(y.Cols, offsets, index, nil)
	near := num.ProductTopK(num.Product{A: part, B: t}, 6)
	users := make([]float32, part.Rows*y.Cols)
	num.Uniform(users, 1, 2, 3)
	for _, mask := range []num.Mask{{Only: each}, {Without: part, Only: each}, {Without: part, Only: each.Slice(1, 1)}} {
		for _, l := range []num.Lists{
			num.ScoreTopK(num.Dense(users, y.Cols), nil, y, mask, 5),
			num.RowsTopK(part, y, num.Mask{Only: mask.Only}, 3),
			num.ProductTopK(num.Product{A: near.Sparse(m.Rows), B: m, Mask: mask}, 6),
		} {
			for _, o := range l.Offsets {
				bits = append(bits, uint32(o))
			}
			bits = append(bits, l.Index...)
			for _, v := range l.Score {
				bits = append(bits, math.Float32bits(v))
			}
		}
	}
	return bits
}
