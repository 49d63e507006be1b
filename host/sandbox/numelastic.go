package sandbox

import (
	"rechost/guest/abi"
	"rechost/guest/num/naive"
	"rechost/host/kernel"
)

func init() { function(abi.FnElasticNet, "pplplfffl", "", numElasticNet) }

func numElasticNet(a *args) uint64 {
	w, slope, rows := a.u32(), a.u32(), a.count("rows")
	p := naive.ElasticNet{Gram: a.matrix("gram")}
	if p.Gram.Rows != p.Gram.Cols {
		a.c.fail("%s: gram has %d rows and %d columns", a.name, p.Gram.Rows, p.Gram.Cols)
	}
	first := a.count("first")
	if n := uint64(p.Gram.Cols); first > n || rows > n-first {
		a.c.fail("%s: rows %d from %d are not among the %d of gram", a.name, rows, first, n)
	}
	p.First, p.L1, p.L2, p.Tolerance, p.Turns = int(first), a.f32(), a.f32(), a.f32(), int(a.count("turns"))
	x := a.writesAt("w", w, rows*uint64(p.Gram.Cols))
	y := a.writesAt("slope", slope, rows*uint64(p.Gram.Cols))
	a.apart()
	threads := a.threads(uint64(kernel.DescendScratch(p.Gram.Cols)))
	kernel.Descend(x, y, p, threads, a.c.pause)
	return 0
}
