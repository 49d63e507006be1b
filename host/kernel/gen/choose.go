package main

import (
	"github.com/mmcloughlin/avo/operand"
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
