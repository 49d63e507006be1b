package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// product adds a[p*lda+i]*b[p*ldb+j] to the tall x 2 registers of s for p < n.
// Steps of a and b are in bytes and may be registers or constants.
// What each does besides, if anything, comes from also.
func (g *generator) product(s [][2]reg.VecVirtual, a, b, n reg.GPVirtual, lda, ldb operand.Op, also ...func()) {
	loop, done := label("product"), label("productdone")
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	b0, b1 := g.vec(), g.vec()
	g.Label(loop)
	g.VMOVUPS(operand.Mem{Base: b}, b0)
	g.VMOVUPS(operand.Mem{Base: b, Disp: g.bytes()}, b1)
	for i := range s {
		t, u := g.vec(), g.vec()
		g.VBROADCASTSS(operand.Mem{Base: a, Disp: 4 * i}, t)
		g.VMULPS(b0, t, u)
		g.VADDPS(u, s[i][0], s[i][0])
		g.VMULPS(b1, t, t)
		g.VADDPS(t, s[i][1], s[i][1])
	}
	for _, f := range also {
		f()
	}
	g.ADDQ(lda, a)
	g.ADDQ(ldb, b)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
}

func (g *generator) tiles() [][2]reg.VecVirtual {
	s := make([][2]reg.VecVirtual, g.isa.tall)
	for i := range s {
		s[i] = [2]reg.VecVirtual{g.vec(), g.vec()}
	}
	return s
}

// peak has no operand in memory and no sum that waits for another: what a
// roofline is measured with.
func (g *generator) peak() {
	g.function("peak", "func(n int)", "does 24 vectors' multiplications and 24 vectors' additions, n times, for nothing but the time that it takes.")
	n := g.arg("n")
	x, t := g.vec(), g.vecs(2)
	g.zero(x)
	s := g.vecs(24 * g.isa.lanes / 32)
	for _, v := range s {
		g.zero(v)
	}
	loop := label("peak")
	g.Label(loop)
	for i := range 24 {
		g.VMULPS(x, x, t[i%2])
		g.VADDPS(t[i%2], s[i%len(s)], s[i%len(s)])
	}
	g.DECQ(n)
	g.JNZ(operand.LabelRef(loop))
	g.ret()
}

func (g *generator) tile() {
	g.function("tile", "func(dst *float32, ldc int, a *float32, lda int, b *float32, ldb int, n int)",
		"adds a[p*lda+i]*b[p*ldb+j] to dst[i*ldc+j] for p < n in order.")
	dst, ldc, a, lda, b, ldb, n := g.arg("dst"), g.arg("ldc"), g.arg("a"), g.arg("lda"), g.arg("b"), g.arg("ldb"), g.arg("n")
	for _, r := range []reg.GPVirtual{ldc, lda, ldb} {
		g.SHLQ(operand.U8(2), r)
	}
	s := g.tiles()
	at := g.GP64()
	g.MOVQ(dst, at)
	for i := range s {
		g.VMOVUPS(operand.Mem{Base: at}, s[i][0])
		g.VMOVUPS(operand.Mem{Base: at, Disp: g.bytes()}, s[i][1])
		g.ADDQ(ldc, at)
	}
	// Whoever goes down a column of tiles needs the next one soon.
	for range s {
		g.PREFETCHT0(operand.Mem{Base: at})
		g.PREFETCHT0(operand.Mem{Base: at, Disp: g.bytes()})
		g.PREFETCHT0(operand.Mem{Base: at, Disp: 2*g.bytes() - 4})
		g.ADDQ(ldc, at)
	}
	g.product(s, a, b, n, lda, ldb)
	for i := range s {
		g.VMOVUPS(s[i][0], operand.Mem{Base: dst})
		g.VMOVUPS(s[i][1], operand.Mem{Base: dst, Disp: g.bytes()})
		g.ADDQ(ldc, dst)
	}
	g.ret()
}

// column is tiles one below the other.
func (g *generator) column() {
	g.function("column", "func(dst *float32, ldc, next int, a *float32, panel int, b *float32, n, count, fresh int, ahead *float32, hop int)",
		"is count tiles one below the other; see set.column.")
	dst, ldc, a, panel, count := g.arg("dst"), g.arg("ldc"), g.arg("a"), g.arg("panel"), g.arg("count")
	ahead, hop := g.arg("ahead"), g.arg("hop")
	for _, r := range []reg.GPVirtual{ldc, panel, hop} {
		g.SHLQ(operand.U8(2), r)
	}
	right, step := g.GP64(), g.arg("next")
	g.LEAQ(operand.Mem{Base: dst, Index: step, Scale: 4}, right)
	s := g.tiles()
	at, from := g.GP64(), g.GP64()
	next, add, begun, below, whole := label("column"), label("columnadd"), label("columnbegun"), label("columnbelow"), label("columnwhole")
	g.Label(next)
	fresh := g.GP64()
	g.Load(g.Param("fresh"), fresh)
	g.MOVQ(dst, at)
	g.TESTQ(fresh, fresh)
	g.JZ(operand.LabelRef(add))
	for i := range s {
		g.zero(s[i][0])
		g.zero(s[i][1])
		g.ADDQ(ldc, at)
	}
	g.JMP(operand.LabelRef(begun))
	g.Label(add)
	for i := range s {
		g.VMOVUPS(operand.Mem{Base: at}, s[i][0])
		g.VMOVUPS(operand.Mem{Base: at, Disp: g.bytes()}, s[i][1])
		g.ADDQ(ldc, at)
	}
	g.Label(begun)
	// What comes next is the tile below, or else the next column. Where a tile's rows
	// are one after the other, it is asked for bit by bit, as if there were 192 steps:
	// all at once, the panels' lines would wait.
	g.CMPQ(count, operand.U8(1))
	g.JNE(operand.LabelRef(below))
	g.MOVQ(right, at)
	g.Label(below)
	g.CMPQ(ldc, operand.U32(4*g.isa.wide))
	g.JEQ(operand.LabelRef(whole))
	for range s {
		g.PREFETCHT0(operand.Mem{Base: at})
		g.PREFETCHT0(operand.Mem{Base: at, Disp: g.bytes()})
		g.PREFETCHT0(operand.Mem{Base: at, Disp: 2*g.bytes() - 4})
		g.ADDQ(ldc, at)
	}
	g.MOVQ(dst, at)
	g.Label(whole)
	b, n := g.arg("b"), g.arg("n")
	g.MOVQ(a, from)
	g.product(s, from, b, n, operand.U8(4*g.isa.tall), operand.U32(4*g.isa.wide), func() {
		g.PREFETCHT0(operand.Mem{Base: at, Index: n, Scale: uint8(4 * g.isa.tall * g.isa.wide / 192)})
		g.PREFETCHT1(operand.Mem{Base: ahead})
		g.ADDQ(hop, ahead)
	})
	for i := range s {
		g.VMOVUPS(s[i][0], operand.Mem{Base: dst})
		g.VMOVUPS(s[i][1], operand.Mem{Base: dst, Disp: g.bytes()})
		g.ADDQ(ldc, dst)
	}
	g.ADDQ(panel, a)
	g.DECQ(count)
	g.JNZ(operand.LabelRef(next))
	g.ret()
}

// corner is a pivot's updates of the upper half of a block, four rows at a time.
func (g *generator) corner() {
	g.function("corner", "func(dst *float32, ld int, c, r *float32, n int)",
		"adds c[i]*r[j] to dst[i*ld+j] for i <= j < n; see set.corner.")
	dst, ld, c, r, n := g.arg("dst"), g.arg("ld"), g.arg("c"), g.arg("r"), g.arg("n")
	g.SHLQ(operand.U8(2), ld)
	three, i, from := g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: ld, Index: ld, Scale: 2}, three)
	g.XORQ(i, i)
	rows, loop := label("corner"), label("cornerloop")
	g.Label(rows)
	g.MOVQ(i, from)
	g.ANDQ(operand.I8(-16), from)
	at, source, left := g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: dst, Index: from, Scale: 4}, at)
	g.LEAQ(operand.Mem{Base: r, Index: from, Scale: 4}, source)
	g.MOVQ(n, left)
	g.SUBQ(from, left)
	factors := g.vecs(4)
	for q, v := range factors {
		g.VBROADCASTSS(operand.Mem{Base: c, Index: i, Scale: 4, Disp: 4 * q}, v)
	}
	g.Label(loop)
	x := g.vec()
	g.VMOVUPS(operand.Mem{Base: source}, x)
	for q, row := range []operand.Mem{{Base: at}, {Base: at, Index: ld, Scale: 1}, {Base: at, Index: ld, Scale: 2}, {Base: at, Index: three, Scale: 1}} {
		t := g.vec()
		g.VMULPS(factors[q], x, t)
		g.VADDPS(row, t, t)
		g.VMOVUPS(t, row)
	}
	g.ADDQ(operand.U8(g.bytes()), at)
	g.ADDQ(operand.U8(g.bytes()), source)
	g.SUBQ(operand.U8(g.isa.lanes), left)
	g.JNZ(operand.LabelRef(loop))
	g.LEAQ(operand.Mem{Base: dst, Index: ld, Scale: 4}, dst)
	g.ADDQ(operand.U8(4), i)
	g.CMPQ(i, n)
	g.JL(operand.LabelRef(rows))
	g.ret()
}

// sweep is the steps of a tile's height of pivots within their own rows.
func (g *generator) sweep() {
	g.function("sweep", "func(rows, minus, ratio, c, pivot *float32, left int)",
		"sweeps a tile of rows by their own pivots; see set.sweep.")
	rows, minus, ratio, c, pivot, left := g.arg("rows"), g.arg("minus"), g.arg("ratio"), g.arg("c"), g.arg("pivot"), g.arg("left")
	s := g.tiles()
	place := func(base reg.GPVirtual, i, half int) operand.Mem {
		return operand.Mem{Base: base, Disp: 4*g.isa.wide*i + half*g.bytes()}
	}
	for i := range s {
		for h := range 2 {
			g.VMOVUPS(place(rows, i, h), s[i][h])
		}
	}
	ones, sign := g.vec(), g.GP32()
	x := g.vecs(2)
	for k := range s {
		// -c, which is what the columns to the left are multiplied by.
		g.MOVL(operand.U32(1<<31), sign)
		short := g.XMM()
		g.VMOVD(sign, short)
		g.VPBROADCASTD(short, ones)
		for h := range 2 {
			if g.isa.lanes == 16 {
				g.VPXORD(ones, s[k][h], x[h])
			} else {
				g.VPXOR(ones, s[k][h], x[h])
			}
			g.VMOVUPS(x[h], place(minus, k, h))
		}
		g.VBROADCASTSS(operand.Mem{Base: pivot, Disp: 4 * k}, ones)
		keep := label("sweep")
		for h := range 2 {
			g.VDIVPS(ones, s[k][h], s[k][h])
			g.VMOVUPS(s[k][h], place(ratio, k, h))
		}
		g.TESTQ(left, left)
		g.JNZ(operand.LabelRef(keep))
		for h := range 2 {
			g.VMOVUPS(s[k][h], x[h])
		}
		g.Label(keep)
		for q := 1; q < len(s); q++ {
			i := (k + q) % len(s) // first the row that the next division waits for
			g.VBROADCASTSS(operand.Mem{Base: c, Disp: 4 * (k*g.isa.tall + i)}, ones)
			for h := range 2 {
				t := g.vec()
				g.VMULPS(ones, x[h], t)
				g.VADDPS(t, s[i][h], s[i][h])
			}
		}
	}
	for i := range s {
		for h := range 2 {
			g.VMOVUPS(s[i][h], place(rows, i, h))
		}
	}
	g.ret()
}

func (g *generator) score() {
	g.function("score", "func(dst, a, b *float32, n int, floor *float32, hits *uint32) uint32",
		"is tile from 0, with bit j of hits[i] set where (i, j) is above floor[i]; dst is written where any is.")
	dst, a, b, n, floor, hits := g.arg("dst"), g.arg("a"), g.arg("b"), g.arg("n"), g.arg("floor"), g.arg("hits")
	s := g.tiles()
	for i := range s {
		g.zero(s[i][0])
		g.zero(s[i][1])
	}
	g.product(s, a, b, n, operand.U8(4*g.isa.tall), operand.U32(4*g.isa.wide))
	const greater = 0x1e // GT_OQ: false where either is not a number
	any, word := g.GP32(), g.GP32()
	g.XORL(any, any)
	for i := range s {
		if g.isa.lanes == 16 {
			f := g.vec()
			g.VBROADCASTSS(operand.Mem{Base: floor, Disp: 4 * i}, f)
			k0, k1 := g.K(), g.K()
			g.VCMPPS(operand.U8(greater), f, s[i][0], k0)
			g.VCMPPS(operand.U8(greater), f, s[i][1], k1)
			g.KUNPCKWD(k0, k1, k0)
			g.KMOVD(k0, word)
		} else {
			f, t := g.vec(), g.vec()
			high := g.GP32()
			g.VBROADCASTSS(operand.Mem{Base: floor, Disp: 4 * i}, f)
			g.VCMPPS(operand.U8(greater), f, s[i][0], t)
			g.VMOVMSKPS(t, word)
			g.VCMPPS(operand.U8(greater), f, s[i][1], t)
			g.VMOVMSKPS(t, high)
			g.SHLL(operand.U8(8), high)
			g.ORL(high, word)
		}
		g.MOVL(word, operand.Mem{Base: hits, Disp: 4 * i})
		g.ORL(word, any)
	}
	none := label("scorenone")
	g.TESTL(any, any)
	g.JZ(operand.LabelRef(none))
	for i := range s {
		g.VMOVUPS(s[i][0], operand.Mem{Base: dst, Disp: 128 * i})
		g.VMOVUPS(s[i][1], operand.Mem{Base: dst, Disp: 128*i + g.bytes()})
	}
	g.Label(none)
	g.Store(any, g.ReturnIndex(0))
	g.ret()
}
