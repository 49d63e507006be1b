package main

import (
	"math/bits"

	"rechost/guest"
	"rechost/guest/num"
)

// ties=numpy cuts as programs do that sort with NumPy's argsort()[::-1][:K],
// which is not stable: of equal walks those stay that its introsort leaves in
// front, the one that it uses where it does not sort with AVX2 or AVX-512.

// walkNumPy is walk by whole rows, from probabilities to the powers instead of
// divisors.
func walkNumPy(t *guest.Task) {
	own, from, to, n := t.Entries("by_item", "user", ""), t.F32("from.power"), t.F32("to.power"), t.Items()
	first := make([]float32, len(own.IDs)) // the step from the item
	for i, e := range own.Offsets[1:] {
		for o := own.Offsets[i]; o < e; o++ {
			first[o-own.Offsets[0]] = from[i]
		}
	}
	users, items := t.Sparse("by_item", "user", "", t.Users()).WithValue(first), t.Sparse("by_user", "item", "", n)
	items.Value = t.Vector("steps.value")
	size := max(1, min(256, (4<<20)/n))
	dense, order, lists := make([]float32, size*n), make([]uint32, n), t.Lists("walks", "item", "value")
	t.Blocks(size, func(block, rows int) {
		num.ProductRows(dense[:rows*n], users.Slice(block, rows), items)
		kept := num.Lists{Offsets: make([]uint64, 1, rows+1)}
		for r := range rows {
			row := dense[r*n:][:n]
			for j := range row {
				row[j] *= to[j]
			}
			row[t.First+block+r] = 0
			argsort(row, order)
			for _, j := range last(order, t.Int("neighbours")) {
				if row[j] != 0 {
					kept.Index, kept.Score = append(kept.Index, j), append(kept.Score, row[j])
				}
			}
			kept.Offsets = append(kept.Offsets, uint64(len(kept.Index)))
		}
		if t.Bool("normalize") {
			sumToOne(kept)
		}
		lists.AddAll(kept)
	})
}

// cutNumPy is cut in that order.
func cutNumPy(turned num.Lists, k int) num.Lists {
	best := num.Lists{Offsets: make([]uint64, 1, len(turned.Offsets))}
	var order []uint32
	for j := range len(turned.Offsets) - 1 {
		from, to := turned.Offsets[j], turned.Offsets[j+1]
		ids, values := turned.Index[from:to], turned.Score[from:to]
		order = append(order[:0], ids...)
		argsort(values, order)
		for _, e := range last(order, k) {
			best.Index, best.Score = append(best.Index, ids[e]), append(best.Score, values[e])
		}
		best.Offsets = append(best.Offsets, uint64(len(best.Index)))
	}
	return best
}

// last reverses order and returns its first k.
func last(order []uint32, k int) []uint32 {
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return order[:min(k, len(order))]
}

// argsort sets order to 0 to len(v)-1 by rising v, equal ones as NumPy's
// introsort leaves them (numpy/core/src/npysort/quicksort.cpp): quicksort with
// the median of three, insertion for at most 16, a heap after 2·log₂ levels. No v is NaN.
func argsort(v []float32, order []uint32) {
	for i := range order {
		order[i] = uint32(i)
	}
	if len(v) > 0 {
		introsort(v, order, 2*(bits.Len(uint(len(v)))-1))
	}
}

// introsort leaves depth levels to quicksort. The longer part has a level of
// its own, the shorter one does not.
func introsort(v []float32, o []uint32, depth int) {
	if depth < 0 {
		heapsort(v, o)
		return
	}
	for len(o) > 16 {
		mid, end := (len(o)-1)/2, len(o)-1
		if v[o[mid]] < v[o[0]] {
			o[mid], o[0] = o[0], o[mid]
		}
		if v[o[end]] < v[o[mid]] {
			o[end], o[mid] = o[mid], o[end]
		}
		if v[o[mid]] < v[o[0]] {
			o[mid], o[0] = o[0], o[mid]
		}
		pivot := v[o[mid]]
		o[mid], o[end-1] = o[end-1], o[mid]
		i, j := 0, end-1
		for {
			for i++; v[o[i]] < pivot; i++ {
			}
			for j--; pivot < v[o[j]]; j-- {
			}
			if i >= j {
				break
			}
			o[i], o[j] = o[j], o[i]
		}
		o[i], o[end-1] = o[end-1], o[i]
		depth--
		if i < end-i {
			introsort(v, o[i+1:], depth)
			o = o[:i]
		} else {
			introsort(v, o[:i], depth)
			o = o[i+1:]
		}
	}
	for i := 1; i < len(o); i++ {
		x, j := o[i], i
		for ; j > 0 && v[x] < v[o[j-1]]; j-- {
			o[j] = o[j-1]
		}
		o[j] = x
	}
}

func heapsort(v []float32, o []uint32) {
	sink := func(x uint32, at, n int) {
		for {
			child := 2*at + 1
			if child+1 < n && v[o[child]] < v[o[child+1]] {
				child++
			}
			if child >= n || !(v[x] < v[o[child]]) {
				break
			}
			o[at] = o[child]
			at = child
		}
		o[at] = x
	}
	for at := len(o)/2 - 1; at >= 0; at-- {
		sink(o[at], at, len(o))
	}
	for n := len(o) - 1; n > 0; n-- {
		x := o[n]
		o[n] = o[0]
		sink(x, 0, n)
	}
}
