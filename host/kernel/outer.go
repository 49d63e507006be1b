package kernel

import "rechost/guest/num/naive"

// outer sums outer products a·bᵀ of rows of k numbers, row after row, in the
// upper half of a matrix. It pads rows to whole tiles, so that a tile never
// reads past a row and never writes an element twice.
type outer struct {
	s          *set
	k          int
	high, wide int       // the padded matrix
	sum        []float32 // high x wide; the lower half holds anything
	a, b       []float32 // rows waiting, high and wide numbers each
	rows       int
	from, to   int // rows of the sum that are wanted, whole tiles
}

// waiting is how many rows are summed at a time: a and b of 64 columns stay in
// the first-level cache.
const waiting = 64

func (s *set) outer(k int, m *meter) *outer {
	o := &outer{s: s, k: k, high: roundUp(k, s.tall), wide: roundUp(k, s.wide)}
	o.to = o.high
	o.sum = cleared[float32](m, o.high*o.wide)
	o.a, o.b = cleared[float32](m, waiting*o.high), cleared[float32](m, waiting*o.wide)
	return o
}

// OuterScratch is the most bytes that AddGram and RidgeCholesky allocate for a sum
// of k x k numbers, and for the rows that wait for it.
func OuterScratch(k uint64) uint64 { return 4 * (k + 2*waiting) * (k + 32) }

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// row is row i of the sum.
func (o *outer) row(i int) []float32 { return o.sum[i*o.wide:][:o.k:o.k] }

// add takes a row: a = w*y, b = y.
func (o *outer) add(w float32, y []float32, m *meter) {
	m.stream(16 + 2*len(y))
	if w == 1 {
		copy(o.a[o.rows*o.high:], y)
	} else {
		a := o.a[o.rows*o.high:][:len(y)]
		for i, v := range y {
			a[i] = w * v
		}
	}
	copy(o.b[o.rows*o.wide:], y)
	if o.rows++; o.rows == waiting {
		o.flush(m)
	}
}

// flush sums the rows that wait.
func (o *outer) flush(m *meter) {
	if o.rows == 0 {
		return
	}
	for i := o.from; i < o.to; i += o.s.tall {
		j := o.left(i)
		m.spend(o.rows * o.s.tall * (o.wide - j))
		m.stream(o.s.tall * (o.wide - j)) // what a large sum takes, however few the rows
		for ; j < o.wide; j += o.s.wide {
			o.s.tile(&o.sum[i*o.wide+j], o.wide, &o.a[i], o.high, &o.b[j], o.wide, o.rows)
		}
	}
	o.rows = 0
}

// left is where the first tile begins that has an element of the upper half, of
// the tiles that begin in row i.
func (o *outer) left(i int) int { return i / o.s.wide * o.s.wide }

// AddGram is naive.AddGram. Threads take rows of the result, about as many tiles each.
func (s *set) AddGram(dst []float32, m naive.Matrix, threads int, pause func()) {
	k := m.Cols
	cuts := s.cutTiles(k, threads)
	share(threads, len(cuts)-1, pause, func(_, piece int, pause func()) {
		meter := s.meter(pause)
		o := s.outer(k, meter)
		o.from, o.to = cuts[piece], cuts[piece+1]
		for i := o.from; i < min(o.to, k); i++ {
			copy(o.row(i)[i:], dst[i*k+i:(i+1)*k])
			meter.stream(8 + 2*(k-i))
		}
		for r := range m.Rows {
			o.add(1, m.Row(r), meter)
		}
		o.flush(meter)
		for i := o.from; i < min(o.to, k); i++ {
			copy(dst[i*k+i:(i+1)*k], o.row(i)[i:])
			meter.stream(8 + 2*(k-i))
		}
	})
	s.mirror(dst, k, 0, threads, pause)
}

// cutTiles divides the rows of an outer's tiles into at most n runs of about as
// many tiles.
func (s *set) cutTiles(k, n int) []int {
	o := outer{s: s, high: roundUp(k, s.tall), wide: roundUp(k, s.wide)}
	tiles := 0
	for i := 0; i < o.high; i += s.tall {
		tiles += (o.wide - o.left(i)) / s.wide
	}
	cuts, sum := []int{0}, 0
	for i := 0; i < o.high; i += s.tall {
		sum += (o.wide - o.left(i)) / s.wide
		if i+s.tall == o.high || sum*n >= tiles*len(cuts) {
			cuts = append(cuts, i+s.tall)
		}
	}
	return cuts
}
