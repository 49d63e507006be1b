package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rate and above take arrays whose length is a multiple of sixteen.

func (g *generator) rate() {
	g.function("rate", "func(keys *uint32, index *uint32, norms *float32, alpha, beta, gamma float32, n int, top *uint32)",
		"turns sums into keys in place; see set.rate.")
	keys, index, norms, n, top := g.arg("keys"), g.arg("index"), g.arg("norms"), g.arg("n"), g.arg("top")
	alpha, beta, gamma := g.vec(), g.vec(), g.vec()
	for i, v := range []operand.Op{alpha, beta, gamma} {
		p, err := g.ParamIndex(3 + i).Resolve()
		if err != nil {
			panic(err)
		}
		g.VBROADCASTSS(p.Addr, v)
	}
	sign, best, zero := g.vec(), g.vec(), g.vec()
	bit := g.GP32()
	g.MOVL(operand.U32(1<<31), bit)
	g.VMOVD(bit, sign.AsX())
	g.VPBROADCASTD(sign.AsX(), sign)
	g.zero(best)
	g.zero(zero)
	wide := g.isa.lanes == 16
	loop, plain, done := label("rate"), label("rateplain"), label("ratedone")
	g.Label(loop)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	x := g.vec()
	g.VMOVUPS(operand.Mem{Base: keys}, x)
	g.TESTQ(norms, norms)
	g.JZ(operand.LabelRef(plain))
	at, d, t := g.vec(), g.vec(), g.vec()
	g.VMOVUPS(operand.Mem{Base: index}, at)
	if wide {
		k := g.K()
		g.KXNORW(k, k, k)
		g.VGATHERDPS(operand.Mem{Base: norms, Index: at, Scale: 4}, k, d)
	} else {
		k := g.vec()
		g.VPCMPEQD(k, k, k)
		g.VGATHERDPS(k, operand.Mem{Base: norms, Index: at, Scale: 4}, d)
	}
	g.VMULPS(d, alpha, d)
	g.VADDPS(beta, d, d)
	g.VMULPS(x, gamma, t)
	g.VSUBPS(t, d, d)
	g.VDIVPS(d, x, x)
	g.Label(plain)
	b := g.vec()
	g.VPSRAD(operand.U8(31), x, b)
	const listed = 0x0c // NEQ_OQ: neither 0 nor NaN
	if wide {
		k := g.K()
		g.VCMPPS(operand.U8(listed), zero, x, k)
		g.VPORD(sign, b, b)
		g.VPXORD_Z(x, b, k, b)
	} else {
		m := g.vec()
		g.VCMPPS(operand.U8(listed), zero, x, m)
		g.VPOR(sign, b, b)
		g.VPXOR(x, b, b)
		g.VPAND(m, b, b)
	}
	g.VPMAXUD(b, best, best)
	g.VMOVUPS(b, operand.Mem{Base: keys})
	g.ADDQ(operand.U8(g.bytes()), keys)
	g.ADDQ(operand.U8(g.bytes()), index)
	g.SUBQ(operand.U8(g.isa.lanes), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
	g.VMOVUPS(best, operand.Mem{Base: top})
	if !wide {
		g.VMOVUPS(best, operand.Mem{Base: top, Disp: 32})
	}
	g.ret()
}

func (g *generator) above() {
	g.function("above", "func(keys *uint32, n int, least uint32) int", "counts the keys of at least least.")
	keys, n := g.arg("keys"), g.arg("n")
	least := g.vec()
	p, err := g.Param("least").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(p.Addr, least)
	count := g.GP64()
	loop, done := label("above"), label("abovedone")
	x := g.vec()
	if g.isa.lanes == 16 {
		word, k := g.GP32(), g.K()
		g.XORQ(count, count)
		g.Label(loop)
		g.TESTQ(n, n)
		g.JZ(operand.LabelRef(done))
		g.VMOVUPS(operand.Mem{Base: keys}, x)
		g.VPCMPUD(operand.U8(5), least, x, k) // not less
		g.KMOVW(k, word)
		g.POPCNTL(word, word)
		g.ADDQ(word.As64(), count)
	} else {
		sum, m := g.vec(), g.vec()
		g.zero(sum)
		g.Label(loop)
		g.TESTQ(n, n)
		g.JZ(operand.LabelRef(done))
		g.VMOVUPS(operand.Mem{Base: keys}, x)
		g.VPMAXUD(least, x, m)
		g.VPCMPEQD(m, x, m)
		g.VPSUBD(m, sum, sum)
		defer func() {
			half := g.XMM()
			g.VEXTRACTI128(operand.U8(1), sum, half)
			g.VPADDD(half, sum.AsX(), half)
			other := g.XMM()
			g.VPSHUFD(operand.U8(0x4e), half, other)
			g.VPADDD(other, half, half)
			g.VPSHUFD(operand.U8(0xb1), half, other)
			g.VPADDD(other, half, half)
			g.VMOVD(half, count.As32())
			g.Store(count, g.ReturnIndex(0))
			g.ret()
		}()
	}
	g.ADDQ(operand.U8(g.bytes()), keys)
	g.SUBQ(operand.U8(g.isa.lanes), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
	if g.isa.lanes == 16 {
		g.Store(count, g.ReturnIndex(0))
		g.ret()
	}
}

// similarity is what rate divides by, of columns that come in order.
type similarity struct {
	norms              reg.GPVirtual
	alpha, beta, gamma reg.VecVirtual
}

func (g *generator) similarity(first int) similarity {
	s := similarity{g.arg("norms"), g.vec(), g.vec(), g.vec()}
	for i, v := range []reg.VecVirtual{s.alpha, s.beta, s.gamma} {
		p, err := g.ParamIndex(first + i).Resolve()
		if err != nil {
			panic(err)
		}
		g.VBROADCASTSS(p.Addr, v)
	}
	return s
}

// of makes sums x about scores, of the columns at a place in the norms. The
// reciprocal is right to 2^-14.
func (s similarity) of(g *generator, x reg.VecVirtual, place int) {
	d, t := g.vec(), g.vec()
	g.VMULPS(operand.Mem{Base: s.norms, Disp: place}, s.alpha, d)
	g.VADDPS(s.beta, d, d)
	g.VMULPS(x, s.gamma, t)
	g.VSUBPS(t, d, d)
	g.VRCP14PS(d, d)
	g.VMULPS(d, x, x)
}

// blockOf is how many registers of sums have one register of peaks.
const blockOf = 8

func (g *generator) peaks() {
	if g.isa.lanes != 16 {
		return
	}
	g.function("peaks", "func(peaks, sum *uint32, norms *float32, alpha, beta, gamma float32, blocks int, top *uint32)", "finds about the best scores; see set.peaks.")
	peaks, sum, blocks, top := g.arg("peaks"), g.arg("sum"), g.arg("blocks"), g.arg("top")
	s := g.similarity(3)
	best := g.vec()
	g.zero(best)
	loop, next, done := label("peaks"), label("peaksnext"), label("peaksdone")
	plain := label("peaksplain")
	g.Label(loop)
	g.TESTQ(blocks, blocks)
	g.JZ(operand.LabelRef(done))
	high := g.vec()
	g.zero(high)
	g.TESTQ(s.norms, s.norms)
	g.JZ(operand.LabelRef(plain))
	for i := range blockOf {
		x := g.vec()
		g.VMOVUPS(operand.Mem{Base: sum, Disp: 64 * i}, x)
		s.of(g, x, 64*i)
		g.VMAXPS(high, x, high) // high where x is no number
	}
	g.ADDQ(operand.U32(64*blockOf), s.norms)
	g.JMP(operand.LabelRef(next))
	g.Label(plain)
	for i := range blockOf {
		x := g.vec()
		g.VMOVUPS(operand.Mem{Base: sum, Disp: 64 * i}, x)
		g.VMAXPS(high, x, high)
	}
	g.Label(next)
	g.VMAXPS(high, best, best)
	g.VMOVUPS(high, operand.Mem{Base: peaks})
	g.ADDQ(operand.U8(64), peaks)
	g.ADDQ(operand.U32(64*blockOf), sum)
	g.DECQ(blocks)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
	g.VMOVUPS(best, operand.Mem{Base: top})
	g.ret()
}

func (g *generator) pick() {
	if g.isa.lanes != 16 {
		return
	}
	g.function("pick", "func(keys, columns, sum *uint32, norms *float32, alpha, beta, gamma float32, peaks *uint32, blocks int, least float32) int",
		"packs the sums of columns of about the best scores; see set.pick.")
	keys, columns, sum, peaks, blocks := g.arg("keys"), g.arg("columns"), g.arg("sum"), g.arg("peaks"), g.arg("blocks")
	s := g.similarity(4)
	least := g.vec()
	p, err := g.Param("least").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(p.Addr, least)
	iota := g.StaticGlobal("iota")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		g.AddDatum(4*i, operand.U32(i))
	}
	at, by := g.vec(), g.vec()
	g.VMOVDQU32(iota, at)
	sixteen := g.GP32()
	g.MOVL(operand.U32(16), sixteen)
	g.VPBROADCASTD(sixteen, by)
	block := g.vec()
	g.VPSLLD(operand.U8(3), by, block)
	start := g.GP64()
	g.MOVQ(keys, start)
	const atLeast = 0x1d // GE_OQ
	loop, next, done := label("pick"), label("picknext"), label("pickdone")
	g.Label(loop)
	g.TESTQ(blocks, blocks)
	g.JZ(operand.LabelRef(done))
	k := g.K()
	high := g.vec()
	g.VMOVUPS(operand.Mem{Base: peaks}, high)
	g.VCMPPS(operand.U8(atLeast), least, high, k)
	g.KORTESTW(k, k)
	g.JZ(operand.LabelRef(next))
	col := g.vec()
	g.VMOVDQA32(at, col)
	for i := range blockOf {
		x, raw := g.vec(), g.vec()
		g.VMOVUPS(operand.Mem{Base: sum, Disp: 64 * i}, raw)
		g.VMOVUPS(raw, x)
		without := label("pickplain")
		g.TESTQ(s.norms, s.norms)
		g.JZ(operand.LabelRef(without))
		s.of(g, x, 64*i)
		g.Label(without)
		m, count := g.K(), g.GP32()
		g.VCMPPS(operand.U8(atLeast), least, x, m)
		out := g.vec()
		g.VPCOMPRESSD_Z(raw, m, out)
		g.VMOVUPS(out, operand.Mem{Base: keys})
		g.VPCOMPRESSD_Z(col, m, out)
		g.VMOVUPS(out, operand.Mem{Base: columns})
		g.KMOVW(m, count)
		g.POPCNTL(count, count)
		g.LEAQ(operand.Mem{Base: keys, Index: count.As64(), Scale: 4}, keys)
		g.LEAQ(operand.Mem{Base: columns, Index: count.As64(), Scale: 4}, columns)
		g.VPADDD(by, col, col)
	}
	g.Label(next)
	g.VPADDD(block, at, at)
	g.ADDQ(operand.U8(64), peaks)
	g.ADDQ(operand.U32(64*blockOf), sum)
	has := label("picknonorms")
	g.TESTQ(s.norms, s.norms)
	g.JZ(operand.LabelRef(has))
	g.ADDQ(operand.U32(64*blockOf), s.norms)
	g.Label(has)
	g.DECQ(blocks)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
	g.SUBQ(start, keys)
	g.SHRQ(operand.U8(2), keys)
	g.Store(keys, g.ReturnIndex(0))
	g.ret()
}
