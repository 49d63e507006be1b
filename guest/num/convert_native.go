//go:build !wasm

package num

import "rechost/guest/num/naive"

// The types of this package, as the loops of package naive take them.

func (m Matrix) naive() naive.Matrix {
	return naive.Matrix{Rows: m.Rows, Cols: m.Cols, Data: m.Data.data}
}

func (m Sparse) naive() naive.Sparse {
	return naive.Sparse{Rows: m.Rows, Cols: m.Cols, First: m.First, Offsets: m.Offsets.data, Index: m.Index.data, Value: m.Value.data}
}

func (m Mask) naive() naive.Mask {
	return naive.Mask{Without: m.Without.naive(), Only: m.Only.naive()}
}

func (l Lists) naive() naive.Sparse {
	return naive.Sparse{Offsets: l.Offsets, Index: l.Index, Value: l.Score}
}

func (p Product) naive() naive.Product {
	return naive.Product{A: p.A.naive(), B: p.B.naive(), Norms: p.Norms, Alpha: p.Alpha, Beta: p.Beta, Gamma: p.Gamma,
		Mask: p.Mask.naive(), OffDiagonal: p.OffDiagonal, Diagonal: p.Diagonal}
}

func (p Ridge) naive() naive.Ridge {
	return naive.Ridge{Rows: p.Rows.naive(), Factors: p.Factors.naive(), Gram: p.Gram, Lambda: p.Lambda, Weight: p.Weight, Target: p.Target}
}
