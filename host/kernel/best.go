package kernel

import (
	"math"
	"slices"

	"rechost/guest/num/naive"
)

// A key orders candidates of a list: a better one is a greater number. The
// score's bits are turned so that they order as the score does (which is never
// -0 or NaN here), and below them lies the complement of the index.
func key(score float32, index uint32) uint64 {
	return uint64(turned(score))<<32 | uint64(^index)
}

func turned(score float32) uint32 {
	b := math.Float32bits(score)
	return b ^ (uint32(int32(b)>>31) | 1<<31) // all bits of a negative number, the sign of another
}

func unkey(k uint64) (float32, uint32) {
	b := uint32(k >> 32)
	if b>>31 != 0 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return math.Float32frombits(b), ^uint32(k)
}

// best is the best k candidates of one user, as a heap with the worst first
// once it is full.
type best struct {
	heap []uint64
	n    int
	mask passed
}

// put takes a candidate that belongs in the list, and returns the score that
// a later one has to be above.
func (b *best) put(key uint64, m *meter) float32 {
	h := b.heap
	m.stream(32)
	if b.n < len(h) {
		h[b.n] = key
		if b.n++; b.n < len(h) {
			return float32(math.Inf(-1))
		}
		for i := len(h)/2 - 1; i >= 0; i-- {
			down(h, i)
			m.stream(32)
		}
	} else {
		h[0] = key
		down(h, 0)
	}
	s, _ := unkey(h[0])
	return s
}

func down(h []uint64, i int) {
	x := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if x <= h[c] {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = x
}

// list sorts keys and writes them as list r, from entry written on; returned is
// the number of entries then.
func (m *meter) list(dst naive.Sparse, r int, keys []uint64, written int) int {
	m.sort(keys)
	written = m.write(dst, written, keys)
	dst.Offsets[r+1] = uint64(written)
	m.stream(32)
	return written
}

// write writes keys as entries from written on, and returns the number of
// entries then.
func (m *meter) write(dst naive.Sparse, written int, keys []uint64) int {
	for part := range slices.Chunk(keys, longest) {
		for _, x := range part {
			dst.Value[written], dst.Index[written] = unkey(x)
			written++
		}
		m.stream(4 * len(part))
	}
	return written
}
