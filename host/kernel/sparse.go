package kernel

import "rechost/guest/num/naive"

// each calls do for runs of entries [from, to) of row r, in order.
func each(m naive.Sparse, pause func(), do func(r, from, to int)) {
	meter := scattered(pause)
	for r := range m.Rows {
		from, end := m.Range(r)
		meter.spend(1)
		for from < end {
			to := min(from+longest, end)
			do(r, from, to)
			meter.spend(to - from)
			from = to
		}
	}
}

// RowSums is naive.RowSums.
func RowSums(dst []float32, m naive.Sparse, power int, pause func()) {
	clear(dst)
	each(m, pause, func(r, from, to int) {
		s := dst[r]
		for e := from; e < to; e++ {
			s += raised(m.At(e), power)
		}
		dst[r] = s
	})
	canonical(dst)
}

// ColSums is naive.ColSums.
func ColSums(dst []float32, m naive.Sparse, power int, pause func()) {
	clear(dst)
	each(m, pause, func(_, from, to int) {
		for e := from; e < to; e++ {
			dst[m.Index[e]] += raised(m.At(e), power)
		}
	})
	canonical(dst)
}

func raised(v float32, power int) float32 {
	switch power {
	case 0:
		return 1
	case 1:
		return v
	}
	return float32(v * v)
}

// Transpose is naive.Transpose.
func Transpose(dst, m naive.Sparse, pause func()) {
	clear(dst.Offsets)
	each(m, pause, func(_, from, to int) {
		for _, j := range m.Index[from:to] {
			dst.Offsets[j+1]++
		}
	})
	for j := range m.Cols {
		dst.Offsets[j+1] += dst.Offsets[j]
	}
	next := make([]uint64, m.Cols)
	copy(next, dst.Offsets)
	each(m, pause, func(r, from, to int) {
		for e := from; e < to; e++ {
			j := m.Index[e]
			at := next[j]
			next[j] = at + 1
			dst.Index[at] = uint32(r)
			if len(m.Value) > 0 {
				dst.Value[at] = m.Value[e]
			}
		}
	})
}
