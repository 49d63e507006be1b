package kernel

import (
	"math"
	"unsafe"

	"rechost/guest/num/naive"
)

// goRows is set.rows in Go.
func goRows(dst, v, m *float32, index *uint32, n int, floor float32) uint64 {
	values, rows := unsafe.Slice(v, n), unsafe.Slice(index, n)
	for e, i := range rows {
		goAxpy(values[e], at(m, int(i)*span), dst, span)
	}
	var hits uint64
	for j, s := range unsafe.Slice(dst, span) {
		if s > floor {
			hits |= 1 << j
		}
	}
	return hits
}

// goTurn is set.turn in Go.
func goTurn(dst *float32, ldd int, src *float32, lds, rows, n int) {
	for i := range rows {
		for p, v := range unsafe.Slice(at(src, i*lds), n) {
			*at(dst, p*ldd+i) = v
		}
	}
}

// goClean is set.clean in Go.
func goClean(x *float32, n int, flip uint32) {
	y := unsafe.Slice(x, n)
	for i, v := range y {
		y[i] = naive.Canonical(math.Float32frombits(math.Float32bits(v) ^ flip))
	}
}
