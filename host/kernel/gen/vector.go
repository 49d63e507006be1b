package main

import (
	"strconv"

	"github.com/mmcloughlin/avo/attr"
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

// along is the end of a step of the conjugate gradient method in one call: with
// a row of the usual length, calls and waiting between vector operations took
// as long as the operations.
func (g *generator) along() {
	g.function("along", "func(dir, q, x, res *float32, old float32, n int) float32",
		"goes a step of the conjugate gradient method along dir, n elements; see set.along.")
	dots := func() []reg.VecVirtual {
		s := g.vecs(16 / g.isa.lanes)
		for _, v := range s {
			g.zero(v)
		}
		return s
	}
	dir, q, n := g.arg("dir"), g.arg("q"), g.arg("n")
	s := dots()
	g.dotInto(s, dir, q, n)
	old, r := g.XMM(), g.tree(s)
	p, err := g.Param("old").Resolve()
	if err != nil {
		panic(err)
	}
	g.VMOVSS(p.Addr, old)
	g.VDIVSS(r.AsX(), old, r.AsX())
	alpha, minus := g.vec(), g.vec()
	g.VBROADCASTSS(r.AsX(), alpha)
	g.VBROADCASTSS(g.number(-1), minus)
	g.VMULPS(alpha, minus, minus)

	x, res, left := g.arg("x"), g.arg("res"), g.GP64()
	g.MOVQ(n, left)
	s = dots()
	t, u := g.vec(), g.vec()
	g.sixteens("along", left, []reg.GPVirtual{dir, q, x, res}, func(at, l int) {
		g.VMULPS(operand.Mem{Base: dir, Disp: at}, alpha, t)
		g.VADDPS(operand.Mem{Base: x, Disp: at}, t, t)
		g.VMOVUPS(t, operand.Mem{Base: x, Disp: at})
		g.VMULPS(operand.Mem{Base: q, Disp: at}, minus, t)
		g.VADDPS(operand.Mem{Base: res, Disp: at}, t, t)
		g.VMOVUPS(t, operand.Mem{Base: res, Disp: at})
		g.VMULPS(t, t, t)
		g.VADDPS(t, s[l], s[l])
	}, func(at, l int, m mask) {
		g.loadEnd(operand.Mem{Base: dir, Disp: at}, m, t)
		g.VMULPS(t, alpha, t)
		g.loadEnd(operand.Mem{Base: x, Disp: at}, m, u)
		g.VADDPS(u, t, t)
		g.storeEnd(t, m, operand.Mem{Base: x, Disp: at})
		g.loadEnd(operand.Mem{Base: q, Disp: at}, m, t)
		g.VMULPS(t, minus, t)
		g.loadEnd(operand.Mem{Base: res, Disp: at}, m, u)
		g.VADDPS(u, t, t)
		g.storeEnd(t, m, operand.Mem{Base: res, Disp: at})
		// The other lanes may hold 0 times infinity.
		g.loadEnd(operand.Mem{Base: res, Disp: at}, m, t)
		g.VMULPS(t, t, t)
		g.VADDPS(t, s[l], s[l])
	})
	now := g.tree(s)
	g.Store(now.AsX(), g.ReturnIndex(0))
	g.VDIVSS(old, now.AsX(), now.AsX())
	beta := g.vec()
	g.VBROADCASTSS(now.AsX(), beta)
	dir, res = g.arg("dir"), g.arg("res")
	g.sixteens("alongdir", n, []reg.GPVirtual{dir, res}, func(at, _ int) {
		g.VMULPS(operand.Mem{Base: dir, Disp: at}, beta, t)
		g.VADDPS(operand.Mem{Base: res, Disp: at}, t, t)
		g.VMOVUPS(t, operand.Mem{Base: dir, Disp: at})
	}, func(at, _ int, m mask) {
		g.loadEnd(operand.Mem{Base: dir, Disp: at}, m, t)
		g.VMULPS(t, beta, t)
		g.loadEnd(operand.Mem{Base: res, Disp: at}, m, u)
		g.VADDPS(u, t, t)
		g.storeEnd(t, m, operand.Mem{Base: dir, Disp: at})
	})
	g.ret()
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

// fit keeps p and q in memory, which is the first-level cache, for any k, and
// where there are registers for it (AVX-512 and k = 64) in registers. There it
// takes four entries at a time, so that their four sums over lanes are made
// together: half of the work of the ports for arithmetic is in those sums.
func (g *generator) fit() {
	g.function("fit", "func(q, p, y *float32, index *uint32, w, c *float32, n, k int)",
		"does, for each entry in order with y its row: q += (c + w*dot(y, p)) * y, without the dot where w is 0.")
	q, p, y, index, w, c, n, k := g.arg("q"), g.arg("p"), g.arg("y"), g.arg("index"), g.arg("w"), g.arg("c"), g.arg("n"), g.arg("k")
	stride := g.GP64()
	g.MOVQ(k, stride)
	g.SHLQ(operand.U8(2), stride)
	done := label("fitdone")
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	row, weight := g.GP64(), g.GP32()
	if g.isa.lanes == 16 {
		g.space = g.AllocLocal(16)
		g.quarters = g.StaticGlobal("quarters")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			g.AddDatum(4*i, operand.U32(4*i%16))
		}
	}
	entry := func(name, next string, dot func() reg.VecVirtual, axpy func(t reg.VecVirtual)) {
		loop, near, skip := label(name), label(name+"near"), label(name+"skip")
		if next == "" {
			next = loop
		}
		g.Label(loop)
		// Fetch the row of the entry after next three, where there is one.
		g.CMPQ(n, operand.U8(5))
		g.JL(operand.LabelRef(near))
		g.MOVL(operand.Mem{Base: index, Disp: 16}, row.As32())
		g.IMULQ(stride, row)
		g.ADDQ(y, row)
		for i := range 4 {
			g.PREFETCHT0(operand.Mem{Base: row, Disp: 64 * i})
		}
		g.Label(near)
		g.MOVL(operand.Mem{Base: index}, row.As32())
		g.IMULQ(stride, row)
		g.ADDQ(y, row)
		t := g.XMM()
		g.VMOVSS(operand.Mem{Base: c}, t)
		g.MOVL(operand.Mem{Base: w}, weight)
		g.ADDL(weight, weight) // drops the sign: 0 and -0 are weights of 0
		g.JZ(operand.LabelRef(skip))
		d := dot()
		g.VMULSS(operand.Mem{Base: w}, d.AsX(), d.AsX())
		g.VADDSS(d.AsX(), t, t)
		g.Label(skip)
		a := g.vec()
		g.VBROADCASTSS(t, a)
		axpy(a)
		g.ADDQ(operand.U8(4), index)
		g.ADDQ(operand.U8(4), w)
		g.ADDQ(operand.U8(4), c)
		g.DECQ(n)
		g.JNZ(operand.LabelRef(next))
	}
	any := label("fitany")
	if g.isa.lanes == 16 {
		g.CMPQ(k, operand.U8(64))
		g.JNE(operand.LabelRef(any))
		pv, qv, t, s := g.vecs(4), g.vecs(4), g.vecs(4), g.vecs(1)
		for i := range 4 {
			g.VMOVUPS(operand.Mem{Base: p, Disp: 64 * i}, pv[i])
			g.VMOVUPS(operand.Mem{Base: q, Disp: 64 * i}, qv[i])
		}
		axpy := func(row reg.GPVirtual, a reg.VecVirtual) {
			for i := range 4 {
				g.VMULPS(operand.Mem{Base: row, Disp: 64 * i}, a, t[i])
				g.VADDPS(t[i], qv[i], qv[i])
			}
		}
		// What four entries add to q comes after the dots of the next four, which do
		// not need it: these wait for their rows and for the tree, and the former
		// has the arithmetic to itself meanwhile.
		four, one, pipe, drain := label("fitfour"), label("fitone"), label("fitpipe"), label("fitdrain")
		add := func() {
			for j := range 4 {
				g.MOVL(operand.Mem{Base: index, Disp: 4*j - 16}, row.As32())
				g.IMULQ(stride, row)
				g.ADDQ(y, row)
				a := g.vec()
				g.VBROADCASTSS(g.space.Offset(4*j), a)
				axpy(row, a)
			}
		}
		advance := func(dots reg.Register) {
			g.VMOVUPS(dots, g.space)
			g.ADDQ(operand.U8(16), index)
			g.ADDQ(operand.U8(16), w)
			g.ADDQ(operand.U8(16), c)
			g.SUBQ(operand.U8(4), n)
		}
		g.Label(four)
		g.CMPQ(n, operand.U8(4))
		g.JL(operand.LabelRef(one))
		advance(g.fourDots(row, y, index, w, c, n, stride, pv, one))
		g.Label(pipe)
		g.CMPQ(n, operand.U8(4))
		g.JL(operand.LabelRef(drain))
		dots := g.fourDots(row, y, index, w, c, n, stride, pv, drain)
		add()
		advance(dots)
		g.JMP(operand.LabelRef(pipe))
		g.Label(drain)
		add()
		g.TESTQ(n, n)
		g.JZ(operand.LabelRef("fitstore"))
		g.Label(one)
		entry("fit64", four, func() reg.VecVirtual {
			g.zero(s[0])
			for i := range 4 {
				g.VMULPS(operand.Mem{Base: row, Disp: 64 * i}, pv[i], t[i])
				g.VADDPS(t[i], s[0], s[0])
			}
			return g.tree(s)
		}, func(a reg.VecVirtual) { axpy(row, a) })
		g.Label("fitstore")
		for i := range 4 {
			g.VMOVUPS(qv[i], operand.Mem{Base: q, Disp: 64 * i})
		}
		g.JMP(operand.LabelRef(done))
	}
	g.Label(any)
	s := g.vecs(16 / g.isa.lanes)
	entry("fitk", "", func() reg.VecVirtual {
		for _, v := range s {
			g.zero(v)
		}
		g.dotInto(s, row, p, k)
		return g.tree(s)
	}, func(a reg.VecVirtual) { g.axpyInto(a, row, q, k) })
	g.Label(done)
	g.ret()
}

// fourDots is c + w*dot of the next four entries of fit; where one of them has a
// weight of 0, it goes to one.
func (g *generator) fourDots(row, y, index, w, c, n, stride reg.GPVirtual, p []reg.VecVirtual, one string) reg.Register {
	weights, none := g.XMM(), g.XMM()
	g.VPXORD(none, none, none)
	g.VMOVUPS(operand.Mem{Base: w}, weights)
	zeros, any := g.K(), g.GP32()
	g.VCMPPS(operand.U8(0), none, weights, zeros)
	g.KMOVW(zeros, any)
	g.TESTL(any, any)
	g.JNZ(operand.LabelRef(one))

	// Rows that come next but three fours are fetched, where there are as many.
	near := label("fitfournear")
	g.CMPQ(n, operand.U8(16))
	g.JL(operand.LabelRef(near))
	for j := range 4 {
		g.MOVL(operand.Mem{Base: index, Disp: 48 + 4*j}, row.As32())
		g.IMULQ(stride, row)
		for i := range 4 {
			g.PREFETCHT0(operand.Mem{Base: y, Index: row, Scale: 1, Disp: 64 * i})
		}
	}
	g.Label(near)

	sums, t := g.vecs(4), g.vecs(4)
	for j := range sums {
		g.MOVL(operand.Mem{Base: index, Disp: 4 * j}, row.As32())
		g.IMULQ(stride, row)
		g.ADDQ(y, row)
		g.VMULPS(operand.Mem{Base: row}, p[0], sums[j])
		for i := 1; i < 4; i++ {
			g.VMULPS(operand.Mem{Base: row, Disp: 64 * i}, p[i], t[i])
			g.VADDPS(t[i], sums[j], sums[j])
		}
	}
	// The tree, of two rows, then of four, in quarters of a register: lanes l and
	// l+8, l+4, l+2, l+1. Sums begin with 0, so none is -0: 0 is added at the end.
	halves := func(a, b, to reg.VecVirtual) {
		g.VSHUFF64X2(operand.U8(0xee), b, a, t[0])
		g.VSHUFF64X2(operand.U8(0x44), b, a, to)
		g.VADDPS(t[0], to, to)
	}
	halves(sums[0], sums[1], sums[0])
	halves(sums[2], sums[3], sums[2])
	g.VSHUFF64X2(operand.U8(0xdd), sums[2], sums[0], t[1])
	g.VSHUFF64X2(operand.U8(0x88), sums[2], sums[0], t[2])
	g.VADDPS(t[1], t[2], t[2])
	for _, swap := range []operand.U8{0x4e, 0xb1} {
		g.VPERMILPS(swap, t[2], t[3])
		g.VADDPS(t[3], t[2], t[2])
	}
	dots, first := g.ZMM(), g.ZMM()
	g.VMOVDQU32(g.quarters, first)
	g.VPERMPS(t[2], first, dots)
	g.VADDPS(none, dots.AsX(), dots.AsX())
	g.VMULPS(weights, dots.AsX(), dots.AsX())
	g.VADDPS(operand.Mem{Base: c}, dots.AsX(), dots.AsX())
	return dots.AsX()
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
