package num

import "unsafe"

func bpr(users, items, bias []float32, k int, p Pairwise) int {
	flags := int32(0)
	if p.Verify {
		flags |= 1
	}
	if p.PerUser {
		flags |= 2
	}
	return int(hostBPR(addr(users), addr(items), addr(bias), int64(k), sparse(0, p.Rows), int64(len(p.Items)), addr(p.Items),
		int64(p.Passes), p.Rate, p.Decay, flags, p.Seed, p.Stream))
}

//go:wasmimport rechost_num bpr
func hostBPR(users, items, bias unsafe.Pointer, k int64, rows unsafe.Pointer, n int64, index unsafe.Pointer,
	passes int64, rate, decay float32, flags int32, seed, stream uint64) int64
