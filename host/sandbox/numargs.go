package sandbox

import (
	"math"
	"slices"

	"rechost/guest/abi"
	"rechost/guest/num/naive"
	"rechost/host/kernel"
)

// args are the arguments of one kernel call, read from the left.
type args struct {
	c     *call
	name  string
	stack []uint64
	in    []extent // what the kernel reads of the guest's memory
	out   []extent // what it writes
}

// extent is bytes [from, to) of the guest's memory.
type extent struct {
	what     string
	from, to uint64
}

// most bounds counts, rows and columns, so that the product of two of them
// cannot overflow.
const most = math.MaxInt32

func (a *args) next() uint64 {
	x := a.stack[0]
	a.stack = a.stack[1:]
	return x
}

func (a *args) u32() uint32  { return uint32(a.next()) }
func (a *args) f32() float32 { return math.Float32frombits(uint32(a.next())) }

func (a *args) count(what string) uint64 {
	n := a.next()
	if n > most {
		a.c.fail("%s: %s %d is not from 0 to %d", a.name, what, int64(n), most)
	}
	return n
}

func (a *args) label(what string) string { return a.name + ": " + what }

// reads and writes take the next argument as an address, the others are given it.
func (a *args) reads(what string, n uint64) []float32 { return a.readsAt(what, a.u32(), n) }

func (a *args) readsAt(what string, ptr uint32, n uint64) []float32 {
	v := a.c.f32(a.label(what), ptr, n)
	a.in = append(a.in, extent{what, uint64(ptr), uint64(ptr) + 4*n})
	return v
}

func (a *args) writes(what string, n uint64) []float32 { return a.writesAt(what, a.u32(), n) }

func (a *args) writesAt(what string, ptr uint32, n uint64) []float32 {
	v := a.c.f32(a.label(what), ptr, n)
	a.out = append(a.out, extent{what, uint64(ptr), uint64(ptr) + 4*n})
	return v
}

func (a *args) writesU32(what string, n uint64) []uint32 {
	ptr := a.u32()
	v := a.c.u32(a.label(what), ptr, n)
	a.out = append(a.out, extent{what, uint64(ptr), uint64(ptr) + 4*n})
	return v
}

func (a *args) writesU64(what string, n uint64) []uint64 {
	ptr := a.u32()
	v := a.c.u64(a.label(what), ptr, n)
	a.out = append(a.out, extent{what, uint64(ptr), uint64(ptr) + 8*n})
	return v
}

// apart ends the task where a result overlaps an argument or another result.
func (a *args) apart() {
	for i, o := range a.out {
		for _, x := range append(a.in, a.out[:i]...) {
			if o.from < x.to && x.from < o.to {
				a.c.fail("%s: %s overlaps %s", a.name, o.what, x.what)
			}
		}
	}
}

// record reads n words of the record at the next argument.
func (a *args) record(what string, ptr uint32, n uint64) []int64 {
	words := make([]int64, n)
	for i, w := range a.c.u64(a.label(what), ptr, n) {
		words[i] = int64(w)
	}
	return words
}

// size is a word of a record that counts something.
func (a *args) size(what, field string, n int64) int {
	if n < 0 || n > most {
		a.c.fail("%s: %s has %d %s, not from 0 to %d", a.name, what, n, field, most)
	}
	return int(n)
}

// reading notes an operand's place and returns the input to ask for.
func (a *args) reading(what string, input, at int64, n, size uint64) int32 {
	if input < abi.InMemory || input > most {
		a.c.fail("%s: %s: no input has the handle %d", a.name, what, input)
	}
	if input == abi.InMemory {
		a.in = append(a.in, extent{what, uint64(at), uint64(at) + size*n})
	}
	return int32(input)
}

// matrix reads the record at the next argument. It has at least one column.
func (a *args) matrix(what string) naive.Matrix {
	w := a.record(what, a.u32(), abi.MatrixWords)
	m := naive.Matrix{Rows: a.size(what, "rows", w[2]), Cols: a.size(what, "columns", w[3])}
	if m.Cols == 0 {
		a.c.fail("%s: %s has no columns", a.name, what)
	}
	n := uint64(m.Rows) * uint64(m.Cols)
	m.Data = a.c.operandF32(a.label(what), a.reading(what, w[0], w[1], n, 4), uint64(w[1]), n)
	return m
}

// optional is sparse, or a matrix without rows where the address is 0.
func (a *args) optional(what string) naive.Sparse {
	if uint32(a.stack[0]) == 0 {
		a.next()
		return naive.Sparse{}
	}
	return a.sparse(what)
}

// sparse reads the record at the next argument and checks that offsets do not
// go backwards or past the entries, and that every index is a column.
func (a *args) sparse(what string) naive.Sparse {
	w := a.record(what, a.u32(), abi.SparseWords)
	m := naive.Sparse{Rows: a.size(what, "rows", w[0]), Cols: a.size(what, "columns", w[1]), First: a.size(what, "rows before", w[2])}
	if m.Rows == 0 {
		return m
	}
	entries := uint64(a.size(what, "entries", w[9]))
	n := uint64(m.First) + uint64(m.Rows) + 1
	m.Offsets = a.c.operandU64(a.label(what+": offsets"), a.reading(what, w[3], w[4], n, 8), uint64(w[4]), n)
	m.Index = a.c.operandU32(a.label(what+": index"), a.reading(what, w[5], w[6], entries, 4), uint64(w[6]), entries)
	if w[7] != abi.AllOnes {
		m.Value = a.c.operandF32(a.label(what+": value"), a.reading(what, w[7], w[8], entries, 4), uint64(w[8]), entries)
	}
	known := w[3] >= 0 && w[5] >= 0 // inputs do not change
	if !known || !a.known(w) {
		a.check(what, m, w[5], w[6])
		if known {
			a.learn(w)
		}
	}
	return m
}

// check ends the task where a sparse matrix is not as sparse says; its indices
// lie from element at on in an input, or in memory.
func (a *args) check(what string, m naive.Sparse, input, at int64) {
	before := m.Offsets[0]
	for r := m.First; r <= m.First+m.Rows; r++ {
		o := m.Offsets[r]
		if o < before || o-m.Offsets[0] > uint64(len(m.Index)) {
			a.c.fail("%s: offset %d of %s is %d, not from %d to %d", a.name, r, what, o, before, m.Offsets[0]+uint64(len(m.Index)))
		}
		before = o
		if r%piece == piece-1 {
			a.c.pause()
		}
	}
	from, _ := m.Range(0)
	_, to := m.Range(m.Rows - 1)
	a.each(input, at, from, to, func(from, to int) uint64 { return uint64(largest(m.Index[from:to])) + 1 }, func(found uint64) bool {
		if found > uint64(m.Cols) {
			a.c.fail("%s: an index of %s is %d, not below %d", a.name, what, found-1, m.Cols)
		}
		return true
	})
}

// each goes through elements [from, to) of an operand that lies from element at
// on in an input, or in memory: it hands over what find finds in a part of
// them, part by part, until next says no. An array keeps what was found in its
// stretches, so find must depend on the elements alone, be the only one that is
// used with operands of its type, and not find 0.
func (a *args) each(input, at int64, from, to int, find func(from, to int) uint64, next func(found uint64) bool) {
	looked := 0
	look := func(from, to int) uint64 {
		if looked += to - from; looked > 8*piece {
			looked = to - from
			a.c.pause()
		}
		return find(from, to)
	}
	if input >= 0 {
		in := a.c.open[input]
		start := int(in.first + at)
		in.Array.each(start+from, start+to, func(from, to int) uint64 { return look(from-start, to-start) }, next)
		return
	}
	for from < to {
		end := min(from+8*piece, to)
		if !next(look(from, end)) {
			return
		}
		from = end
	}
}

// largest is the largest of x, or 0. Four at a time, as each comparison waits
// for the one before.
func largest(x []uint32) uint32 {
	var a, b, c, d uint32
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = max(a, x[0]), max(b, x[1]), max(c, x[2]), max(d, x[3])
	}
	for _, v := range x {
		a = max(a, v)
	}
	return max(a, b, c, d)
}

// counting is sparse without the values, where the matrix is in opened inputs and
// they are all 1: it is the same matrix.
func (a *args) counting(what string) naive.Sparse {
	ptr := uint32(a.stack[0])
	m := a.sparse(what)
	w := a.record(what, ptr, abi.SparseWords)
	if len(m.Value) == 0 || w[7] < 0 || !a.known(w) {
		return m
	}
	seen := a.c.kernel.(checked)
	known := seen[[abi.SparseWords]int64(w)]
	if known == passed {
		if known = varied; a.allOne(m, w[7], w[8]) {
			known = onlyOnes
		}
		seen[[abi.SparseWords]int64(w)] = known
	}
	if known == onlyOnes {
		m.Value = nil
	}
	return m
}

// allOne tells whether all values of a sparse matrix are 1; they lie from
// element at on in an input.
func (a *args) allOne(m naive.Sparse, input, at int64) bool {
	const ones, others = 1, 2
	from, _ := m.Range(0)
	_, to := m.Range(m.Rows - 1)
	all := true
	a.each(input, at, from, to, func(from, to int) uint64 {
		if kernel.AllOne(m.Value[from:to]) {
			return ones
		}
		return others
	}, func(found uint64) bool {
		all = found == ones
		return all
	})
	return all
}

// checked remembers the records of sparse matrices in opened inputs that
// passed, for as long as the call of the guest lasts.
type checked map[[abi.SparseWords]int64]lesson

// lesson is what is known of a sparse matrix.
type lesson byte

const (
	passed   lesson = iota + 1 // its offsets and indices are right
	onlyOnes                   // and its values all 1
	varied                     // or not
)

func (a *args) known(w []int64) bool {
	m, _ := a.c.kernel.(checked)
	return m[[abi.SparseWords]int64(w)] != 0
}

func (a *args) learn(w []int64) {
	m, _ := a.c.kernel.(checked)
	if m == nil {
		m = checked{}
		a.c.kernel = m
	}
	if len(m) < 64 { // a module has a handful; one that makes up more gains nothing
		m[[abi.SparseWords]int64(w)] = passed
	}
}

// mask reads the matrices of a mask for so many lists of columns below cols.
func (a *args) mask(lists, cols int) naive.Mask {
	m := naive.Mask{Without: a.optional("without"), Only: a.optional("only")}
	if w := m.Without; w.Rows != 0 && (w.Rows != lists || w.Cols > cols) {
		a.c.fail("%s: %d x %d entries to leave out of %d x %d", a.name, w.Rows, w.Cols, lists, cols)
	}
	if o := m.Only; o.Rows > 1 && o.Rows != lists || o.Cols > cols {
		a.c.fail("%s: %d x %d entries to let into %d x %d", a.name, o.Rows, o.Cols, lists, cols)
	}
	a.rising("only", m.Only, 1)
	return m
}

func (a *args) ascending(what string, m naive.Sparse) { a.rising(what, m, 0) }

// rising checks that each entry of a row is at least step more than the one
// before it.
func (a *args) rising(what string, m naive.Sparse, step uint64) {
	done := 0
	for r := range m.Rows {
		least := uint64(0)
		for part := range slices.Chunk(m.Row(r), piece) {
			for _, j := range part {
				if uint64(j) < least {
					a.c.fail("%s: row %d of %s is not in ascending order", a.name, r, what)
				}
				least = uint64(j) + step
			}
			if done += len(part); done > piece {
				done = 0
				a.c.pause()
			}
		}
		if done++; done > piece { // rows without entries
			done = 0
			a.c.pause()
		}
	}
}

// rows is n row numbers below limit at an address. It is not nil, which means
// all rows to kernels, even if n is 0.
func (a *args) rows(ptr uint32, n uint64, limit int) []uint32 {
	v := a.c.u32(a.label("rows"), ptr, n)
	if v == nil {
		v = []uint32{}
	}
	a.in = append(a.in, extent{"rows", uint64(ptr), uint64(ptr) + 4*n})
	for i, r := range v {
		if int64(r) >= int64(limit) {
			a.c.fail("%s: row %d is %d, not below %d", a.name, i, r, limit)
		}
		if i%(8*piece) == 8*piece-1 {
			a.c.pause()
		}
	}
	return v
}
