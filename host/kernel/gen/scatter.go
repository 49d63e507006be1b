package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// byFour does an element at a time, four in a turn while there are four, and
// leaves for done. step moves on by so many elements and takes them from n.
func (g *generator) byFour(four, one, done string, n reg.GPVirtual, element, step func(int)) {
	g.Label(four)
	g.CMPQ(n, operand.U8(4))
	g.JL(operand.LabelRef(one))
	for i := range 4 {
		element(i)
	}
	step(4)
	g.JMP(operand.LabelRef(four))
	g.Label(one)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	element(0)
	step(1)
	g.JMP(operand.LabelRef(one))
}

func (g *generator) scatter() {
	g.function("scatter", "func(sum, touched *uint32, n int, w float32, index *uint32, value *float32, m int) int",
		"adds w times a row to sums and lists the columns; see set.scatter.")
	sum, touched, n := g.arg("sum"), g.arg("touched"), g.arg("n")
	g.additions("scatter", sum, func(j reg.GPVirtual, at operand.Mem) {
		g.MOVL(j.As32(), operand.Mem{Base: touched, Index: n, Scale: 4})
		g.CMPL(at, operand.U8(1)) // carries for 0
		g.ADCQ(operand.U8(0), n)
	})
	g.Store(n, g.ReturnIndex(0))
	g.ret()
}

// spread is scatter without the list.
func (g *generator) spread() {
	g.function("spread", "func(sum *uint32, w float32, index *uint32, value *float32, m int)", "adds w times a row to sums; see set.spread.")
	g.additions("spread", g.arg("sum"), func(reg.GPVirtual, operand.Mem) {})
	g.ret()
}

// additions adds w times a row to sums, and calls first with each column and
// where its sum is. It is scalar: what it waits for is the memory of the sums,
// and vectors of them would have to look for columns that are there twice.
func (g *generator) additions(name string, sum reg.GPVirtual, first func(j reg.GPVirtual, at operand.Mem)) {
	w := g.XMM()
	g.Load(g.Param("w"), w)
	index, value, m := g.arg("index"), g.arg("value"), g.arg("m")
	ones, done := label(name+"ones"), label(name+"done")
	g.TESTQ(value, value)
	g.JZ(operand.LabelRef(ones))
	for _, values := range []bool{true, false} {
		add := func(e int) {
			j := g.GP64()
			g.MOVL(operand.Mem{Base: index, Disp: 4 * e}, j.As32())
			at := operand.Mem{Base: sum, Index: j, Scale: 4}
			first(j, at)
			x := g.XMM()
			if values {
				g.VMULSS(operand.Mem{Base: value, Disp: 4 * e}, w, x)
				g.VADDSS(at, x, x)
			} else {
				g.VADDSS(at, w, x)
			}
			g.VMOVSS(x, at)
		}
		step := func(e int) {
			g.ADDQ(operand.U8(4*e), index)
			if values {
				g.ADDQ(operand.U8(4*e), value)
			}
			g.SUBQ(operand.U8(e), m)
		}
		four, one := label(name+"four"), label(name+"one")
		if !values {
			g.Label(ones)
		}
		g.byFour(four, one, done, m, add, step)
	}
	g.Label(done)
}

// tally counts in bytes, in the first-level cache or nearly so. Rows come from
// anywhere in memory: the one after the next is asked for ahead.
func (g *generator) tally() {
	g.function("tally", "func(count *byte, rows *uint32, n int, offsets *uint64, base uint64, index *uint32)",
		"counts the columns of n > 0 rows; see set.tally.")
	count, rows, n := g.arg("count"), g.arg("rows"), g.arg("n")
	offsets, base, index := g.arg("offsets"), g.arg("base"), g.arg("index")
	g.SHLQ(operand.U8(2), base)
	g.SUBQ(base, index) // where entry 0 of the offsets would be
	row, last := label("tallyrow"), label("tallylast")
	g.Label(row)
	r, m, next := g.GP64(), g.GP64(), g.GP64()
	g.MOVL(operand.Mem{Base: rows}, next.As32())
	g.MOVQ(operand.Mem{Base: offsets, Index: next, Scale: 8}, r)
	g.MOVQ(operand.Mem{Base: offsets, Index: next, Scale: 8, Disp: 8}, m)
	g.SUBQ(r, m)
	g.LEAQ(operand.Mem{Base: index, Index: r, Scale: 4}, r)
	g.CMPQ(n, operand.U8(tallyAhead))
	g.JLE(operand.LabelRef(last))
	g.MOVL(operand.Mem{Base: rows, Disp: 4 * tallyAhead}, next.As32())
	g.MOVQ(operand.Mem{Base: offsets, Index: next, Scale: 8}, next)
	g.LEAQ(operand.Mem{Base: index, Index: next, Scale: 4}, next)
	for line := range tallyLines {
		g.PREFETCHT0(operand.Mem{Base: next, Disp: 64 * line})
	}
	g.Label(last)
	add := func(e int) {
		j := g.GP64()
		g.MOVL(operand.Mem{Base: r, Disp: 4 * e}, j.As32())
		g.ADDB(operand.U8(1), operand.Mem{Base: count, Index: j, Scale: 1})
	}
	step := func(e int) {
		g.ADDQ(operand.U8(4*e), r)
		g.SUBQ(operand.U8(e), m)
	}
	four, one, end := label("tallyfour"), label("tallyone"), label("tallyend")
	g.byFour(four, one, end, m, add, step)
	g.Label(end)
	g.ADDQ(operand.U8(4), rows)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(row))
	g.RET()
}

// tallyAhead is how many rows ahead tally asks for the first lines of a row, and
// tallyLines how many of the cache's: the processor fetches those that follow by itself.
const tallyAhead, tallyLines = 2, 4

// ask goes from the last entry back to the first, a line of the cache at a time.
func (g *generator) ask() {
	g.function("ask", "func(index *uint32, value *float32, n int)", "asks for entries of a row; see set.ask.")
	index, value, n := g.arg("index"), g.arg("value"), g.arg("n")
	loop, plain, done := label("ask"), label("askplain"), label("askdone")
	g.ADDQ(operand.U8(15), n)
	g.TESTQ(value, value)
	g.JZ(operand.LabelRef(plain))
	g.Label(loop)
	g.SUBQ(operand.U8(16), n)
	g.JL(operand.LabelRef(done))
	g.PREFETCHT0(operand.Mem{Base: index, Index: n, Scale: 4})
	g.PREFETCHT0(operand.Mem{Base: value, Index: n, Scale: 4})
	g.JMP(operand.LabelRef(loop))
	g.Label(plain)
	g.SUBQ(operand.U8(16), n)
	g.JL(operand.LabelRef(done))
	g.PREFETCHT0(operand.Mem{Base: index, Index: n, Scale: 4})
	g.JMP(operand.LabelRef(plain))
	g.Label(done)
	g.RET()
}

// widen takes as many counts at a time as there are bytes in a register.
func (g *generator) widen() {
	g.function("widen", "func(sum *uint32, count *byte, n, fresh int) int", "adds counts to sums; see set.widen.")
	sum, count, n, fresh := g.arg("sum"), g.arg("count"), g.arg("n"), g.arg("fresh")
	zero, total := g.vec(), g.vec()
	g.zero(zero)
	g.zero(total)
	loop, add, next, done := label("widen"), label("widenadd"), label("widennext"), label("widendone")
	g.Label(loop)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	all := g.vec()
	if g.isa.lanes == 16 {
		g.VMOVDQU64(operand.Mem{Base: count}, all)
	} else {
		g.VMOVDQU(operand.Mem{Base: count}, all)
	}
	g.VPSADBW(zero, all, all)
	g.VPADDQ(all, total, total)
	x := g.vecs(4)
	for i := range x {
		g.VPMOVZXBD(operand.Mem{Base: count, Disp: i * g.isa.lanes}, x[i])
		g.VCVTDQ2PS(x[i], x[i])
	}
	if g.isa.lanes == 16 {
		g.VMOVDQU64(zero, operand.Mem{Base: count})
	} else {
		g.VMOVDQU(zero, operand.Mem{Base: count})
	}
	g.TESTQ(fresh, fresh)
	g.JZ(operand.LabelRef(add))
	for i := range x {
		g.VMOVUPS(x[i], operand.Mem{Base: sum, Disp: i * g.bytes()})
	}
	g.JMP(operand.LabelRef(next))
	g.Label(add)
	for i := range x {
		g.VADDPS(operand.Mem{Base: sum, Disp: i * g.bytes()}, x[i], x[i])
		g.VMOVUPS(x[i], operand.Mem{Base: sum, Disp: i * g.bytes()})
	}
	g.Label(next)
	g.ADDQ(operand.U32(4*g.bytes()), sum)
	g.ADDQ(operand.U8(g.bytes()), count)
	g.SUBQ(operand.U8(g.bytes()), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
	low, high := g.YMM(), g.YMM()
	if g.isa.lanes == 16 {
		g.VEXTRACTI64X4(operand.U8(1), total, high)
		g.VPADDQ(total.AsY(), high, low)
	} else {
		low = total
	}
	two, one := g.XMM(), g.XMM()
	g.VEXTRACTI128(operand.U8(1), low, two)
	g.VPADDQ(two, low.AsX(), two)
	g.VPSHUFD(operand.U8(0x4e), two, one)
	g.VPADDQ(one, two, two)
	sumOf := g.GP64()
	g.VMOVQ(two, sumOf)
	g.Store(sumOf, g.ReturnIndex(0))
	g.ret()
}

func (g *generator) fetch() {
	g.function("fetch", "func(keys, sum, index *uint32, n int)", "sets keys[i] to sum[index[i]] and that to 0, in order.")
	keys, sum, index, n := g.arg("keys"), g.arg("sum"), g.arg("index"), g.arg("n")
	zero := g.GP32()
	g.XORL(zero, zero)
	take := func(i int) {
		j, b := g.GP64(), g.GP32()
		g.MOVL(operand.Mem{Base: index, Disp: 4 * i}, j.As32())
		at := operand.Mem{Base: sum, Index: j, Scale: 4}
		g.MOVL(at, b)
		g.MOVL(zero, at)
		g.MOVL(b, operand.Mem{Base: keys, Disp: 4 * i})
	}
	step := func(i int) {
		g.ADDQ(operand.U8(4*i), keys)
		g.ADDQ(operand.U8(4*i), index)
		g.SUBQ(operand.U8(i), n)
	}
	four, one, done := label("fetchfour"), label("fetchone"), label("fetchdone")
	g.byFour(four, one, done, n, take, step)
	g.Label(done)
	g.ret()
}

// sift writes whole registers: up to 8 numbers after the last. AVX2 has no
// instruction that packs what a mask selects.
func (g *generator) sift() {
	if g.isa.lanes != 16 {
		return
	}
	g.function("sift", "func(out *uint64, keys, index *uint32, n int, least uint32) int", "packs keys of at least least with their columns; see set.sift.")
	out, keys, index, n := g.arg("out"), g.arg("keys"), g.arg("index"), g.arg("n")
	least := g.vec()
	p, err := g.Param("least").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(p.Addr, least)
	start, flip := g.GP64(), g.vec()
	g.MOVQ(out, start)
	g.VPTERNLOGD(operand.U8(0xff), flip, flip, flip)
	loop, done := label("sift"), label("siftdone")
	g.Label(loop)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	key, col := g.vec(), g.vec()
	g.VMOVUPS(operand.Mem{Base: keys}, key)
	g.VPXORD(operand.Mem{Base: index}, flip, col)
	k := g.K()
	g.VPCMPUD(operand.U8(5), least, key, k) // not less
	word := g.GP32()
	g.KMOVW(k, word)
	for half := range 2 {
		a, b := g.ZMM(), g.ZMM()
		if half == 1 {
			g.VEXTRACTI64X4(operand.U8(1), key, key.AsY())
			g.VEXTRACTI64X4(operand.U8(1), col, col.AsY())
			g.KSHIFTRW(operand.U8(8), k, k)
		}
		g.VPMOVZXDQ(key.AsY(), a)
		g.VPMOVZXDQ(col.AsY(), b)
		g.VPSLLQ(operand.U8(32), a, a)
		g.VPORQ(b, a, a)
		g.VPCOMPRESSQ_Z(a, k, a)
		g.VMOVUPD(a, operand.Mem{Base: out})
		count := g.GP32()
		g.MOVBLZX(word.As8(), count)
		g.POPCNTL(count, count)
		g.LEAQ(operand.Mem{Base: out, Index: count.As64(), Scale: 8}, out)
		g.SHRL(operand.U8(8), word)
	}
	g.ADDQ(operand.U8(64), keys)
	g.ADDQ(operand.U8(64), index)
	g.SUBQ(operand.U8(16), n)
	g.JMP(operand.LabelRef(loop))
	g.Label(done)
	g.SUBQ(start, out)
	g.SHRQ(operand.U8(3), out)
	g.Store(out, g.ReturnIndex(0))
	g.ret()
}
