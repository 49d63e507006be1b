package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// meet counts for four columns at a time, so that a row's bits are read once
// for them, and a column's once for four rows: sixteen registers of counts.
// AVX2 has no instruction that counts bits.
func (g *generator) meet() {
	if g.isa.lanes != 16 {
		return
	}
	g.function("meet", "func(dst *float32, ldd int, rows, columns *uint64, words, n int)",
		"sets dst[i*ldd+j] to the number of bits that rows i < 4 and columns j < n, of so many words each, have in common; n is a multiple of 4, words of 8.")
	dst, ldd, rows, columns, words, n := g.arg("dst"), g.arg("ldd"), g.arg("rows"), g.arg("columns"), g.arg("words"), g.arg("n")
	g.SHLQ(operand.U8(2), ldd)
	g.SHLQ(operand.U8(3), words)
	// each sets four registers to so many rows or columns from p on.
	each := func(p reg.GPVirtual) [4]reg.GPVirtual {
		var all [4]reg.GPVirtual
		for i := range all {
			all[i] = g.GP64()
			if i == 0 {
				g.MOVQ(p, all[i])
			} else {
				g.LEAQ(operand.Mem{Base: all[i-1], Index: words, Scale: 1}, all[i])
			}
		}
		return all
	}
	r, c, w := each(rows), each(columns), g.GP64()
	var count [4][4]reg.VecVirtual
	for i := range count {
		for j := range count[i] {
			count[i][j] = g.vec()
		}
	}
	next, inner := label("meet"), label("meetwords")
	g.Label(next)
	for i := range count {
		for j := range count[i] {
			g.zero(count[i][j])
		}
	}
	g.XORQ(w, w)
	g.Label(inner)
	y := g.vecs(4)
	for j := range y {
		g.VMOVDQU64(operand.Mem{Base: c[j], Index: w, Scale: 1}, y[j])
	}
	for i := range r {
		x := g.vec()
		g.VMOVDQU64(operand.Mem{Base: r[i], Index: w, Scale: 1}, x)
		for j := range y {
			t := g.vec()
			g.VPANDQ(x, y[j], t)
			g.VPOPCNTQ(t, t)
			g.VPADDQ(t, count[i][j], count[i][j])
		}
	}
	g.ADDQ(operand.U8(64), w)
	g.CMPQ(w, words)
	g.JLT(operand.LabelRef(inner))
	at := g.GP64()
	g.MOVQ(dst, at)
	for i := range count {
		half := func(a, b reg.VecVirtual) reg.VecVirtual {
			low, high := g.vec(), g.vec()
			g.VPUNPCKLQDQ(b, a, low)
			g.VPUNPCKHQDQ(b, a, high)
			g.VPADDQ(low, high, low)
			upper := g.YMM()
			g.VEXTRACTI64X4(operand.U8(1), low, upper)
			g.VPADDQ(upper, low.AsY(), upper)
			two := g.XMM()
			g.VEXTRACTI64X2(operand.U8(1), upper, two)
			g.VPADDQ(two, upper.AsX(), two)
			return two
		}
		a, b := half(count[i][0], count[i][1]), half(count[i][2], count[i][3])
		four := g.YMM()
		g.VINSERTI64X2(operand.U8(1), b, a.AsY(), four)
		g.VCVTQQ2PSY(four, a)
		g.VMOVUPS(a, operand.Mem{Base: at})
		g.ADDQ(ldd, at)
	}
	g.ADDQ(operand.U8(16), dst)
	for j := range c {
		g.LEAQ(operand.Mem{Base: c[j], Index: words, Scale: 4}, c[j])
	}
	g.SUBQ(operand.U8(4), n)
	g.JG(operand.LabelRef(next))
	g.ret()
}
