package sandbox

import (
	"rechost/guest/abi"
	"rechost/guest/num/naive"
	"rechost/host/kernel"
)

func init() {
	function(abi.FnGemm, "ppp", "", numGemm)
	function(abi.FnInverse, "pl", "l", numInverse)
	function(abi.FnSparseGram, "pp", "", numSparseGram)
	function(abi.FnDivideColumns, "pllp", "", numDivideColumns)
	function(abi.FnRowsTopK, "pppplppp", "l", numRowsTopK)
}

func numGemm(a *args) uint64 {
	dst := a.u32()
	x, y := a.matrix("a"), a.matrix("b")
	if x.Cols != y.Rows {
		a.c.fail("%s: a has %d columns and b %d rows", a.name, x.Cols, y.Rows)
	}
	out := a.writesAt("dst", dst, uint64(x.Rows)*uint64(y.Cols))
	a.apart()
	kernel.Gemm(out, x, y, a.c.threads, a.c.pause)
	return 0
}

func numInverse(a *args) uint64 {
	at, n := a.u32(), a.count("rows")
	x := a.writesAt("a", at, n*n)
	a.scratch(uint64(kernel.InverseScratch(int(n))))
	return uint64(int64(kernel.Inverse(x, int(n), a.c.threads, a.c.pause)))
}

func numSparseGram(a *args) uint64 {
	dst := a.u32()
	m := a.sparse("m")
	a.ascending("m", m)
	out := a.writesAt("dst", dst, uint64(m.Cols)*uint64(m.Cols))
	a.apart()
	needs := uint64(kernel.SparseGramScratch(len(m.Index), m.Cols))
	kernel.SparseGram(out, m, a.c.threads, int(a.scratch(needs)-needs), a.c.pause)
	return 0
}

func numDivideColumns(a *args) uint64 {
	at, rows, cols := a.u32(), a.count("rows"), a.count("columns")
	x, by := a.writesAt("x", at, rows*cols), a.reads("by", cols)
	a.apart()
	kernel.DivideColumns(x, by, a.c.threads, a.c.pause)
	return 0
}

func numRowsTopK(a *args) uint64 {
	x, w := a.sparse("x"), a.matrix("w")
	mask := a.mask(x.Rows, w.Cols)
	if x.Cols > w.Rows {
		a.c.fail("%s: x has %d columns and w %d rows", a.name, x.Cols, w.Rows)
	}
	a.ascending("without", mask.Without)
	return a.lists(x.Rows, func(dst naive.Sparse, k int) int {
		threads := a.listing(x.Rows, 0, uint64(kernel.RowsTopKScratch(x.Rows, w.Rows, w.Cols, k)))
		return kernel.RowsTopK(dst, x, w, mask, k, threads, a.c.pause)
	})
}
