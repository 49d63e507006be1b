package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (g *generator) apart() {
	g.function("apart", "func(u, i, j *float32, n int) float32", "is naive.Dot of u and i-j, n elements.")
	u, i, j, n := g.arg("u"), g.arg("i"), g.arg("j"), g.arg("n")
	s := g.vecs(16 / g.isa.lanes)
	for _, v := range s {
		g.zero(v)
	}
	t, x := g.vec(), g.vec()
	loop, end, done := label("apart"), label("apartend"), label("apartdone")
	whole := func(at int, s reg.VecVirtual) {
		g.VMOVUPS(operand.Mem{Base: i, Disp: at}, t)
		g.VSUBPS(operand.Mem{Base: j, Disp: at}, t, t)
		g.VMULPS(operand.Mem{Base: u, Disp: at}, t, t)
		g.VADDPS(t, s, s)
	}
	part := func(at int, s reg.VecVirtual) {
		m := g.mask(n)
		g.loadEnd(operand.Mem{Base: i, Disp: at}, m, t)
		g.loadEnd(operand.Mem{Base: j, Disp: at}, m, x)
		g.VSUBPS(x, t, t)
		g.loadEnd(operand.Mem{Base: u, Disp: at}, m, x)
		g.VMULPS(x, t, t)
		g.VADDPS(t, s, s)
	}
	g.Label(loop)
	g.CMPQ(n, operand.U8(16))
	g.JL(operand.LabelRef(end))
	for l, v := range s {
		whole(l*g.bytes(), v)
	}
	for _, p := range []reg.GPVirtual{u, i, j} {
		g.ADDQ(operand.U8(64), p)
	}
	g.SUBQ(operand.U8(16), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	if len(s) == 2 {
		short := label("apartshort")
		g.CMPQ(n, operand.U8(8))
		g.JL(operand.LabelRef(short))
		whole(0, s[0])
		g.SUBQ(operand.U8(8), n)
		g.JZ(operand.LabelRef(done))
		part(32, s[1])
		g.JMP(operand.LabelRef(done))
		g.Label(short)
	}
	part(0, s[0])
	g.Label(done)
	r := g.tree(s)
	g.Store(r, g.ReturnIndex(0))
	g.ret()
}

func (g *generator) pull() {
	g.function("pull", "func(u, i, j *float32, n int, z, rate, decay float32)",
		"is naive.BPR's step of the vectors u, i and j, n elements.")
	u, i, j, n := g.arg("u"), g.arg("i"), g.arg("j"), g.arg("n")
	z, rate, decay := g.vec(), g.vec(), g.vec()
	for at, v := range []reg.VecVirtual{z, rate, decay} {
		p, err := g.ParamIndex(4 + at).Resolve()
		if err != nil {
			panic(err)
		}
		g.VBROADCASTSS(p.Addr, v)
	}
	a, x, y, t, d, w := g.vec(), g.vec(), g.vec(), g.vec(), g.vec(), g.vec()
	loop, end, done := label("pull"), label("pullend"), label("pulldone")
	step := func() {
		g.VMULPS(a, z, t)
		g.VSUBPS(y, x, d)
		g.VMULPS(d, z, d)
		g.VMULPS(a, decay, w)
		g.VSUBPS(w, d, d)
		g.VMULPS(d, rate, d)
		g.VADDPS(d, a, a)
		g.VMULPS(x, decay, w)
		g.VSUBPS(w, t, w)
		g.VMULPS(w, rate, w)
		g.VADDPS(w, x, x)
		g.VMULPS(y, decay, w)
		g.VADDPS(w, t, w)
		g.VMULPS(w, rate, w)
		g.VSUBPS(w, y, y)
	}
	g.Label(loop)
	g.CMPQ(n, operand.U8(g.isa.lanes))
	g.JL(operand.LabelRef(end))
	g.VMOVUPS(operand.Mem{Base: u}, a)
	g.VMOVUPS(operand.Mem{Base: i}, x)
	g.VMOVUPS(operand.Mem{Base: j}, y)
	step()
	g.VMOVUPS(a, operand.Mem{Base: u})
	g.VMOVUPS(x, operand.Mem{Base: i})
	g.VMOVUPS(y, operand.Mem{Base: j})
	for _, p := range []reg.GPVirtual{u, i, j} {
		g.ADDQ(operand.U8(g.bytes()), p)
	}
	g.SUBQ(operand.U8(g.isa.lanes), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	m := g.mask(n)
	g.loadEnd(operand.Mem{Base: u}, m, a)
	g.loadEnd(operand.Mem{Base: i}, m, x)
	g.loadEnd(operand.Mem{Base: j}, m, y)
	step()
	g.storeEnd(a, m, operand.Mem{Base: u})
	g.storeEnd(x, m, operand.Mem{Base: i})
	g.storeEnd(y, m, operand.Mem{Base: j})
	g.Label(done)
	g.ret()
}
