package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// broadcast is a float32 argument in all lanes of a register.
func (g *generator) broadcast(name string) reg.VecVirtual {
	p, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := g.vec()
	g.VBROADCASTSS(p.Addr, v)
	return v
}

// sums is sixteen lanes of 0.
func (g *generator) sums() []reg.VecVirtual {
	s := g.vecs(16 / g.isa.lanes)
	for _, v := range s {
		g.zero(v)
	}
	return s
}

// line says what entries weigh, and whether any weighs nothing.
func (g *generator) line() {
	g.function("line", "func(y, v *float32, m, b float32, n int) int",
		"sets y[i] to m*v[i] + b for i < n, and counts those that are 0.")
	m, b := g.broadcast("m"), g.broadcast("b")
	y, v, n, zeros := g.arg("y"), g.arg("v"), g.arg("n"), g.GP64()
	t, none := g.vec(), g.vec()
	g.zero(none)
	g.XORQ(zeros, zeros)
	count := func(part reg.GPVirtual) {
		bits := g.GP32()
		if g.isa.lanes == 16 {
			k := g.K()
			g.VCMPPS(operand.U8(0), none, t, k)
			g.KMOVW(k, bits)
		} else {
			equal := g.vec()
			g.VCMPPS(operand.U8(0), none, t, equal)
			g.VMOVMSKPS(equal, bits)
		}
		if part != nil {
			g.BZHIL(part.As32(), bits, bits)
		}
		g.POPCNTL(bits, bits)
		g.ADDQ(bits.As64(), zeros)
	}
	loop, end, done := label("line"), label("lineend"), label("linedone")
	g.Label(loop)
	g.CMPQ(n, operand.U8(g.isa.lanes))
	g.JL(operand.LabelRef(end))
	g.VMULPS(operand.Mem{Base: v}, m, t)
	g.VADDPS(t, b, t)
	g.VMOVUPS(t, operand.Mem{Base: y})
	count(nil)
	g.ADDQ(operand.U8(g.bytes()), v)
	g.ADDQ(operand.U8(g.bytes()), y)
	g.SUBQ(operand.U8(g.isa.lanes), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(end)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	k := g.mask(n)
	g.loadEnd(operand.Mem{Base: v}, k, t)
	g.VMULPS(t, m, t)
	g.VADDPS(t, b, t)
	g.storeEnd(t, k, operand.Mem{Base: y})
	count(n)
	g.Label(done)
	g.Store(zeros, g.ReturnIndex(0))
	g.ret()
}

// square adds the squares of t's lanes to sum, and leaves them in t.
func (g *generator) square(t, sum reg.VecVirtual) {
	g.VMULPS(t, t, t)
	g.VADDPS(t, sum, sum)
}

// aim begins a row (a is -1, src its start) and its first step (1, the residual).
func (g *generator) aim() {
	g.function("aim", "func(dir, q *float32, a float32, src *float32, lambda float32, k int) float32",
		"sets dir to a*src and q to lambda*dir, k elements, and returns dot(dir, dir).")
	a, lambda := g.broadcast("a"), g.broadcast("lambda")
	dir, q, src, k := g.arg("dir"), g.arg("q"), g.arg("src"), g.arg("k")
	s := g.sums()
	t, u := g.vec(), g.vec()
	g.sixteens("aim", k, []reg.GPVirtual{dir, q, src}, func(at, l int) {
		g.VMULPS(operand.Mem{Base: src, Disp: at}, a, t)
		g.VMOVUPS(t, operand.Mem{Base: dir, Disp: at})
		g.VMULPS(t, lambda, u)
		g.VMOVUPS(u, operand.Mem{Base: q, Disp: at})
		g.square(t, s[l])
	}, func(at, l int, m mask) {
		g.loadEnd(operand.Mem{Base: src, Disp: at}, m, t)
		g.VMULPS(t, a, t)
		g.storeEnd(t, m, operand.Mem{Base: dir, Disp: at})
		g.VMULPS(t, lambda, u)
		g.storeEnd(u, m, operand.Mem{Base: q, Disp: at})
		// The other lanes may hold 0 times infinity.
		g.loadEnd(operand.Mem{Base: dir, Disp: at}, m, t)
		g.square(t, s[l])
	})
	r := g.tree(s)
	g.Store(r.AsX(), g.ReturnIndex(0))
	g.ret()
}

// along is the end of a step of the conjugate gradient method in one call: with
// a row of the usual length, calls and waiting between vector operations took
// as long as the operations.
func (g *generator) along() {
	g.function("along", "func(dir, q, x, res *float32, old, lambda float32, k int) float32",
		"goes a step of the conjugate gradient method along dir, k elements; see set.along.")
	dir, q, n := g.arg("dir"), g.arg("q"), g.arg("k")
	s := g.sums()
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
	s = g.sums()
	t, u := g.vec(), g.vec()
	g.sixteens("along", left, []reg.GPVirtual{dir, q, x, res}, func(at, l int) {
		g.VMULPS(operand.Mem{Base: dir, Disp: at}, alpha, t)
		g.VADDPS(operand.Mem{Base: x, Disp: at}, t, t)
		g.VMOVUPS(t, operand.Mem{Base: x, Disp: at})
		g.VMULPS(operand.Mem{Base: q, Disp: at}, minus, t)
		g.VADDPS(operand.Mem{Base: res, Disp: at}, t, t)
		g.VMOVUPS(t, operand.Mem{Base: res, Disp: at})
		g.square(t, s[l])
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
		g.square(t, s[l])
	})
	now := g.tree(s)
	g.Store(now.AsX(), g.ReturnIndex(0))
	g.VDIVSS(old, now.AsX(), now.AsX())
	beta, lambda := g.vec(), g.broadcast("lambda")
	g.VBROADCASTSS(now.AsX(), beta)
	dir, q, res = g.arg("dir"), g.arg("q"), g.arg("res")
	g.sixteens("alongdir", n, []reg.GPVirtual{dir, q, res}, func(at, _ int) {
		g.VMULPS(operand.Mem{Base: dir, Disp: at}, beta, t)
		g.VADDPS(operand.Mem{Base: res, Disp: at}, t, t)
		g.VMOVUPS(t, operand.Mem{Base: dir, Disp: at})
		g.VMULPS(t, lambda, t)
		g.VMOVUPS(t, operand.Mem{Base: q, Disp: at})
	}, func(at, _ int, m mask) {
		g.loadEnd(operand.Mem{Base: dir, Disp: at}, m, t)
		g.VMULPS(t, beta, t)
		g.loadEnd(operand.Mem{Base: res, Disp: at}, m, u)
		g.VADDPS(u, t, t)
		g.storeEnd(t, m, operand.Mem{Base: dir, Disp: at})
		g.VMULPS(t, lambda, t)
		g.storeEnd(t, m, operand.Mem{Base: q, Disp: at})
	})
	g.ret()
}

// entries is what fit and energy go through.
type entries struct {
	p, y, index, w, n, stride reg.GPVirtual
	last                      reg.GPVirtual // of index, whose row may be fetched
}

// entries loads their arguments, and goes to done where there are none. stride
// is k still.
func (g *generator) entries(done string) entries {
	e := entries{p: g.arg("p"), y: g.arg("y"), index: g.arg("index"), w: g.arg("w"), n: g.arg("n"), stride: g.arg("k"), last: g.arg("more")}
	g.TESTQ(e.n, e.n)
	g.JZ(operand.LabelRef(done))
	g.ADDQ(e.n, e.last)
	g.LEAQ(operand.Mem{Base: e.index, Index: e.last, Scale: 4, Disp: -4}, e.last)
	return e
}

// prefetch asks for the row of the entry that is so many after the one at, or of
// the last that there is.
func (g *generator) prefetch(e entries, at reg.GPVirtual, after int, times func(row reg.GPVirtual)) {
	row := g.GP64()
	g.LEAQ(operand.Mem{Base: at, Disp: 4 * after}, row)
	g.CMPQ(row, e.last)
	g.CMOVQHI(e.last, row)
	g.MOVL(operand.Mem{Base: row}, row.As32())
	times(row)
	for i := range 4 {
		g.PREFETCHT0(operand.Mem{Base: e.y, Index: row, Scale: 1, Disp: 64 * i})
	}
}

// each goes through entries of any length one by one. Of one whose weight is not
// 0, dotted gets the dot with p; next gets the row of any.
func (g *generator) each(name string, e entries, dotted func(d reg.VecVirtual), next func(row, k reg.GPVirtual)) {
	k, row, weight := g.GP64(), g.GP64(), g.GP32()
	g.MOVQ(e.stride, k)
	g.SHLQ(operand.U8(2), e.stride)
	times := func(row reg.GPVirtual) { g.IMULQ(e.stride, row) }
	loop, skip := label(name), label(name+"skip")
	g.Label(loop)
	g.prefetch(e, e.index, 4, times)
	g.MOVL(operand.Mem{Base: e.index}, row.As32())
	times(row)
	g.ADDQ(e.y, row)
	g.MOVL(operand.Mem{Base: e.w}, weight)
	g.ADDL(weight, weight) // drops the sign: 0 and -0 are weights of 0
	g.JZ(operand.LabelRef(skip))
	s := g.sums()
	g.dotInto(s, row, e.p, k)
	dotted(g.tree(s))
	g.Label(skip)
	next(row, k)
	g.ADDQ(operand.U8(4), e.index)
	g.ADDQ(operand.U8(4), e.w)
	g.DECQ(e.n)
	g.JNZ(operand.LabelRef(loop))
}

// fit keeps p and q in memory, which is the first-level cache, for any k, and
// where there are registers for it (AVX-512 and k = 64) in registers.
func (g *generator) fit() {
	g.function("fit", "func(q, p, y *float32, index *uint32, w, c *float32, n, more, k int)",
		"does, for each entry in order with y its row: q += (c + w*dot(y, p)) * y, without the dot where w is 0; see set.fit.")
	done := label("fitdone")
	e := g.entries(done)
	c, step := g.arg("c"), g.AllocLocal(8)
	some := label("fitc")
	g.MOVQ(operand.U32(4), step)
	g.TESTQ(c, c)
	g.JNZ(operand.LabelRef(some))
	zeros := g.StaticGlobal("none")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		g.AddDatum(4*i, operand.U32(0))
	}
	g.LEAQ(zeros, c)
	g.MOVQ(operand.U32(0), step)
	g.Label(some)
	if g.isa.lanes == 16 {
		any := label("fitany")
		g.CMPQ(e.stride, operand.U8(64))
		g.JNE(operand.LabelRef(any))
		g.SHLQ(operand.U8(4), step)
		g.fit64(e, c, step)
		g.JMP(operand.LabelRef(done))
		g.Label(any)
	}
	q, t := g.arg("q"), g.XMM()
	g.VMOVSS(operand.Mem{Base: c}, t)
	g.each("fitk", e, func(d reg.VecVirtual) {
		g.VMULSS(operand.Mem{Base: e.w}, d.AsX(), d.AsX())
		g.VADDSS(d.AsX(), t, t)
	}, func(row, k reg.GPVirtual) {
		a := g.vec()
		g.VBROADCASTSS(t, a)
		g.axpyInto(a, row, q, k)
		last := label("fitlast")
		g.CMPQ(e.n, operand.U8(1))
		g.JE(operand.LabelRef(last))
		g.ADDQ(step, c)
		g.VMOVSS(operand.Mem{Base: c}, t)
		g.Label(last)
	})
	g.Label(done)
	g.ret()
}

// energy is fit's dots alone.
func (g *generator) energy() {
	g.function("energy", "func(s, p, y *float32, index *uint32, w *float32, n, more, k int)",
		"adds, for each entry e < n in order with y its row and w not 0, w*dot(y, p)*dot(y, p) to s[e%16]; see set.energy.")
	done := label("energydone")
	e := g.entries(done)
	sums := g.arg("s")
	if g.isa.lanes == 16 {
		any := label("energyany")
		g.CMPQ(e.stride, operand.U8(64))
		g.JNE(operand.LabelRef(any))
		g.energy64(e, sums)
		g.JMP(operand.LabelRef(done))
		g.Label(any)
	}
	lane := g.GP64()
	g.XORQ(lane, lane)
	at := operand.Mem{Base: sums, Index: lane, Scale: 4}
	g.each("energyk", e, func(d reg.VecVirtual) {
		t := g.XMM()
		g.VMULSS(operand.Mem{Base: e.w}, d.AsX(), t)
		g.VMULSS(d.AsX(), t, t)
		g.VADDSS(at, t, t)
		g.VMOVSS(t, at)
	}, func(_, _ reg.GPVirtual) {
		g.INCL(lane.As32())
		g.ANDL(operand.U8(15), lane.As32())
	})
	g.Label(done)
	g.ret()
}

// sixteen makes the dots of up to sixteen entries together.
type sixteen struct {
	g *generator
	entries
	vectors  []reg.VecVirtual // p
	none     reg.VecVirtual   // 0
	order    reg.VecVirtual   // which lanes the entries' dots are in
	sums     operand.Mem      // of four entries, over the lanes of a register
	fours    operand.Mem      // of four times four entries, over the lanes of a quarter
	factors  operand.Mem      // what sixteen rows are multiplied by
	row      reg.GPVirtual
	highHalf reg.OpmaskVirtual // of a register's lanes
}

func (g *generator) sixteen(e entries) *sixteen {
	s := &sixteen{g: g, entries: e, vectors: g.vecs(4), none: g.vec(), order: g.vec(), row: g.GP64(), highHalf: g.K()}
	// On lines of the cache: what crosses one is slow to come back.
	local, aligned := g.AllocLocal(256+256+64+64), g.GP64()
	g.LEAQ(local.Offset(63), aligned)
	g.ANDQ(operand.I8(-64), aligned)
	s.sums = operand.Mem{Base: aligned}
	s.fours, s.factors = s.sums.Offset(256), s.sums.Offset(512)
	if g.turned.Base == nil {
		g.turned = g.StaticGlobal("turned")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			g.AddDatum(4*i, operand.U32(i%4*4+i/4))
		}
	}
	for i, v := range s.vectors {
		g.VMOVUPS(operand.Mem{Base: e.p, Disp: 64 * i}, v)
	}
	g.zero(s.none)
	g.VMOVDQU32(g.turned, s.order)
	ones := g.GP32()
	g.MOVL(operand.U32(0xff00), ones)
	g.KMOVW(ones, s.highHalf)
	return s
}

// fetch is prefetch of rows of 64 elements.
func (s *sixteen) fetch(at reg.GPVirtual, after int) {
	s.g.prefetch(s.entries, at, after, func(row reg.GPVirtual) { s.g.SHLQ(operand.U8(8), row) })
}

// at leaves in row the address of the row of the entry at.
func (s *sixteen) at(index operand.Mem) {
	s.g.MOVL(index, s.row.As32())
	s.g.SHLQ(operand.U8(8), s.row)
	s.g.ADDQ(s.y, s.row)
}

// dots are those of the first count entries, 16 at most, w their weights, and
// weigh the entries that have one which is not 0. It goes to weightless where
// none has. After each four entries it does between, if there is any, and leaves
// in four the bytes of index that it has gone through. The rows of the entries
// that come sixteen later are fetched where there is nothing between.
func (s *sixteen) dots(count, four reg.GPVirtual, weightless string, between func()) (dots, w reg.VecVirtual, weigh reg.OpmaskVirtual) {
	g := s.g
	m := g.mask(count)
	w, weigh = g.vec(), g.K()
	g.loadEnd(operand.Mem{Base: s.w}, m, w)
	g.VCMPPS(operand.U8(4), s.none, w, weigh)
	g.XORQ(four, four)
	g.KORTESTW(weigh, weigh)
	g.JZ(operand.LabelRef(weightless))

	at, to := g.GP64(), g.GP64()
	fours, single, sums := label("fours"), label("single"), label("sums")
	sum, t := g.vec(), g.vecs(3)
	one := func(entry, store operand.Mem) {
		if between == nil {
			g.LEAQ(entry, at)
			s.fetch(at, 16)
		}
		s.at(entry)
		g.VMULPS(operand.Mem{Base: s.row}, s.vectors[0], sum)
		for i, v := range s.vectors[1:] {
			g.VMULPS(operand.Mem{Base: s.row, Disp: 64 * (i + 1)}, v, t[i])
			g.VADDPS(t[i], sum, sum)
		}
		g.VMOVUPS(sum, store)
	}
	g.Label(fours)
	g.CMPQ(count, operand.U8(4))
	g.JL(operand.LabelRef(single))
	for i := range 4 {
		one(operand.Mem{Base: s.index, Index: four, Scale: 1, Disp: 4 * i}, s.sums.Offset(64*i))
	}
	g.ADDQ(operand.U8(16), four)
	g.SUBQ(operand.U8(4), count)
	g.JMP(operand.LabelRef(sums))
	g.Label(single)
	g.LEAQ(s.sums, to)
	again := label("again")
	g.Label(again)
	one(operand.Mem{Base: s.index, Index: four, Scale: 1}, operand.Mem{Base: to})
	g.ADDQ(operand.U8(64), to)
	g.ADDQ(operand.U8(4), four)
	g.DECQ(count)
	g.JNZ(operand.LabelRef(again))
	g.ADDQ(operand.U8(12), four)
	g.ANDQ(operand.I8(-16), four)
	g.Label(sums)
	if between != nil {
		between()
	}
	// The tree: lanes l and l+8, of which a load brings either half to both halves of
	// a register, then l+4.
	var halves [2]reg.VecVirtual
	for i := range halves {
		a, b := s.sums.Offset(128*i), s.sums.Offset(128*i+64)
		halves[i] = g.vec()
		g.VMOVUPS(a, halves[i].AsY())
		g.VADDPS(a.Offset(32), halves[i].AsY(), halves[i].AsY())
		low, high := g.vec(), g.vec()
		g.VBROADCASTF32X8(b, low)
		g.VBROADCASTF32X8(b.Offset(32), high)
		g.VADDPS(high, low, s.highHalf, halves[i])
	}
	g.VSHUFF64X2(operand.U8(0xdd), halves[1], halves[0], t[0])
	g.VSHUFF64X2(operand.U8(0x88), halves[1], halves[0], t[1])
	g.VADDPS(t[0], t[1], t[1])
	quarters := s.fours.Offset(-64).Idx(four, 4)
	g.VMOVUPS(t[1], quarters)
	g.TESTQ(count, count)
	g.JNZ(operand.LabelRef(fours))

	// Then l+2 and l+1. Sums begin with 0, so none is -0: 0 is added at the end.
	pair := func(i int) reg.VecVirtual {
		a, b, c := g.vec(), g.vec(), g.vec()
		g.VMOVUPS(s.fours.Offset(64*i), a)
		g.VSHUFPS(operand.U8(0x44), s.fours.Offset(64*i+64), a, b)
		g.VSHUFPS(operand.U8(0xee), s.fours.Offset(64*i+64), a, c)
		g.VADDPS(c, b, b)
		return b
	}
	a, b, c := pair(0), pair(2), g.vec()
	dots = g.vec()
	g.VSHUFPS(operand.U8(0x88), b, a, c)
	g.VSHUFPS(operand.U8(0xdd), b, a, dots)
	g.VADDPS(c, dots, dots)
	g.VPERMPS(dots, s.order, dots)
	g.VADDPS(s.none, dots, dots)
	return dots, w, weigh
}

// pass goes to the next sixteen entries.
func (s *sixteen) pass() {
	s.g.ADDQ(operand.U8(64), s.index)
	s.g.ADDQ(operand.U8(64), s.w)
	s.g.SUBQ(operand.U8(16), s.n)
}

// upTo16 is how many of the entries that are left sixteen are.
func (s *sixteen) upTo16() reg.GPVirtual {
	count, all := s.g.GP64(), s.g.GP64()
	s.g.MOVQ(s.n, count)
	s.g.MOVQ(operand.U32(16), all)
	s.g.CMPQ(count, all)
	s.g.CMOVQGT(all, count)
	return count
}

// fit64 adds what sixteen entries give among the dots of the next sixteen, which
// do not need it: these wait for their rows and for the tree, and the former has
// the arithmetic to itself meanwhile.
func (g *generator) fit64(e entries, c reg.GPVirtual, step operand.Mem) {
	s := g.sixteen(e)
	sum, t, space := g.vecs(4), g.vecs(4), s.factors
	q := g.arg("q")
	for i, v := range sum {
		g.VMOVUPS(operand.Mem{Base: q, Disp: 64 * i}, v)
	}
	four := g.GP64()
	add := func(index, space operand.Mem) {
		at := g.GP64()
		g.LEAQ(index, at)
		s.fetch(at, 32)
		s.at(index)
		a := g.vec()
		g.VBROADCASTSS(space, a)
		for i := range 4 {
			g.VMULPS(operand.Mem{Base: s.row, Disp: 64 * i}, a, t[i])
		}
		for i := range 4 {
			g.VADDPS(t[i], sum[i], sum[i])
		}
	}
	// before adds the four entries that are twenty to sixteen before four.
	before := func() {
		for i := range 4 {
			add(operand.Mem{Base: s.index, Index: four, Scale: 1, Disp: 4*i - 80}, space.Offset(4*i-16).Idx(four, 1))
		}
	}
	weights := func(between func()) reg.VecVirtual {
		count, weightless := s.upTo16(), label("fitweightless")
		factor := g.vec()
		// c first, as it is all there is of those without weight.
		g.loadEnd(operand.Mem{Base: c}, g.mask(count), factor)
		d, w, weigh := s.dots(count, four, weightless, between)
		g.VMULPS(d, w, d)
		g.VADDPS(d, factor, weigh, factor)
		g.Label(weightless)
		return factor
	}
	loop, left, all, drain, rest := label("fit64"), label("fitleft"), label("fitall"), label("fitdrain"), label("fitrest")
	g.VMOVUPS(weights(nil), space)
	g.Label(loop)
	s.pass()
	g.ADDQ(step, c)
	g.CMPQ(s.n, operand.U8(0))
	g.JLE(operand.LabelRef(drain))
	factor := weights(before)
	g.Label(left)
	g.CMPQ(four, operand.U8(64))
	g.JE(operand.LabelRef(all))
	g.ADDQ(operand.U8(16), four)
	before()
	g.JMP(operand.LabelRef(left))
	g.Label(all)
	g.VMOVUPS(factor, space)
	g.JMP(operand.LabelRef(loop))
	g.Label(drain)
	at, from := g.GP64(), g.GP64()
	g.LEAQ(space, at)
	g.LEAQ(operand.Mem{Base: s.index, Disp: -64}, from)
	g.ADDQ(operand.U8(16), s.n)
	g.Label(rest)
	add(operand.Mem{Base: from}, operand.Mem{Base: at})
	g.ADDQ(operand.U8(4), from)
	g.ADDQ(operand.U8(4), at)
	g.DECQ(s.n)
	g.JNZ(operand.LabelRef(rest))
	q = g.arg("q")
	for i, v := range sum {
		g.VMOVUPS(v, operand.Mem{Base: q, Disp: 64 * i})
	}
}

func (g *generator) energy64(e entries, sums reg.GPVirtual) {
	s := g.sixteen(e)
	sum := g.vec()
	g.VMOVUPS(operand.Mem{Base: sums}, sum)
	loop, next := label("energy64"), label("energynext")
	g.Label(loop)
	d, w, weigh := s.dots(s.upTo16(), g.GP64(), next, nil)
	g.VMULPS(d, w, w)
	g.VMULPS(d, w, w)
	g.VADDPS(w, sum, weigh, sum)
	g.Label(next)
	s.pass()
	g.CMPQ(s.n, operand.U8(0))
	g.JG(operand.LabelRef(loop))
	g.VMOVUPS(sum, operand.Mem{Base: sums})
}
