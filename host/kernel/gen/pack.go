package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turn transposes four numbers of four rows at a time.
func (g *generator) turn() {
	g.function("turn", "func(dst *float32, ldd int, src *float32, lds, rows, n int)",
		"sets dst[p*ldd+i] to src[i*lds+p] for i < rows and p < n, multiples of 4 and above 0.")
	to, ldd, from, lds, rows, width := g.arg("dst"), g.arg("ldd"), g.arg("src"), g.arg("lds"), g.arg("rows"), g.arg("n")
	g.SHLQ(operand.U8(2), ldd)
	g.SHLQ(operand.U8(2), lds)
	three := g.GP64()
	g.LEAQ(operand.Mem{Base: lds, Index: lds, Scale: 2}, three)
	next, loop := label("turnrows"), label("turn")
	dst, src, n := g.GP64(), g.GP64(), g.GP64()
	g.Label(next)
	g.MOVQ(to, dst)
	g.MOVQ(from, src)
	g.MOVQ(width, n)
	g.Label(loop)
	r := []operand.Mem{{Base: src}, {Base: src, Index: lds, Scale: 1}, {Base: src, Index: lds, Scale: 2}, {Base: src, Index: three, Scale: 1}}
	a, b, c, d := g.XMM(), g.XMM(), g.XMM(), g.XMM()
	lo, hi, u, v := g.XMM(), g.XMM(), g.XMM(), g.XMM()
	g.VMOVUPS(r[0], a)
	g.VMOVUPS(r[1], b)
	g.VMOVUPS(r[2], c)
	g.VMOVUPS(r[3], d)
	g.VUNPCKLPS(b, a, lo) // a0 b0 a1 b1
	g.VUNPCKHPS(b, a, hi)
	g.VUNPCKLPS(d, c, u)
	g.VUNPCKHPS(d, c, v)
	g.VUNPCKLPD(u, lo, a)
	g.VUNPCKHPD(u, lo, b)
	g.VUNPCKLPD(v, hi, c)
	g.VUNPCKHPD(v, hi, d)
	g.VMOVUPS(a, operand.Mem{Base: dst})
	g.ADDQ(ldd, dst)
	g.VMOVUPS(b, operand.Mem{Base: dst})
	g.ADDQ(ldd, dst)
	g.VMOVUPS(c, operand.Mem{Base: dst})
	g.ADDQ(ldd, dst)
	g.VMOVUPS(d, operand.Mem{Base: dst})
	g.ADDQ(ldd, dst)
	g.ADDQ(operand.U8(16), src)
	g.SUBQ(operand.U8(4), n)
	g.JNZ(operand.LabelRef(loop))
	g.ADDQ(operand.U8(16), to)
	g.LEAQ(operand.Mem{Base: from, Index: lds, Scale: 4}, from)
	g.SUBQ(operand.U8(4), rows)
	g.JNZ(operand.LabelRef(next))
	g.ret()
}

// deal moves an eighth of a row with one instruction.
func (g *generator) deal() {
	g.function("deal", "func(dst *float32, at *int, rows *float32, n int)",
		"deals n rows out to panels; see set.deal.")
	dst, table, rows, n := g.arg("dst"), g.arg("at"), g.arg("rows"), g.arg("n")
	part := g.isa.wide / 8
	at := make([]reg.GPVirtual, 8)
	for x := range at {
		at[x] = g.GP64()
		g.MOVQ(operand.Mem{Base: table, Disp: 8 * x}, at[x])
	}
	loop := label("deal")
	g.Label(loop)
	for x := range at {
		from, to, v := operand.Mem{Base: rows, Disp: 4 * part * x}, operand.Mem{Base: dst, Index: at[x], Scale: 4}, g.XMM()
		if part == 4 {
			g.VMOVUPS(from, v)
			g.VMOVUPS(v, to)
		} else {
			g.VMOVSD(from, v)
			g.VMOVSD(v, to)
		}
	}
	g.ADDQ(operand.U32(4*g.isa.wide), rows)
	g.ADDQ(operand.U8(4*g.isa.tall), dst)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(loop))
	g.ret()
}

// lift copies a strip of a matrix. The next rows are on pages of their own, which
// no processor fetches unasked.
func (g *generator) lift() {
	g.function("lift", "func(dst, src *float32, lds, n int)",
		"copies n rows of 64 numbers, which are lds apart, to one after the other.")
	const span, ahead = 64, 4 // two to the power of it: rows
	dst, src, lds, n := g.arg("dst"), g.arg("src"), g.arg("lds"), g.arg("n")
	g.SHLQ(operand.U8(2), lds)
	next := g.GP64()
	g.MOVQ(lds, next)
	g.SHLQ(operand.U8(ahead), next)
	g.ADDQ(src, next)
	loop, done := label("lift"), label("liftdone")
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	g.Label(loop)
	row := g.vecs(span / g.isa.lanes)
	for i, v := range row {
		g.VMOVUPS(operand.Mem{Base: src, Disp: i * g.bytes()}, v)
	}
	for line := 0; line < 4*span; line += 64 {
		g.PREFETCHT0(operand.Mem{Base: next, Disp: line})
	}
	g.PREFETCHT0(operand.Mem{Base: next, Disp: 4*span - 4})
	for i, v := range row {
		g.VMOVUPS(v, operand.Mem{Base: dst, Disp: i * g.bytes()})
	}
	g.ADDQ(operand.U32(4*span), dst)
	g.ADDQ(lds, src)
	g.ADDQ(lds, next)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
	g.ret()
}

// clean makes NaNs canonical, and changes signs where it is asked to.
func (g *generator) clean() {
	g.function("clean", "func(x *float32, n int, flip uint32)",
		"changes the bits flip of n elements of x and makes NaNs canonical.")
	x, n := g.arg("x"), g.arg("n")
	flip, nan := g.vec(), g.vec()
	word, short := g.GP32(), g.XMM()
	g.Load(g.Param("flip"), word)
	g.VMOVD(word, short)
	g.VPBROADCASTD(short, flip)
	g.MOVL(operand.U32(0x7fc00000), word)
	g.VMOVD(word, short)
	g.VPBROADCASTD(short, nan)
	const unordered = 3
	v := g.vec()
	body := func() {
		if g.isa.lanes == 16 {
			k := g.K()
			g.VPXORD(flip, v, v)
			g.VCMPPS(operand.U8(unordered), v, v, k)
			g.VMOVAPS(nan, k, v)
		} else {
			m := g.vec()
			g.VPXOR(flip, v, v)
			g.VCMPPS(operand.U8(unordered), v, v, m)
			g.VBLENDVPS(m, nan, v, v)
		}
	}
	loop, end, done := label("clean"), label("cleanend"), label("cleandone")
	g.Label(loop)
	g.CMPQ(n, operand.U8(g.isa.lanes))
	g.JL(operand.LabelRef(end))
	g.VMOVUPS(operand.Mem{Base: x}, v)
	body()
	g.VMOVUPS(v, operand.Mem{Base: x})
	g.ADDQ(operand.U8(g.bytes()), x)
	g.SUBQ(operand.U8(g.isa.lanes), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	m := g.mask(n)
	g.loadEnd(operand.Mem{Base: x}, m, v)
	body()
	g.storeEnd(v, m, operand.Mem{Base: x})
	g.Label(done)
	g.ret()
}
