package matrix

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"slices"

	"rechost/host/table"
)

// Every worker has dictionaries of its own while it reads: provisional codes
// in order of appearance. When all is read the workers' ids are sorted
// together, and provisional codes become dense ids through a table. So which
// worker saw what, and in which order, is forgotten.

// index gives ids provisional codes.
type index interface {
	// codes fills dst with the codes of v's rows.
	codes(dst []uint32, v *table.Vector)
	// len is how many different ids there are.
	len() int
}

func newIndex(k table.Kind) index {
	switch k {
	case table.Ints:
		return &numbers{flip: 1 << 63}
	case table.Uints:
		return &numbers{}
	}
	return &byteStrings{seed: maphash.MakeSeed()}
}

// numbers indexes integers. Those within a window of small range go through
// a table of the window, the others through a hash table with linear probing.
// Keys are the integers with their sign bit flipped, so that unsigned order is
// theirs.
type numbers struct {
	flip uint64
	keys []uint64 // by code

	base   uint64
	window []uint32 // code plus one of base+i; 0 is none
	rows   int      // seen so far

	slots []uint32 // code plus one
	used  int
	mul   uint64 // odd and random, so that no data can be made to collide
	shift uint
}

// windowMost bounds the window: 64 MiB.
const windowMost = 1 << 24

func (x *numbers) len() int { return len(x.keys) }

func (x *numbers) codes(dst []uint32, v *table.Vector) {
	if v.Codes != nil { // a dictionary: index its values first
		each := make([]uint32, v.Values())
		plain := *v
		plain.Codes = nil
		x.codes(each, &plain)
		for i, c := range v.Codes {
			dst[i] = each[c]
		}
		return
	}
	if v.Kind == table.Uints {
		fitWindow(x, v.Uints)
		indexNumbers(x, dst, v.Uints)
		return
	}
	fitWindow(x, v.Ints)
	indexNumbers(x, dst, v.Ints)
}

// fitWindow widens the window to the ids, where it stays in proportion to the
// rows seen.
func fitWindow[T int64 | uint64](x *numbers, ids []T) {
	x.rows += len(ids)
	lo, hi := ^uint64(0), uint64(0)
	for _, id := range ids {
		k := uint64(id) ^ x.flip
		lo, hi = min(lo, k), max(hi, k)
	}
	if len(x.window) > 0 {
		lo, hi = min(lo, x.base), max(hi, x.base+uint64(len(x.window))-1)
	}
	width := hi - lo // one less than the numbers in the range
	if width >= windowMost || width >= uint64(max(4*x.rows, 1<<16)) || width < uint64(len(x.window)) && len(x.window) > 0 {
		return
	}
	// Twice as wide as needed, so that ids in ascending order do not widen it
	// at every step; upwards, which is where such ids go.
	size := min(2*width+2, windowMost)
	if hi > ^uint64(0)-size {
		size = width + 1
	}
	w := make([]uint32, size)
	if len(x.window) > 0 {
		copy(w[x.base-lo:], x.window)
	}
	for c, k := range x.keys { // some may be in the hash table
		if d := k - lo; d < size {
			w[d] = uint32(c) + 1
		}
	}
	x.base, x.window = lo, w
}

func indexNumbers[T int64 | uint64](x *numbers, dst []uint32, ids []T) {
	flip, base, window := x.flip, x.base, x.window
	var far batch
	for i, id := range ids {
		k := uint64(id) ^ flip
		if d := k - base; d < uint64(len(window)) {
			c := window[d]
			if c == 0 {
				x.keys = append(x.keys, k)
				c = uint32(len(x.keys))
				window[d] = c
			}
			dst[i] = c - 1
			continue
		}
		far.row[far.n], far.key[far.n] = i, k
		if far.n++; far.n == together {
			x.lookupAll(dst, &far)
		}
	}
	x.lookupAll(dst, &far)
}

// together is how many rows are looked up at a time. In a table that is larger
// than the cache each waits for memory twice, for a slot and for its key; those
// of a batch wait at the same time.
const together = 64

// batch is rows with their keys, to be looked up in the hash table.
type batch struct {
	n   int
	row [together]int
	key [together]uint64
}

// lookupAll sets the rows' codes in dst and empties the batch.
func (x *numbers) lookupAll(dst []uint32, b *batch) {
	n := b.n
	if b.n = 0; n == 0 {
		return
	}
	if 2*(x.used+n) > len(x.slots) {
		x.grow()
	}
	mask := uint64(len(x.slots) - 1)
	var at, key [together]uint64
	var code [together]uint32
	for j := range n {
		at[j] = b.key[j] * x.mul >> x.shift
	}
	for n > 0 {
		for j := range n {
			code[j] = x.slots[at[j]]
		}
		for j := range n {
			if c := code[j]; c != 0 {
				key[j] = x.keys[c-1]
			}
		}
		left := 0
		for j := range n {
			switch {
			case code[j] == 0: // new, or was it until another row of the batch
				dst[b.row[j]] = x.lookup(b.key[j])
			case key[j] == b.key[j]:
				dst[b.row[j]] = code[j] - 1
			default:
				b.row[left], b.key[left], at[left] = b.row[j], b.key[j], (at[j]+1)&mask
				left++
			}
		}
		n = left
	}
}

func (x *numbers) lookup(k uint64) uint32 {
	if 2*x.used >= len(x.slots) {
		x.grow()
	}
	mask := uint64(len(x.slots) - 1)
	for h := k * x.mul >> x.shift; ; h = (h + 1) & mask {
		c := x.slots[h]
		if c == 0 {
			x.keys = append(x.keys, k)
			x.used++
			x.slots[h] = uint32(len(x.keys))
			return uint32(len(x.keys)) - 1
		}
		if x.keys[c-1] == k {
			return c - 1
		}
	}
}

func (x *numbers) grow() {
	if x.mul == 0 {
		x.mul = rand.Uint64() | 1
	}
	old := x.slots
	n := max(4*len(old), 1<<12)
	x.slots = make([]uint32, n)
	x.shift = uint(64 - bits.Len(uint(n-1)))
	mask := uint64(n - 1)
	for _, c := range old {
		if c == 0 {
			continue
		}
		h := x.keys[c-1] * x.mul >> x.shift
		for x.slots[h] != 0 {
			h = (h + 1) & mask
		}
		x.slots[h] = c
	}
}

// byteStrings indexes byte strings: a hash table with linear probing over an
// arena.
type byteStrings struct {
	seed    maphash.Seed
	arena   []byte
	offsets []uint64
	hashes  []uint32
	slots   []uint32 // code plus one
	memo    []uint32 // code plus one of the values of a vector
}

func (x *byteStrings) len() int { return len(x.hashes) }

func (x *byteStrings) codes(dst []uint32, v *table.Vector) {
	if v.Codes == nil {
		for i := range dst {
			dst[i] = x.lookup(v.Bytes(i))
		}
		return
	}
	if cap(x.memo) < v.Values() {
		x.memo = make([]uint32, v.Values())
	}
	x.memo = x.memo[:v.Values()]
	clear(x.memo)
	for i, p := range v.Codes {
		c := x.memo[p]
		if c == 0 {
			c = x.lookup(v.Arena[v.Offsets[p]:v.Offsets[p+1]]) + 1
			x.memo[p] = c
		}
		dst[i] = c - 1
	}
}

func (x *byteStrings) lookup(b []byte) uint32 {
	if 2*len(x.hashes) >= len(x.slots) {
		x.grow()
	}
	h := uint32(maphash.Bytes(x.seed, b))
	mask := uint32(len(x.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		c := x.slots[at]
		if c == 0 {
			x.hashes = append(x.hashes, h)
			x.arena = append(x.arena, b...)
			x.offsets = append(x.offsets, uint64(len(x.arena)))
			x.slots[at] = uint32(len(x.hashes))
			return uint32(len(x.hashes)) - 1
		}
		if x.hashes[c-1] == h && bytes.Equal(x.arena[x.offsets[c-1]:x.offsets[c]], b) {
			return c - 1
		}
	}
}

func (x *byteStrings) grow() {
	if len(x.offsets) == 0 {
		x.offsets = append(x.offsets, 0)
	}
	x.slots = make([]uint32, max(4*len(x.slots), 1<<12))
	mask := uint32(len(x.slots) - 1)
	for i, h := range x.hashes {
		at := h & mask
		for x.slots[at] != 0 {
			at = (at + 1) & mask
		}
		x.slots[at] = uint32(i) + 1
	}
}

// merge sorts the ids of all workers' indexes, which are of one kind or nil,
// and returns them with a table for each index from its codes to dense ids.
func merge(all []index, k table.Kind) (table.Vector, [][]uint32) {
	dense := make([][]uint32, len(all))
	total := 0
	for i, x := range all {
		if x != nil {
			dense[i] = make([]uint32, x.len())
			total += x.len()
		}
	}
	if k == table.Bytes {
		return mergeStrings(all, dense, total), dense
	}
	return mergeNumbers(all, dense, total, k), dense
}

// place is where an id was: an index and a code.
type place struct {
	key         uint64 // of a number; the first eight bytes of a string
	index, code uint32
}

func mergeNumbers(all []index, dense [][]uint32, total int, k table.Kind) table.Vector {
	ps := make([]place, 0, total)
	flip := uint64(0)
	for i, x := range all {
		if x == nil {
			continue
		}
		n := x.(*numbers)
		flip = n.flip
		for c, key := range n.keys {
			ps = append(ps, place{key, uint32(i), uint32(c)})
		}
	}
	or, and := uint64(0), ^uint64(0)
	for i := range ps {
		or |= ps[i].key
		and &= ps[i].key
	}
	if varies := or &^ and; varies != 0 {
		ps = radixSort(ps, make([]place, len(ps)), func(p *place) uint64 { return p.key },
			uint(bits.TrailingZeros64(varies)), uint(bits.Len64(varies)))
	}
	v := table.Vector{Kind: k}
	n := 0
	for i := range ps {
		if i == 0 || ps[i].key != ps[i-1].key {
			n++
			if k == table.Ints {
				v.Ints = append(v.Ints, int64(ps[i].key^flip))
			} else {
				v.Uints = append(v.Uints, ps[i].key)
			}
		}
		dense[ps[i].index][ps[i].code] = uint32(n - 1)
	}
	return v
}

func mergeStrings(all []index, dense [][]uint32, total int) table.Vector {
	ps := make([]place, 0, total)
	bytesOf := func(p place) []byte {
		x := all[p.index].(*byteStrings)
		return x.arena[x.offsets[p.code]:x.offsets[p.code+1]]
	}
	size := 0
	for i, x := range all {
		if x == nil {
			continue
		}
		for c := range x.len() {
			p := place{index: uint32(i), code: uint32(c)}
			var head [8]byte
			copy(head[:], bytesOf(p))
			p.key = binary.BigEndian.Uint64(head[:])
			ps = append(ps, p)
		}
		size += len(x.(*byteStrings).arena)
	}
	slices.SortFunc(ps, func(a, b place) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return bytes.Compare(bytesOf(a), bytesOf(b))
	})
	v := table.Vector{Kind: table.Bytes, Offsets: make([]uint64, 1, total+1), Arena: make([]byte, 0, size)}
	for i, p := range ps {
		if i == 0 || p.key != ps[i-1].key || !bytes.Equal(bytesOf(p), bytesOf(ps[i-1])) {
			v.AppendBytes(bytesOf(p))
		}
		dense[p.index][p.code] = uint32(len(v.Offsets) - 2)
	}
	return v
}

// radixSort sorts a by bits [low, high) of its keys, least digits first.
// Digits are as wide as the fewest passes need, at most 13 bits, whose counters
// fit the first cache. It returns a or tmp, whichever holds the result; equal
// keys keep their order.
func radixSort[T any](a, tmp []T, key func(*T) uint64, low, high uint) []T {
	if len(a) < 2 || high <= low {
		return a
	}
	const widest = 13
	passes := (high - low + widest - 1) / widest
	digit := (high - low + passes - 1) / passes
	mask := uint64(1)<<digit - 1
	var counters [1 << widest]uint32
	count := counters[:1<<digit]
	for shift := low; shift < high; shift += digit {
		clear(count)
		for i := range a {
			count[key(&a[i])>>shift&mask]++
		}
		sum := uint32(0)
		for d, c := range count {
			count[d] = sum
			sum += c
		}
		for i := range a {
			d := key(&a[i]) >> shift & mask
			tmp[count[d]] = a[i]
			count[d]++
		}
		a, tmp = tmp, a
	}
	return a
}

// sortKeys is radixSort for plain keys, which the compiler makes no calls for.
func sortKeys(a, tmp []uint64, high uint) []uint64 {
	if len(a) < 2 || high == 0 {
		return a
	}
	const widest = 13
	passes := (high + widest - 1) / widest
	digit := (high + passes - 1) / passes
	mask := uint64(1)<<digit - 1
	var counters [1 << widest]uint32
	count := counters[:1<<digit]
	for shift := uint(0); shift < high; shift += digit {
		clear(count)
		for _, k := range a {
			count[k>>shift&mask]++
		}
		sum := uint32(0)
		for d, c := range count {
			count[d] = sum
			sum += c
		}
		for _, k := range a {
			d := k >> shift & mask
			tmp[count[d]] = k
			count[d]++
		}
		a, tmp = tmp, a
	}
	return a
}
