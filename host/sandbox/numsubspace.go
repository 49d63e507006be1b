package sandbox

import (
	"rechost/guest/abi"
	"rechost/host/kernel"
)

func init() {
	function(abi.FnAddSparse, "pfpp", "", numAddSparse)
	function(abi.FnAddProduct, "ppp", "", numAddProduct)
	function(abi.FnWhiten, "pplf", "l", numWhiten)
	function(abi.FnEigen, "pppl", "", numEigen)
}

func numAddSparse(a *args) uint64 {
	dst, f := a.u32(), a.f32()
	s, m := a.sparse("s"), a.matrix("m")
	if s.Cols > m.Rows {
		a.c.fail("%s: s has %d columns and m %d rows", a.name, s.Cols, m.Rows)
	}
	out := a.writesAt("dst", dst, uint64(s.Rows)*uint64(m.Cols))
	a.apart()
	kernel.AddSparse(out, f, s, m, a.c.threads, a.c.pause)
	return 0
}

func numAddProduct(a *args) uint64 {
	dst := a.u32()
	x, y := a.matrix("a"), a.matrix("b")
	if x.Cols != y.Rows {
		a.c.fail("%s: a has %d columns and b %d rows", a.name, x.Cols, y.Rows)
	}
	out := a.writesAt("dst", dst, uint64(x.Rows)*uint64(y.Cols))
	a.apart()
	a.scratch(8 * (uint64(x.Cols) + 64) * (uint64(y.Cols) + 64))
	kernel.AddProduct(out, x, y, a.c.threads, a.c.pause)
	return 0
}

// order reads the number of rows and columns of a small matrix.
func (a *args) order() uint64 {
	k := a.count("k")
	if k > abi.MaxEigen {
		a.c.fail("%s: k %d is more than %d", a.name, k, abi.MaxEigen)
	}
	return k
}

func numWhiten(a *args) uint64 {
	dst, g := a.u32(), a.u32()
	k, tolerance := a.order(), a.f32()
	in, out := a.readsAt("g", g, k*k), a.writesAt("dst", dst, k*k)
	a.apart()
	a.scratch(8 * k * (k + 2))
	return uint64(kernel.Whiten(out, in, int(k), tolerance, a.c.pause))
}

func numEigen(a *args) uint64 {
	values, vectors, g := a.u32(), a.u32(), a.u32()
	k := a.order()
	in := a.readsAt("g", g, k*k)
	to, w := a.writesAt("values", values, k), a.writesAt("vectors", vectors, k*k)
	a.apart()
	a.scratch(8 * k * (k + 4))
	kernel.Eigen(to, w, in, int(k), a.c.pause)
	return 0
}
