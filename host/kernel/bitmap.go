package kernel

import (
	"math"
	"unsafe"

	"rechost/guest/num/naive"
)

// Where all values are 1 a product of a row and a column is the number of
// entries that they have in common, and no sum of ones is rounded below 2^24.
// Dense rows are then sets of bits, which are cut and counted 512 at a time.

// bitmaps are the columns of a sparse matrix, or some of its rows, as sets of
// bits.
type bitmaps struct {
	n     int // how many there are, a multiple of 4: the last ones are empty
	words int // of 64 bits that each has, a multiple of 8
	bits  []uint64
}

const (
	// mostBitmaps bounds what bitmaps and what it takes to use them come to, in bytes.
	mostBitmaps = 8 << 20
	// together is how many rows are counted at a time: what they have in common
	// with a few columns is found while these are in the second-level cache.
	together = 32
)

// sized is n bitmaps of so many bits, without these.
func sized(n, bits int) *bitmaps { return &bitmaps{n: roundUp(n, 4), words: roundUp(bits, 512) / 64} }

func newBitmaps(n, bits int, m *meter) *bitmaps {
	b := sized(n, bits)
	b.bits = cleared[uint64](m, b.n*b.words)
	return b
}

// size is the bytes of a bitmap.
func (b *bitmaps) size() int { return 8 * b.words }

// columnBits makes bitmaps of m's columns. It returns nil where they say less
// than m does, as not all values are 1 or a row has an entry twice.
func columnBits(m naive.Sparse, meter *meter) *bitmaps {
	b := newBitmaps(m.Cols, m.Rows, meter)
	for r := range m.Rows {
		from, to := m.Range(r)
		word, bit := r/64, uint64(1)<<(r%64)
		for ; from < to; from += longest {
			end := min(from+longest, to)
			if !allOne(m, from, end) {
				return nil
			}
			for _, j := range m.Index[from:end] {
				at := &b.bits[int(j)*b.words+word]
				if *at&bit != 0 {
					return nil
				}
				*at |= bit
			}
			meter.spend(end - from)
		}
		meter.spend(1)
	}
	return b
}

// allOne tells whether values [from, to) of m are 1.
func allOne(m naive.Sparse, from, to int) bool {
	return len(m.Value) == 0 || AllOne(m.Value[from:to])
}

// AllOne tells whether all of x are 1, four at a time. It does not pause.
func AllOne(x []float32) bool {
	const one = 0x3f800000 // its bits
	other := uint32(0)
	for ; len(x) >= 4; x = x[4:] {
		other |= (math.Float32bits(x[0]) ^ one) | (math.Float32bits(x[1]) ^ one) | (math.Float32bits(x[2]) ^ one) | (math.Float32bits(x[3]) ^ one)
	}
	for _, v := range x {
		other |= math.Float32bits(v) ^ one
	}
	return other == 0
}

// set makes bitmap i that of row r of m. It returns whether that says all.
func (b *bitmaps) set(i int, m naive.Sparse, r int, meter *meter) bool {
	row := b.bits[i*b.words:][:b.words]
	clear(row)
	meter.stream(2 * b.words)
	from, to := m.Range(r)
	for ; from < to; from += longest {
		end := min(from+longest, to)
		meter.spend(end - from)
		if !allOne(m, from, end) {
			return false
		}
		for _, j := range m.Index[from:end] {
			at, bit := &row[j/64], uint64(1)<<(j%64)
			if *at&bit != 0 {
				return false
			}
			*at |= bit
		}
	}
	return true
}

// cost is how many additions of entries to sums, one by one, take as long as
// counting what a row has in common with n bitmaps. An addition takes about as
// long as it takes to count 512 bits.
func (b *bitmaps) cost(n int) int { return n * (b.words/8 + 3) }

// meet sets the first b.n columns of dst, whose rows are ld apart, to what
// the first rows of x, a multiple of 4, have in common with the bitmaps [from, b.n).
func (b *bitmaps) meet(s *set, dst []float32, ld int, x *bitmaps, rows, from int, m *meter) {
	block := max((512<<10)/b.size()&^3, 4)
	for j := from; j < b.n; j += block {
		n := min(block, b.n-j)
		for i := 0; i < rows; i += 4 {
			s.meet(&dst[i*ld+j], ld, &x.bits[i*x.words], &b.bits[j*b.words], b.words, n)
			m.spend(b.cost(n))
		}
	}
}

// fits tells whether m's columns can be bitmaps, as far as a look at their sizes
// and at one value tells, in so many bytes with what every thread needs to use them.
func (s *set) fits(m naive.Sparse, threads, room int) bool {
	if s.meet == nil || m.Rows == 0 || m.Rows >= 1<<24 || m.Cols == 0 {
		return false
	}
	b := sized(m.Cols, m.Rows)
	first, _ := m.Range(0)
	return b.n*b.size()+max(threads, 1)*together*(b.size()+4*b.n) <= min(room, mostBitmaps) &&
		allOne(m, first, min(first+1, len(m.Value)))
}

// columnsOf makes bitmaps of m's columns where they can be had, and where rows
// have so many entries that counting pays for products of columns.
func (s *set) columnsOf(m naive.Sparse, threads, room int, meter *meter) *bitmaps {
	if !s.fits(m, threads, room) {
		return nil
	}
	additions := 0
	for r := range m.Rows {
		from, to := m.Range(r)
		additions += (to - from) * (to - from) / 2
		meter.spend(1)
	}
	if additions <= sized(m.Cols, m.Rows).cost(m.Cols*m.Cols/2) {
		return nil
	}
	return columnBits(m, meter)
}

// bitmapsOf makes bitmaps of B's columns where they can be had and pay.
func (s *set) bitmapsOf(p *naive.Product, threads, room int, meter *meter) *bitmaps {
	if p.A.Rows == 0 || !s.fits(p.B, threads, room) {
		return nil
	}
	b := sized(p.B.Cols, p.B.Rows)
	first, _ := p.B.Range(0)
	_, end := p.B.Range(p.B.Rows - 1)
	saved := -4*(end-first) - b.n*b.words/8
	for r := range p.A.Rows {
		saved += max(additions(p, r, meter)-b.cost(p.B.Cols), 0)
		meter.spend(1)
	}
	if saved < 0 {
		return nil
	}
	return columnBits(p.B, meter)
}

// counting are the rows of a product that are counted, some of them ahead.
type counting struct {
	columns *bitmaps
	p       *naive.Product
	rows    []int // whose counts are here, in order; those before next are used
	next    int
	seen    int // the rows that were looked at
	x       *bitmaps
	counts  []float32
}

func (b *bitmaps) counting(p *naive.Product, m *meter) *counting {
	if b == nil {
		return nil
	}
	return &counting{columns: b, p: p, x: newBitmaps(together, 64*b.words, m), counts: cleared[float32](m, together*b.n)}
}

// row gives the accumulator row r, where it is counted; rows are asked for in order.
func (c *counting) row(a *accumulator, r int, m *meter) bool {
	if c == nil {
		return false
	}
	b := c.columns
	if r == c.seen {
		c.rows, c.next = c.rows[:0], 0
		for ; c.seen < c.p.A.Rows && len(c.rows) < together; c.seen++ {
			if additions(c.p, c.seen, m) > b.cost(c.p.B.Cols) && c.x.set(len(c.rows), c.p.A, c.seen, m) {
				c.rows = append(c.rows, c.seen)
			}
			m.spend(1)
		}
		b.meet(a.s, c.counts, b.n, c.x, roundUp(len(c.rows), 4), 0, m)
	}
	if c.next == len(c.rows) || c.rows[c.next] != r {
		return false
	}
	a.dense, a.stale = true, false
	a.all(m)
	move(m, a.sum, floatBits(c.counts[c.next*b.n:][:len(a.sum)]))
	c.next++
	return true
}

func floatBits(x []float32) []uint32 { return unsafe.Slice((*uint32)(unsafe.Pointer(&x[0])), len(x)) }
