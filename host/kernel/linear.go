package kernel

import (
	"math"
	"math/bits"
	"slices"

	"rechost/guest/num/naive"
)

// SparseGramScratch is the bytes that SparseGram allocates for so many entries
// and columns.
func SparseGramScratch(entries, cols int) int { return 8*entries + 25*cols + 8 }

// SparseGram is naive.SparseGram. A row of the result is summed at a time, from
// a list of where the column's entries stand and where their rows end, or
// counted where that is cheaper. Beside SparseGramScratch it may use room bytes,
// with the same bits.
func SparseGram(dst []float32, m naive.Sparse, threads, room int, pause func()) {
	active.sparseGram(dst, m, threads, room, pause)
}

// run is what of a row stands behind a column's entry.
type run struct{ from, to uint32 }

func (s *set) sparseGram(dst []float32, m naive.Sparse, threads, room int, pause func()) {
	n := m.Cols
	filling := scattered(pause)
	starts := cleared[int](filling, n+1)
	each(m, pause, func(_, from, to int) {
		for _, j := range m.Index[from:to] {
			starts[j+1]++
		}
	})
	for j := range n {
		starts[j+1] += starts[j]
	}
	runs := cleared[run](filling, starts[n])
	next := Space[int](len(starts))
	move(filling, next, starts)
	each(m, pause, func(r, from, to int) {
		_, end := m.Range(r)
		for e := from; e < to; e++ {
			j := m.Index[e]
			runs[next[j]] = run{uint32(e), uint32(end)}
			next[j]++
		}
	})
	columns := s.columnsOf(m, threads, room, scattered(pause))
	var counted []int
	isCounted := cleared[bool](filling, n)
	if columns != nil {
		counted = cleared[int](filling, n)[:0]
		meter := scattered(pause)
		for i := range n {
			additions := 0
			for part := range slices.Chunk(runs[starts[i]:starts[i+1]], longest) {
				for _, x := range part {
					additions += int(x.to - x.from)
				}
				meter.spend(len(part))
			}
			meter.spend(1)
			if additions > columns.cost(n-i) {
				counted, isCounted[i] = append(counted, i), true
			}
		}
	}
	meters := scattered(nil).each(threads)
	share(threads, n, pause, func(worker, i int, pause func()) {
		meter := meters[worker].use(pause)
		if isCounted[i] {
			return
		}
		row := dst[i*n:][:n]
		wipe(meter, row)
		for _, x := range runs[starts[i]:starts[i+1]] {
			for from, end := int(x.from), int(x.to); from < end; from += longest {
				to := min(from+longest, end)
				index := m.Index[from:to]
				if len(m.Value) == 0 {
					for _, j := range index {
						row[j]++
					}
				} else {
					v, value := m.Value[x.from], m.Value[from:to]
					for f, j := range index {
						row[j] += float32(v * value[f])
					}
				}
				meter.spend(to - from)
			}
		}
		meter.spend(16)
	})
	type group struct {
		x      *bitmaps
		counts []float32
	}
	groups := make([]group, max(threads, 1))
	share(threads, (len(counted)+together-1)/together, pause, func(worker, piece int, pause func()) {
		g, meter, rows := &groups[worker], meters[worker].use(pause), counted[piece*together:]
		rows = rows[:min(len(rows), together)]
		if g.x == nil {
			*g = group{newBitmaps(together, 64*columns.words, meter), cleared[float32](meter, together*columns.n)}
		}
		for k, i := range rows {
			copy(g.x.bits[k*g.x.words:][:g.x.words], columns.bits[i*columns.words:])
			meter.stream(2 * columns.words)
		}
		from := rows[0] &^ 3
		columns.meet(s, g.counts, columns.n, g.x, roundUp(len(rows), 4), from, meter)
		for k, i := range rows { // what is left of the diagonal, mirror writes
			move(meter, dst[i*n+i:(i+1)*n], g.counts[k*columns.n+i:][:n-i])
		}
	})
	s.mirror(dst, n, 0, threads, pause)
}

// DivideColumns is naive.DivideColumns.
func DivideColumns(x, by []float32, threads int, pause func()) {
	cols := len(by)
	if cols == 0 {
		return
	}
	rows := len(x) / cols
	size := max(1<<17/cols, 1)
	meters := streaming(nil).each(threads)
	share(threads, (rows+size-1)/size, pause, func(worker, p int, pause func()) {
		meter := meters[worker].use(pause)
		for r := p * size; r < min(p*size+size, rows); r++ {
			for from := 0; from < cols; from += longest {
				part := by[from:min(from+longest, cols)]
				row := x[r*cols+from:][:len(part)]
				for j, d := range part {
					row[j] = naive.Canonical(row[j] / d)
				}
				meter.spend(8 + 4*len(part))
			}
		}
	})
}

// ScoreTopK is naive.ScoreTopK.
func ScoreTopK(dst naive.Sparse, users naive.Matrix, rows []uint32, items naive.Matrix, mask naive.Mask, k, threads int, pause func()) int {
	return active.scoreTopK(dst, users, rows, items, mask, k, threads, pause)
}

// ProductTopK is naive.ProductTopK. Beside ProductScratch it may use room
// bytes, with the same bits.
func ProductTopK(dst naive.Sparse, p naive.Product, k, threads, room int, pause func()) int {
	return active.productTopK(dst, p, k, threads, room, pause)
}

func (s *set) productTopK(dst naive.Sparse, p naive.Product, k, threads, room int, pause func()) int {
	k = min(k, p.B.Cols)
	columns := s.bitmapsOf(&p, threads, room, scattered(pause))
	runs := 16 * threads                                   // rows differ in what they cost
	if p.B.Cols*ProductScratch > 4<<20 || columns != nil { // what a run needs is large, and cleared for each
		runs = threads
	}
	return shareLists(dst, p.A.Rows, k, threads, runs, pause, func(dst naive.Sparse, from, to int, pause func()) int {
		q := p
		q.A, q.Mask = rowsOf(p.A, from, to), maskOf(p.Mask, from, to)
		if len(p.Norms) > 0 {
			q.Alpha, q.Beta = p.Alpha[from:to], p.Beta[from:to]
		}
		q.Diagonal += from
		return s.ProductTopK(dst, q, k, columns, pause)
	})
}

// span is the columns that set.rows sums at a time.
const span = 64

// RowsTopKScratch is the bytes that RowsTopK allocates on each thread, at most,
// for so many lists of k of the columns of a matrix W of rows x cols.
func RowsTopKScratch(lists, rows, cols, k int) int {
	return 4*span*rows + min(slabUsers, lists)*(8*min(k, cols)+256)
}

// RowsTopK is naive.RowsTopK.
func RowsTopK(dst, x naive.Sparse, w naive.Matrix, mask naive.Mask, k, threads int, pause func()) int {
	return active.rowsTopK(dst, x, w, mask, k, threads, pause)
}

func (s *set) rowsTopK(dst, x naive.Sparse, w naive.Matrix, mask naive.Mask, k, threads int, pause func()) int {
	k = min(k, w.Cols)
	return shareLists(dst, x.Rows, k, threads, threads, pause, func(dst naive.Sparse, from, to int, pause func()) int {
		return s.RowsTopK(dst, rowsOf(x, from, to), w, maskOf(mask, from, to), k, pause)
	})
}

// RowsTopK goes through W by span columns, which stay in the second-level
// cache while every row of X is summed over them.
func (s *set) RowsTopK(dst, x naive.Sparse, w naive.Matrix, mask naive.Mask, k int, pause func()) int {
	meter := scattered(pause)
	dst.Offsets[0] = 0
	if k = min(k, w.Cols); k == 0 {
		wipe(meter, dst.Offsets[:x.Rows+1])
		return 0
	}
	written := 0
	part := cleared[float32](meter, w.Rows*span)
	lists, floor := make([]best, min(slabUsers, x.Rows)), make([]float32, min(slabUsers, x.Rows))
	heaps := cleared[uint64](meter, len(lists)*k)
	var ones []float32
	if len(x.Value) == 0 {
		ones = make([]float32, longest)
		for i := range ones {
			ones[i] = 1
		}
	}
	var sum [span]float32
	for top := 0; top < x.Rows; top += slabUsers {
		count := min(slabUsers, x.Rows-top)
		for t := range count {
			lists[t] = best{heap: heaps[t*k:][:k:k], mask: passing(&mask, top+t)}
			floor[t] = float32(math.Inf(-1))
		}
		for j := 0; j < w.Cols; j += span {
			cols := min(span, w.Cols-j)
			for r := 0; r < w.Rows; {
				n := 1
				if cols == span {
					n = min(1024, w.Rows-r)
					s.lift(&part[r*span], &w.Data[r*w.Cols+j], w.Cols, n)
				} else {
					clear(part[r*span:][:span])
					copy(part[r*span:][:cols], w.Data[r*w.Cols+j:])
				}
				r += n
				meter.spend(16 * n)
			}
			for t := range count {
				clear(sum[:])
				var hits uint64
				from, end := x.Range(top + t)
				if from == end {
					hits = s.rows(&sum[0], nil, nil, nil, 0, floor[t])
				}
				for ; from < end; from += longest {
					n := min(longest, end-from)
					value := ones
					if ones == nil {
						value = x.Value[from:]
					}
					hits = s.rows(&sum[0], &value[0], &part[0], &x.Index[from], n, floor[t])
					meter.spend(8 * n)
				}
				meter.spend(8)
				if hits != 0 {
					lists[t].take(&sum, hits, &floor[t], j, cols, meter)
				}
			}
		}
		for t := range count {
			written = meter.list(dst, top+t, lists[t].heap[:lists[t].n], written)
		}
	}
	return written
}

// take puts those of the sums of columns from j on that hits names into the
// list, if they are above floor still and not left out.
func (b *best) take(sum *[span]float32, hits uint64, floor *float32, j, cols int, m *meter) {
	for ; hits != 0; hits &= hits - 1 {
		x := bits.TrailingZeros64(hits)
		if x >= cols {
			return
		}
		if !(sum[x] > *floor) {
			continue
		}
		if id := uint32(j + x); !b.mask.out(id, m) {
			*floor = b.put(key(sum[x], id), m)
		}
	}
}
