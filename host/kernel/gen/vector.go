package main

import (
	"strconv"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var labels int

// label makes a name that is used once.
func label(s string) string {
	labels++
	return s + strconv.Itoa(labels)
}

// dotInto adds x[i]*y[i] to the sixteen lanes of s for all i < n. x and y are
// left where they are; it walks copies.
func (g *generator) dotInto(s []reg.VecVirtual, x, y, n reg.GPVirtual) {
	loop, end, done := label("dot"), label("dotend"), label("dotdone")
	px, py, left := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(x, px)
	g.MOVQ(y, py)
	g.MOVQ(n, left)
	t := g.vec()
	g.Label(loop)
	g.CMPQ(left, operand.U8(16))
	g.JL(operand.LabelRef(end))
	for i := range s {
		d := i * g.bytes()
		g.VMOVUPS(operand.Mem{Base: px, Disp: d}, t)
		g.VMULPS(operand.Mem{Base: py, Disp: d}, t, t)
		g.VADDPS(t, s[i], s[i])
	}
	g.ADDQ(operand.U8(64), px)
	g.ADDQ(operand.U8(64), py)
	g.SUBQ(operand.U8(16), left)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(left, left)
	g.JZ(operand.LabelRef(done))
	u := g.vec()
	i := 0
	if len(s) == 2 { // eight lanes: a whole register may come before the end
		short := label("dotshort")
		g.CMPQ(left, operand.U8(8))
		g.JL(operand.LabelRef(short))
		g.VMOVUPS(operand.Mem{Base: px}, t)
		g.VMULPS(operand.Mem{Base: py}, t, t)
		g.VADDPS(t, s[0], s[0])
		g.SUBQ(operand.U8(8), left)
		g.JZ(operand.LabelRef(done))
		m := g.mask(left)
		g.loadEnd(operand.Mem{Base: px, Disp: 32}, m, t)
		g.loadEnd(operand.Mem{Base: py, Disp: 32}, m, u)
		g.VMULPS(u, t, t)
		g.VADDPS(t, s[1], s[1])
		g.JMP(operand.LabelRef(done))
		g.Label(short)
	}
	m := g.mask(left)
	g.loadEnd(operand.Mem{Base: px}, m, t)
	g.loadEnd(operand.Mem{Base: py}, m, u)
	g.VMULPS(u, t, t)
	g.VADDPS(t, s[i], s[i])
	g.Label(done)
}

// sixteens goes through n elements at the pointers, which move, as naive.Dot
// does: whole gets the elements of lanes l*lanes on, which are at disp from the
// pointers, and part the first ones of these that m selects. It uses up n.
func (g *generator) sixteens(name string, n reg.GPVirtual, pointers []reg.GPVirtual, whole func(disp, l int), part func(disp, l int, m mask)) {
	loop, end, done := label(name), label(name+"end"), label(name+"done")
	g.Label(loop)
	g.CMPQ(n, operand.U8(16))
	g.JL(operand.LabelRef(end))
	for l := range 16 / g.isa.lanes {
		whole(l*g.bytes(), l)
	}
	for _, p := range pointers {
		g.ADDQ(operand.U8(64), p)
	}
	g.SUBQ(operand.U8(16), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	if g.isa.lanes == 8 { // a whole register may come before the end
		short := label(name + "short")
		g.CMPQ(n, operand.U8(8))
		g.JL(operand.LabelRef(short))
		whole(0, 0)
		g.SUBQ(operand.U8(8), n)
		g.JZ(operand.LabelRef(done))
		part(32, 1, g.mask(n))
		g.JMP(operand.LabelRef(done))
		g.Label(short)
	}
	part(0, 0, g.mask(n))
	g.Label(done)
}

func (g *generator) dot() {
	g.function("dot", "func(x, y *float32, n int) float32", "is naive.Dot of n elements.")
	x, y, n := g.arg("x"), g.arg("y"), g.arg("n")
	s := g.vecs(16 / g.isa.lanes)
	for _, v := range s {
		g.zero(v)
	}
	g.dotInto(s, x, y, n)
	r := g.tree(s)
	g.Store(r, g.ReturnIndex(0))
	g.ret()
}

func (g *generator) lanesOf() {
	g.function("lanes", "func(s, x, y *float32, n int)", "adds x[i]*y[i] to s[i%16] for i < n in order; s has 16 elements.")
	lanes, x, y, n := g.arg("s"), g.arg("x"), g.arg("y"), g.arg("n")
	s := g.vecs(16 / g.isa.lanes)
	for i, v := range s {
		g.VMOVUPS(operand.Mem{Base: lanes, Disp: i * g.bytes()}, v)
	}
	g.dotInto(s, x, y, n)
	for i, v := range s {
		g.VMOVUPS(v, operand.Mem{Base: lanes, Disp: i * g.bytes()})
	}
	g.ret()
}

// axpyInto adds a times x to y, n elements; x and y are left where they are.
func (g *generator) axpyInto(a reg.VecVirtual, x, y, n reg.GPVirtual) {
	wide, one, end, done := label("axpywide"), label("axpy"), label("axpyend"), label("axpydone")
	px, py, left := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(x, px)
	g.MOVQ(y, py)
	g.MOVQ(n, left)
	t := g.vecs(4)
	step := func(label, next string, vectors int) {
		g.Label(label)
		g.CMPQ(left, operand.U8(vectors*g.isa.lanes))
		g.JL(operand.LabelRef(next))
		for i := range vectors {
			g.VMULPS(operand.Mem{Base: px, Disp: i * g.bytes()}, a, t[i])
		}
		for i := range vectors {
			g.VADDPS(operand.Mem{Base: py, Disp: i * g.bytes()}, t[i], t[i])
		}
		for i := range vectors {
			g.VMOVUPS(t[i], operand.Mem{Base: py, Disp: i * g.bytes()})
		}
		g.ADDQ(operand.U32(vectors*g.bytes()), px)
		g.ADDQ(operand.U32(vectors*g.bytes()), py)
		g.SUBQ(operand.U8(vectors*g.isa.lanes), left)
		g.JMP(operand.LabelRef(label))
	}
	step(wide, one, 4)
	step(one, end, 1)
	g.Label(end)
	g.TESTQ(left, left)
	g.JZ(operand.LabelRef(done))
	m := g.mask(left)
	g.loadEnd(operand.Mem{Base: px}, m, t[0])
	g.loadEnd(operand.Mem{Base: py}, m, t[1])
	g.VMULPS(t[0], a, t[0])
	g.VADDPS(t[1], t[0], t[0])
	g.storeEnd(t[0], m, operand.Mem{Base: py})
	g.Label(done)
}

func (g *generator) axpy() {
	g.function("axpy", "func(a float32, x, y *float32, n int)", "adds a*x to y, n elements.")
	a := g.vec()
	p, err := g.Param("a").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(p.Addr, a)
	x, y, n := g.arg("x"), g.arg("y"), g.arg("n")
	g.axpyInto(a, x, y, n)
	g.ret()
}

func (g *generator) gemv() {
	g.function("gemv", "func(q, x, m *float32, rows, cols, stride int)",
		"adds x[j]*m[j*stride+i] to q[i] for i < cols, for j < rows in order.")
	q, x, m, rows, cols, stride := g.arg("q"), g.arg("x"), g.arg("m"), g.arg("rows"), g.arg("cols"), g.arg("stride")
	g.SHLQ(operand.U8(2), stride)
	px, pm, left := g.GP64(), g.GP64(), g.GP64()
	a, t := g.vec(), g.vec()

	// block sums a block of columns over all rows in registers.
	block := func(name, next string, vectors int, masked bool) {
		again, out := label(name), next
		g.Label(again)
		var k mask
		if masked {
			g.TESTQ(cols, cols)
			g.JZ(operand.LabelRef(out))
			k = g.mask(cols)
		} else {
			g.CMPQ(cols, operand.U8(vectors*g.isa.lanes))
			g.JL(operand.LabelRef(out))
		}
		s := g.vecs(vectors)
		for i := range s {
			if masked {
				g.loadEnd(operand.Mem{Base: q}, k, s[i])
			} else {
				g.VMOVUPS(operand.Mem{Base: q, Disp: i * g.bytes()}, s[i])
			}
		}
		g.MOVQ(x, px)
		g.MOVQ(m, pm)
		g.MOVQ(rows, left)
		loop, done := label(name+"row"), label(name+"done")
		g.TESTQ(left, left)
		g.JZ(operand.LabelRef(done))
		g.Label(loop)
		g.VBROADCASTSS(operand.Mem{Base: px}, a)
		for i := range s {
			if masked {
				g.loadEnd(operand.Mem{Base: pm}, k, t)
				g.VMULPS(t, a, t)
			} else {
				g.VMULPS(operand.Mem{Base: pm, Disp: i * g.bytes()}, a, t)
			}
			g.VADDPS(t, s[i], s[i])
		}
		g.ADDQ(operand.U8(4), px)
		g.ADDQ(stride, pm)
		g.DECQ(left)
		g.JNZ(operand.LabelRef(loop))
		g.Label(done)
		for i := range s {
			if masked {
				g.storeEnd(s[i], k, operand.Mem{Base: q})
			} else {
				g.VMOVUPS(s[i], operand.Mem{Base: q, Disp: i * g.bytes()})
			}
		}
		if !masked {
			g.ADDQ(operand.U32(vectors*g.bytes()), q)
			g.ADDQ(operand.U32(vectors*g.bytes()), m)
			g.SUBQ(operand.U8(vectors*g.isa.lanes), cols)
			g.JMP(operand.LabelRef(again))
		}
	}
	one, end, done := label("gemvone"), label("gemvend"), label("gemvall")
	block("gemv64", one, 64/g.isa.lanes, false)
	g.Label(one)
	block("gemv1", end, 1, false)
	g.Label(end)
	block("gemvtail", done, 1, true)
	g.Label(done)
	g.ret()
}

func (g *generator) divide() {
	g.function("divide", "func(d float32, x *float32, n int)", "divides n elements of x by d.")
	d := g.vec()
	p, err := g.Param("d").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(p.Addr, d)
	x, n := g.arg("x"), g.arg("n")
	loop, end, done := label("divide"), label("divideend"), label("dividedone")
	t := g.vec()
	g.Label(loop)
	g.CMPQ(n, operand.U8(g.isa.lanes))
	g.JL(operand.LabelRef(end))
	g.VMOVUPS(operand.Mem{Base: x}, t)
	g.VDIVPS(d, t, t)
	g.VMOVUPS(t, operand.Mem{Base: x})
	g.ADDQ(operand.U8(g.bytes()), x)
	g.SUBQ(operand.U8(g.isa.lanes), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	m := g.mask(n)
	g.loadEnd(operand.Mem{Base: x}, m, t)
	g.VDIVPS(d, t, t)
	g.storeEnd(t, m, operand.Mem{Base: x})
	g.Label(done)
	g.ret()
}
