package kernel

import (
	"math/bits"
	"slices"

	"rechost/guest/num/naive"
)

// passed is what a mask says of one list, to be asked about columns in
// ascending order.
type passed struct {
	without []uint32 // from the first that may still come
	only    []uint32 // the same, where limited
	limited bool
}

func passing(m *naive.Mask, r int) (p passed) {
	if m.Without.Rows > 0 {
		p.without = m.Without.Row(r)
	}
	if p.limited = m.Only.Rows > 0; p.limited {
		p.only = m.Kept(r)
	}
	return p
}

// out tells whether a column is left out, not before one that was asked about
// earlier.
func (p *passed) out(column uint32, m *meter) bool {
	for len(p.without) > 0 && p.without[0] < column {
		p.without = p.without[1:]
		m.spend(1)
	}
	if len(p.without) > 0 && p.without[0] == column {
		return true
	}
	if !p.limited {
		return false
	}
	for len(p.only) > 0 && p.only[0] < column {
		p.only = p.only[1:]
		m.spend(1)
	}
	return len(p.only) == 0 || p.only[0] != column
}

// marked is how many columns a set of marks tells apart.
const marked = 4096

// marks is a set of columns by their remainders of marked.
type marks [marked / 64]uint64

func (s *marks) add(columns []uint32) {
	for _, j := range columns {
		s[j%marked/64] |= 1 << (j % 64)
	}
}

func (s *marks) has(column uint32) bool { return s[column%marked/64]>>(column%64)&1 != 0 }

// keepOut makes p the candidate's mask.
func (c *candidate) keepOut(p passed, m *meter) {
	c.mask = p
	if c.marks == nil {
		return
	}
	*c.marks = marks{}
	for part := range slices.Chunk(p.without, longest) {
		c.marks.add(part)
		m.stream(4 * len(part))
	}
	c.exact = len(p.without) == 0 || p.without[len(p.without)-1] < marked
	m.stream(2 * apart)
}

// leavesOut tells what the mask's out does, in any order of asking.
func (c *candidate) leavesOut(column uint32, m *meter) bool {
	m.stream(16)
	if c.marks != nil && c.marks.has(column) && (c.exact && column < marked || searched(c.mask.without, column, m)) {
		return true
	}
	return c.mask.limited && !searched(c.mask.only, column, m)
}

// searched tells whether x, in ascending order, has a column.
func searched(x []uint32, column uint32, m *meter) bool {
	m.stream(16 * bits.Len(uint(len(x))))
	_, found := slices.BinarySearch(x, column)
	return found
}
