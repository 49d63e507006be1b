package kernel

import (
	"math"
	"unsafe"

	"rechost/guest/num/naive"
)

// plain is the form in Go. Its loops have bounds checks, so it is the safest.
var plain = set{
	name: "go",
	dot:  func(x, y *float32, n int) float32 { return naive.Dot(unsafe.Slice(x, n), unsafe.Slice(y, n)) },
	axpy: goAxpy,
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
	fit: func(q, p, y *float32, index *uint32, w, c *float32, n, k int) {
		ws, cs := unsafe.Slice(w, n), unsafe.Slice(c, n)
		for e, i := range unsafe.Slice(index, n) {
			row := at(y, int(i)*k)
			t := cs[e]
			if ws[e] != 0 {
				t += float32(ws[e] * naive.Dot(unsafe.Slice(row, k), unsafe.Slice(p, k)))
			}
			goAxpy(t, row, q, k)
		}
	},
	tall: 4, wide: 8,
	tile:  goTile,
	score: goScore,
	rate:  goRate,
	above: goAbove,
}

// at is the address of element i counted from p.
func at(p *float32, i int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }

func goAxpy(a float32, x, y *float32, n int) {
	xs, ys := unsafe.Slice(x, n), unsafe.Slice(y, n)
	for i, v := range xs {
		ys[i] += float32(a * v)
	}
}

func goTile(dst *float32, ldc int, a *float32, lda int, b *float32, ldb int, n int) {
	for i := range 4 {
		row := (*[8]float32)(unsafe.Pointer(at(dst, i*ldc)))
		s := *row
		for p := range n {
			v, w := *at(a, p*lda+i), (*[8]float32)(unsafe.Pointer(at(b, p*ldb)))
			for j := range s {
				s[j] += float32(v * w[j])
			}
		}
		*row = s
	}
}

func goScore(dst, a, b *float32, n int, floor *float32, hits *uint32) uint32 {
	var any uint32
	for i := range 4 {
		clear(unsafe.Slice(at(dst, i*32), 8))
	}
	goTile(dst, 32, a, 4, b, 8, n)
	h := unsafe.Slice(hits, 4)
	for i, f := range unsafe.Slice(floor, 4) {
		h[i] = 0
		for j, s := range unsafe.Slice(at(dst, i*32), 8) {
			if s > f {
				h[i] |= 1 << j
			}
		}
		any |= h[i]
	}
	return any
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
