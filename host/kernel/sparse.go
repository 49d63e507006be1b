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
	meter := streaming(pause)
	wipe(meter, dst)
	each(m, pause, func(r, from, to int) {
		s := dst[r]
		for e := from; e < to; e++ {
			s += raised(m.At(e), power)
		}
		dst[r] = s
	})
	meter.canonical(dst)
}

// ColSums is naive.ColSums.
func ColSums(dst []float32, m naive.Sparse, power int, pause func()) {
	meter := streaming(pause)
	wipe(meter, dst)
	each(m, pause, func(_, from, to int) {
		for e := from; e < to; e++ {
			dst[m.Index[e]] += raised(m.At(e), power)
		}
	})
	meter.canonical(dst)
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

// Transpose is naive.Transpose. Each thread takes a run of rows: it counts
// their entries by column, and then knows where in each column its own begin.
func Transpose(dst, m naive.Sparse, threads int, pause func()) {
	meter := streaming(pause)
	runs := runsOf(m, max(threads, 1), meter)
	next := make([][]uint64, len(runs)-1)
	share(threads, len(next), pause, func(_, t int, pause func()) {
		count := cleared[uint64](streaming(pause), m.Cols)
		each(rowsOf(m, runs[t], runs[t+1]), pause, func(_, from, to int) {
			for _, j := range m.Index[from:to] {
				count[j]++
			}
		})
		next[t] = count
	})
	at := uint64(0)
	for j := range m.Cols {
		dst.Offsets[j] = at
		for _, count := range next {
			count[j], at = at, at+count[j]
		}
		meter.spend(2 + 4*len(next))
	}
	dst.Offsets[m.Cols] = at
	share(threads, len(next), pause, func(_, t int, pause func()) {
		next := next[t]
		each(rowsOf(m, runs[t], runs[t+1]), pause, func(r, from, to int) {
			row := uint32(runs[t] + r)
			for e := from; e < to; e++ {
				j := m.Index[e]
				at := next[j]
				next[j] = at + 1
				dst.Index[at] = row
				if len(m.Value) > 0 {
					dst.Value[at] = m.Value[e]
				}
			}
		})
	})
}

// runsOf cuts m's rows into at most n runs of about as many entries: run t has
// the rows from runs[t] to runs[t+1].
func runsOf(m naive.Sparse, n int, meter *meter) []int {
	runs := []int{0}
	if m.Rows > 0 {
		first, _ := m.Range(0)
		_, end := m.Range(m.Rows - 1)
		for r := range m.Rows - 1 {
			if _, to := m.Range(r); len(runs) < n && (to-first)*n >= (end-first)*len(runs) {
				runs = append(runs, r+1)
			}
			meter.spend(4)
		}
	}
	return append(runs, m.Rows)
}
