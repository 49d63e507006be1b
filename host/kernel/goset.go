package kernel

import (
	"math"
	"unsafe"
)

// plain is the form in Go. Its loops have bounds checks, so it is the safest.
var plain = set{
	name:  "go",
	dot:   goDot,
	lanes: goLanes,
	axpy:  goAxpy,
	divide: func(d float32, x *float32, n int) {
		for i, v := range unsafe.Slice(x, n) {
			*at(x, i) = v / d
		}
	},
	gemv: func(q, x, g *float32, rows, cols, stride int) {
		for j, v := range unsafe.Slice(x, rows) {
			goAxpy(v, at(g, j*stride), q, cols)
		}
	},
	line:   goLine,
	aim:    goAim,
	fit:    goFit,
	energy: goEnergy,
	along:  goAlong,
	tall:   2, wide: 4,
	tile:   goTile,
	column: goColumn,
	corner: func(dst *float32, ld int, c, r *float32, n int) {
		for i, v := range unsafe.Slice(c, n) {
			goAxpy(v, at(r, i), at(dst, i*ld+i), n-i)
		}
	},
	sweep: func(rows, minus, ratio, c, pivot *float32, left int) {
		plainSweep(rows, minus, ratio, c, pivot, left, 2, 2, 4)
	},
	score: goScore,
	rows:  goRows,
	turn:  goTurn,
	lift: func(dst, src *float32, lds, n int) {
		for r := range n {
			copy(unsafe.Slice(at(dst, r*span), span), unsafe.Slice(at(src, r*lds), span))
		}
	},
	deal: func(dst *float32, places *int, rows *float32, n int) {
		const tall, wide = 2, 4
		for k := range n {
			for x, place := range unsafe.Slice(places, wide) {
				*at(dst, place+k*tall) = *at(rows, k*wide+x)
			}
		}
	},
	clean:   goClean,
	spread:  goSpread,
	scatter: goScatter,
	fetch:   goFetch,
	rate:    goRate,
	above:   goAbove,
	sift:    goSift,
	ask:     func(*uint32, *float32, int) {},
	tally:   goTally,
	widen:   goWiden,
	blocks:  goBlocks,
	ascend:  goAscend,
}

// at is the address of element i counted from p.
func at(p *float32, i int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }

func goDot(x, y *float32, n int) float32 {
	var s [16]float32
	goLanes(&s[0], x, y, n)
	for w := 8; w > 0; w /= 2 {
		for l := range w {
			s[l] += s[l+w]
		}
	}
	return s[0]
}

// goLanes takes eight lanes, then the other eight, which fit in registers.
func goLanes(lanes, x, y *float32, n int) {
	xs, ys, s := unsafe.Slice(x, n), unsafe.Slice(y, n), (*[16]float32)(unsafe.Pointer(lanes))
	whole := n &^ 15
	for l := 0; l < 16; l += 8 {
		a, b, c, d, e, f, g, h := s[l], s[l+1], s[l+2], s[l+3], s[l+4], s[l+5], s[l+6], s[l+7]
		for i := l; i < whole; i += 16 {
			u, v := (*[8]float32)(xs[i:]), (*[8]float32)(ys[i:])
			a += float32(u[0] * v[0])
			b += float32(u[1] * v[1])
			c += float32(u[2] * v[2])
			d += float32(u[3] * v[3])
			e += float32(u[4] * v[4])
			f += float32(u[5] * v[5])
			g += float32(u[6] * v[6])
			h += float32(u[7] * v[7])
		}
		*(*[8]float32)(s[l:]) = [8]float32{a, b, c, d, e, f, g, h}
	}
	for i := whole; i < n; i++ {
		s[i-whole] += float32(xs[i] * ys[i])
	}
}

func goAxpy(a float32, x, y *float32, n int) {
	xs, ys := unsafe.Slice(x, n), unsafe.Slice(y, n)
	for i, v := range xs {
		ys[i] += float32(a * v)
	}
}

// goTile keeps its block in variables, which the compiler keeps in registers.
func goTile(dst *float32, ldc int, a *float32, lda int, b *float32, ldb int, n int) {
	r0 := (*[4]float32)(unsafe.Pointer(dst))
	r1 := (*[4]float32)(unsafe.Pointer(at(dst, 1*ldc)))
	s00, s01, s02, s03 := r0[0], r0[1], r0[2], r0[3]
	s10, s11, s12, s13 := r1[0], r1[1], r1[2], r1[3]
	for p := range n {
		x, y := (*[2]float32)(unsafe.Pointer(at(a, p*lda))), (*[4]float32)(unsafe.Pointer(at(b, p*ldb)))
		y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
		x0 := x[0]
		s00 += float32(x0 * y0)
		s01 += float32(x0 * y1)
		s02 += float32(x0 * y2)
		s03 += float32(x0 * y3)
		x1 := x[1]
		s10 += float32(x1 * y0)
		s11 += float32(x1 * y1)
		s12 += float32(x1 * y2)
		s13 += float32(x1 * y3)
	}
	*r0 = [4]float32{s00, s01, s02, s03}
	*r1 = [4]float32{s10, s11, s12, s13}
}

func goColumn(dst *float32, ldc, _ int, a *float32, panel int, b *float32, n, count, fresh int, _ *float32, _ int) {
	const tall, wide = 2, 4
	for t := range count {
		d := at(dst, t*tall*ldc)
		for i := 0; i < tall && fresh != 0; i++ {
			clear(unsafe.Slice(at(d, i*ldc), wide))
		}
		goTile(d, ldc, at(a, t*panel), tall, b, wide, n)
	}
}

// plainSweep is set.sweep of the first n rows and pivots of a tile.
func plainSweep(rows, minus, ratio, c, pivot *float32, left, n, tall, wide int) {
	for k := range n {
		d := *at(pivot, k)
		row, m, r := unsafe.Slice(at(rows, k*wide), wide), unsafe.Slice(at(minus, k*wide), wide), unsafe.Slice(at(ratio, k*wide), wide)
		for j, v := range row {
			m[j], r[j] = -v, v/d
		}
		copy(row, r)
		source := at(ratio, k*wide)
		if left != 0 {
			source = at(minus, k*wide)
		}
		for i := range n {
			if i != k {
				goAxpy(*at(c, k*tall+i), source, at(rows, i*wide), wide)
			}
		}
	}
}

func goScore(dst, a, b *float32, n int, floor *float32, hits *uint32) uint32 {
	const tall, wide = 2, 4
	var any uint32
	for i := range tall {
		clear(unsafe.Slice(at(dst, i*32), wide))
	}
	goTile(dst, 32, a, tall, b, wide, n)
	h := unsafe.Slice(hits, tall)
	for i, f := range unsafe.Slice(floor, tall) {
		h[i] = 0
		for j, s := range unsafe.Slice(at(dst, i*32), wide) {
			if s > f {
				h[i] |= 1 << j
			}
		}
		any |= h[i]
	}
	return any
}

func goScatter(sum, touched *uint32, n int, w float32, index *uint32, value *float32, m int) int {
	for e, j := range unsafe.Slice(index, m) {
		b := word(sum, int(j))
		*word(touched, n) = j
		n += int((*b - 1) &^ *b >> 31) // 1 for 0
		x := w
		if value != nil {
			x = float32(w * *at(value, e))
		}
		*b = math.Float32bits(math.Float32frombits(*b) + x)
	}
	return n
}

func goSpread(sum *uint32, w float32, index *uint32, value *float32, m int) {
	for e, j := range unsafe.Slice(index, m) {
		x := w
		if value != nil {
			x = float32(w * *at(value, e))
		}
		b := word(sum, int(j))
		*b = math.Float32bits(math.Float32frombits(*b) + x)
	}
}

// word is the address of number i counted from p.
func word(p *uint32, i int) *uint32 { return (*uint32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }

func goTally(count *byte, rows *uint32, n int, offsets *uint64, base uint64, index *uint32) {
	for _, r := range unsafe.Slice(rows, n) {
		o := (*[2]uint64)(unsafe.Add(unsafe.Pointer(offsets), 8*int(r)))
		for _, j := range unsafe.Slice(word(index, int(o[0]-base)), int(o[1]-o[0])) {
			*(*byte)(unsafe.Add(unsafe.Pointer(count), int(j)))++
		}
	}
}

func goWiden(sum *uint32, count *byte, n, fresh int) (total int) {
	counts, sums := unsafe.Slice(count, n), unsafe.Slice(sum, n)
	for j, c := range counts {
		x := float32(c)
		if fresh == 0 {
			x += math.Float32frombits(sums[j])
		}
		sums[j] = math.Float32bits(x)
		total += int(c)
	}
	clear(counts)
	return total
}

func goFetch(keys, sum, index *uint32, n int) {
	out := unsafe.Slice(keys, n)
	for i, j := range unsafe.Slice(index, n) {
		b := word(sum, int(j))
		out[i], *b = *b, 0
	}
}

func goSift(out *uint64, keys, index *uint32, n int, least uint32) int {
	columns, m := unsafe.Slice(index, n), 0
	for i, k := range unsafe.Slice(keys, n) {
		if k >= least {
			*(*uint64)(unsafe.Add(unsafe.Pointer(out), 8*m)) = uint64(k)<<32 | uint64(^columns[i])
			m++
		}
	}
	return m
}

func goRate(keys, index *uint32, norms *float32, alpha, beta, gamma float32, n int, top *uint32) {
	columns := unsafe.Slice(index, n)
	best := unsafe.Slice(top, 16)
	clear(best)
	for i, b := range unsafe.Slice(keys, n) {
		x := math.Float32frombits(b)
		if norms != nil {
			d := float32(alpha**at(norms, int(columns[i]))) + beta
			d -= float32(gamma * x)
			x /= d
		}
		k := uint32(0)
		if x != 0 && x == x {
			k = turned(x)
		}
		unsafe.Slice(keys, n)[i] = k
		best[0] = max(best[0], k)
	}
}

func goAbove(keys *uint32, n int, least uint32) int {
	count := 0
	for _, k := range unsafe.Slice(keys, n) {
		if k >= least {
			count++
		}
	}
	return count
}
