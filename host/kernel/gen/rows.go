package main

import "github.com/mmcloughlin/avo/operand"

// rows keeps its 64 sums in registers.
func (g *generator) rows() {
	g.function("rows", "func(dst, v, m *float32, index *uint32, n int, floor float32) uint64",
		"adds v[e]*m[index[e]*64+j] to dst[j] for j < 64, for e < n in order; bit j of the result tells whether dst[j] is above floor.")
	dst, v, m, index, n := g.arg("dst"), g.arg("v"), g.arg("m"), g.arg("index"), g.arg("n")
	s := g.vecs(64 / g.isa.lanes)
	for i := range s {
		g.VMOVUPS(operand.Mem{Base: dst, Disp: i * g.bytes()}, s[i])
	}
	loop, done := label("rows"), label("rowsdone")
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	a, at := g.vec(), g.GP64()
	t := g.vecs(2)
	g.Label(loop)
	g.MOVL(operand.Mem{Base: index}, at.As32())
	g.SHLQ(operand.U8(8), at)
	g.ADDQ(m, at)
	g.VBROADCASTSS(operand.Mem{Base: v}, a)
	for i := range s {
		g.VMULPS(operand.Mem{Base: at, Disp: i * g.bytes()}, a, t[i%2])
		g.VADDPS(t[i%2], s[i], s[i])
	}
	g.ADDQ(operand.U8(4), v)
	g.ADDQ(operand.U8(4), index)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
	const greater = 0x1e // GT_OQ: false where either is not a number
	p, err := g.Param("floor").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(p.Addr, a)
	hits, word := g.GP64(), g.GP64()
	g.XORQ(hits, hits)
	for i := range s {
		g.VMOVUPS(s[i], operand.Mem{Base: dst, Disp: i * g.bytes()})
		if g.isa.lanes == 16 {
			k := g.K()
			g.VCMPPS(operand.U8(greater), a, s[i], k)
			g.KMOVW(k, word.As32())
		} else {
			g.VCMPPS(operand.U8(greater), a, s[i], t[0])
			g.VMOVMSKPS(t[0], word.As32())
		}
		if i > 0 {
			g.SHLQ(operand.U8(i*g.isa.lanes), word)
		}
		g.ORQ(word, hits)
	}
	g.Store(hits, g.ReturnIndex(0))
	g.ret()
}
