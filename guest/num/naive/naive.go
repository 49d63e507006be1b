// Package naive is the meaning of the numeric kernels: plain Go loops in
// float32 in a stated order, with a separate rounding after every multiply and
// every add. Whatever runs in a loop's place (assembly, another machine, a
// guest's own copy) must give the same bits, so change a loop here and
// abi.KernelVersion has to change with it.
//
// # Notes
//
// Every product that is added to something is written float32(x*y): the
// conversion keeps the compiler from fusing the two roundings into one.
//
// A result that is not a number is stored as the one pattern 0x7fc00000,
// because machines differ in the sign and payload they give one.
//
// Arguments are trusted: lengths and indices that do not fit panic. The host
// checks what a module hands it before it comes here.
package naive

import "math"

// Lanes is the number of partial sums of Dot and Sum.
const Lanes = 16

// Matrix is Rows x Cols numbers, row after row.
type Matrix struct {
	Rows, Cols int
	Data       []float32
}

// Row is row r.
func (m Matrix) Row(r int) []float32 { return m.Data[r*m.Cols:][:m.Cols:m.Cols] }

// Sparse is Rows rows over Cols columns in compressed sparse row form. The
// entries of row r are those from Offsets[First+r]-Offsets[0] up to
// Offsets[First+r+1]-Offsets[0]: offsets need not start at 0, so a shard's
// part of a longer array serves as it is. Index is an entry's column. An empty
// Value stands for the value 1 at every entry.
type Sparse struct {
	Rows, Cols int
	First      int
	Offsets    []uint64
	Index      []uint32
	Value      []float32
}

// Range is the first and the past-the-last entry of row r.
func (m Sparse) Range(r int) (int, int) {
	base := m.Offsets[0]
	return int(m.Offsets[m.First+r] - base), int(m.Offsets[m.First+r+1] - base)
}

// Row is the columns of row r.
func (m Sparse) Row(r int) []uint32 {
	a, b := m.Range(r)
	return m.Index[a:b:b]
}

// At is the value of entry e.
func (m Sparse) At(e int) float32 {
	if len(m.Value) == 0 {
		return 1
	}
	return m.Value[e]
}

// Canonical is x, or the one NaN that results may hold.
func Canonical(x float32) float32 {
	if x != x {
		return math.Float32frombits(0x7fc00000)
	}
	return x
}

func canonical(x []float32) {
	for i, v := range x {
		x[i] = Canonical(v)
	}
}

// Tree adds the sixteen partial sums of Dot and Sum, which it changes: lanes
// eight apart, then four, two and one.
func Tree(s *[Lanes]float32) float32 {
	for w := Lanes / 2; w > 0; w /= 2 {
		for l := range w {
			s[l] += s[l+w]
		}
	}
	return Canonical(s[0])
}

// Dot is the inner product of x and y, of equal length: lane l of sixteen sums
// elements l, l+16, l+32, … in that order, starting from 0, and the lanes are
// added as a tree: l and l+8, then l and l+4, l+2, l+1.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	var s [Lanes]float32
	for i, v := range x {
		s[i%Lanes] += float32(v * y[i])
	}
	return Tree(&s)
}

// Sum is the sum of x in the order of Dot.
func Sum(x []float32) float32 {
	var s [Lanes]float32
	AddLanes(&s, x)
	return Tree(&s)
}

// AddLanes adds element i of x to lane i%Lanes of s, in order. A vector that is
// summed in pieces has all but the last of a length that Lanes divides.
func AddLanes(s *[Lanes]float32, x []float32) {
	for i, v := range x {
		s[i%Lanes] += v
	}
}

// Axpy adds a times x to y, of equal length.
func Axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	axpy(a, x, y)
	canonical(y)
}

// axpy leaves NaNs as they come: for sums that go on.
func axpy(a float32, x, y []float32) {
	for i, v := range x {
		y[i] += float32(a * v)
	}
}

// Scale multiplies x by a.
func Scale(a float32, x []float32) {
	for i, v := range x {
		x[i] = Canonical(a * v)
	}
}
