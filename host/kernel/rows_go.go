package kernel

import "unsafe"

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
