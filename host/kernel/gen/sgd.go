package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Of a sample, in bytes: see the type in package kernel.
const (
	sampleRow   = 0
	sampleItem  = 4
	sampleOther = 8
	sampleSize  = 12
	mostSamples = 16
)

// blocks keeps each word in the lower half of a 64-bit lane; what comes to lie in
// the upper half no product looks at.
func (g *generator) blocks() {
	g.function("blocks", "func(dst *uint32, seed, stream, counter uint64, n int)",
		"writes n blocks, a multiple of 8, from a counter on: four words each, see naive.Block.")
	dst, n := g.arg("dst"), g.arg("n")
	lanes := g.isa.lanes / 2
	broadcast := func(v uint64) reg.VecVirtual {
		r := g.vec()
		m, ok := g.words[v]
		if !ok {
			if g.words == nil {
				g.words = map[uint64]operand.Mem{}
			}
			m = g.StaticGlobal(label("word"))
			g.DataAttributes(attr.RODATA | attr.NOPTR)
			g.AddDatum(0, operand.U64(v))
			g.words[v] = m
		}
		g.VPBROADCASTQ(m, r)
		return r
	}
	param := func(name string) reg.VecVirtual {
		r := g.vec()
		p, err := g.Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		g.VPBROADCASTQ(p.Addr, r)
		return r
	}
	// The registers are unpacked into even lanes and odd ones: counters stand so
	// that what comes out is in order.
	order := g.StaticGlobal("order")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range lanes {
		g.AddDatum(8*i, operand.U64(uint64(i/2+i%2*lanes/2)))
	}
	next := g.vec()
	g.VMOVUPS(order, next)
	xor := func(a, b, to reg.VecVirtual) {
		if g.isa.lanes == 16 {
			g.VPXORQ(a, b, to)
		} else {
			g.VPXOR(a, b, to)
		}
	}
	g.VPADDQ(param("counter"), next, next)
	step, seed, stream := broadcast(uint64(lanes)), param("seed"), param("stream")
	m0, m1, a0, a1 := broadcast(0xD2511F53), broadcast(0xCD9E8D57), broadcast(0x9E3779B9), broadcast(0xBB67AE85)
	high := g.vec() // of the seed and the stream
	seedHigh := g.vec()
	g.VPSRLQ(operand.U8(32), seed, seedHigh)
	g.VPSRLQ(operand.U8(32), stream, high)
	c, k0, k1, p0, p1 := g.vecs(4), g.vec(), g.vec(), g.vec(), g.vec()
	loop, done := label("blocks"), label("blocksdone")
	copyOf := func(from, to reg.VecVirtual) { g.VMOVAPS(from, to) }
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	g.Label(loop)
	copyOf(next, c[0])
	g.VPSRLQ(operand.U8(32), next, c[1])
	copyOf(stream, c[2])
	copyOf(high, c[3])
	copyOf(seed, k0)
	copyOf(seedHigh, k1)
	for range 10 {
		g.VPMULUDQ(m0, c[0], p0)
		g.VPMULUDQ(m1, c[2], p1)
		g.VPSRLQ(operand.U8(32), p1, c[0])
		xor(c[1], c[0], c[0])
		xor(k0, c[0], c[0])
		g.VPSRLQ(operand.U8(32), p0, c[2])
		xor(c[3], c[2], c[2])
		xor(k1, c[2], c[2])
		copyOf(p1, c[1])
		copyOf(p0, c[3])
		g.VPADDQ(a0, k0, k0)
		g.VPADDQ(a1, k1, k1)
	}
	// Two words to a lane, then two lanes to a block.
	for _, i := range []int{0, 2} {
		g.VPSLLQ(operand.U8(32), c[i], c[i])
		g.VPSRLQ(operand.U8(32), c[i], c[i])
		g.VPSLLQ(operand.U8(32), c[i+1], c[i+1])
		if g.isa.lanes == 16 {
			g.VPORQ(c[i+1], c[i], c[i])
		} else {
			g.VPOR(c[i+1], c[i], c[i])
		}
	}
	g.VPUNPCKLQDQ(c[2], c[0], p0)
	g.VPUNPCKHQDQ(c[2], c[0], p1)
	g.VMOVUPS(p0, operand.Mem{Base: dst})
	g.VMOVUPS(p1, operand.Mem{Base: dst, Disp: g.bytes()})
	g.ADDQ(operand.U32(2*g.bytes()), dst)
	g.VPADDQ(step, next, next)
	g.SUBQ(operand.U8(lanes), n)
	g.JNZ(operand.LabelRef(loop))
	g.Label(done)
	g.ret()
}

// ascend works in three passes over the samples, none of which waits within
// itself for the one before: all products, all of their logistic functions at
// once, all steps.
func (g *generator) ascend() {
	g.function("ascend", "func(users, items, bias *float32, drawn *uint32, n, k int, rate, decay float32)",
		"takes naive.BPR's step for n <= 16 samples, no two of which have a row or an item in common.")
	users, items, bias, k := g.arg("users"), g.arg("items"), g.arg("bias"), g.arg("k")
	space := g.AllocLocal(4 * mostSamples)
	d, left, at := g.GP64(), g.GP64(), g.GP64()
	u, i, j, nth, other := g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	all := label("ascenddone")

	// each runs body for every sample, with u, i and j its vectors, nth and other
	// its items and at 4 times its number.
	each := func(name string, body func()) {
		loop := label(name)
		g.Load(g.Param("drawn"), d)
		g.Load(g.Param("n"), left)
		g.TESTQ(left, left)
		g.JZ(operand.LabelRef(all))
		g.XORQ(at, at)
		g.Label(loop)
		for _, x := range []struct {
			disp       int
			number, to reg.GPVirtual
			base       reg.GPVirtual
		}{{sampleRow, u, u, users}, {sampleItem, nth, i, items}, {sampleOther, other, j, items}} {
			g.MOVL(operand.Mem{Base: d, Disp: x.disp}, x.number.As32())
			if x.number != x.to {
				g.MOVQ(x.number, x.to)
			}
			g.IMULQ(k, x.to)
			g.LEAQ(operand.Mem{Base: x.base, Index: x.to, Scale: 4}, x.to)
		}
		body()
		g.ADDQ(operand.U8(sampleSize), d)
		g.ADDQ(operand.U8(4), at)
		g.DECQ(left)
		g.JNZ(operand.LabelRef(loop))
	}
	cell := space.Idx(at, 1)

	each("ascenddot", func() {
		s := g.vecs(16 / g.isa.lanes)
		for _, v := range s {
			g.zero(v)
		}
		g.apartInto(s, u, i, j, k)
		dot, b := g.tree(s).AsX(), g.XMM()
		g.VMOVSS(operand.Mem{Base: bias, Index: nth, Scale: 4}, b)
		g.VSUBSS(operand.Mem{Base: bias, Index: other, Scale: 4}, b, b)
		g.VADDSS(dot, b, b)
		g.VMOVSS(b, cell)
	})

	for n := range mostSamples / g.isa.lanes {
		g.fall(space.Offset(n * g.bytes()))
	}

	rate, decay, z := g.vec(), g.vec(), g.vec()
	for at, v := range []reg.VecVirtual{rate, decay} {
		p, err := g.ParamIndex(6 + at).Resolve()
		if err != nil {
			panic(err)
		}
		g.VBROADCASTSS(p.Addr, v)
	}
	each("ascendpull", func() {
		g.VBROADCASTSS(cell, z)
		g.pullInto(z, rate, decay, u, i, j, k)
		b, w := g.XMM(), g.XMM()
		for _, x := range []struct {
			item reg.GPVirtual
			up   bool
		}{{nth, true}, {other, false}} {
			at := operand.Mem{Base: bias, Index: x.item, Scale: 4}
			g.VMOVSS(at, b)
			g.VMULSS(decay.AsX(), b, w)
			if x.up {
				g.VSUBSS(w, z.AsX(), w)
			} else {
				g.VADDSS(w, z.AsX(), w)
			}
			g.VMULSS(rate.AsX(), w, w)
			if x.up {
				g.VADDSS(w, b, b)
			} else {
				g.VSUBSS(w, b, b)
			}
			g.VMOVSS(b, at)
		}
	})
	g.Label(all)
	g.ret()
}

// apartInto adds to the sixteen lanes of s what naive.Dot adds of u and i-j, k
// elements. It walks the pointers.
func (g *generator) apartInto(s []reg.VecVirtual, u, i, j, k reg.GPVirtual) {
	n := g.GP64()
	g.MOVQ(k, n)
	t, x := g.vec(), g.vec()
	g.sixteens("apart", n, []reg.GPVirtual{u, i, j}, func(at, l int) {
		g.VMOVUPS(operand.Mem{Base: i, Disp: at}, t)
		g.VSUBPS(operand.Mem{Base: j, Disp: at}, t, t)
		g.VMULPS(operand.Mem{Base: u, Disp: at}, t, t)
		g.VADDPS(t, s[l], s[l])
	}, func(at, l int, m mask) {
		g.loadEnd(operand.Mem{Base: i, Disp: at}, m, t)
		g.loadEnd(operand.Mem{Base: j, Disp: at}, m, x)
		g.VSUBPS(x, t, t)
		g.loadEnd(operand.Mem{Base: u, Disp: at}, m, x)
		g.VMULPS(x, t, t)
		g.VADDPS(t, s[l], s[l])
	})
}

// pullInto is naive.BPR's step of the vectors u, i and j, k elements. It walks
// the pointers.
func (g *generator) pullInto(z, rate, decay reg.VecVirtual, u, i, j, k reg.GPVirtual) {
	n := g.GP64()
	g.MOVQ(k, n)
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
}

// fall replaces the numbers of a register that lie at m by naive.Fall of each.
func (g *generator) fall(m operand.Mem) {
	constant := func(v float32) reg.VecVirtual {
		r := g.vec()
		g.VBROADCASTSS(g.number(v), r)
		return r
	}
	const round, high, low = 3 << 22, 0.693359375, -2.12194440e-4
	x, t, n, y := g.vec(), g.vec(), g.vec(), g.vec()
	g.VMOVUPS(m, x)
	// Where one is NaN both give their last operand, which is x.
	g.VMINPS(x, constant(40), t)
	g.VMAXPS(t, constant(-40), t)
	r := g.vec()
	g.VMOVAPS(t, r)
	g.VMULPS(constant(math.Log2E), t, t)
	whole := constant(round)
	g.VADDPS(whole, t, t)
	g.VSUBPS(whole, t, n)
	g.VMULPS(constant(high), n, y)
	g.VSUBPS(y, r, r)
	g.VMULPS(constant(low), n, y)
	g.VSUBPS(y, r, r)
	y = constant(1.0 / 720)
	for _, c := range []float32{1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1} {
		g.VMULPS(r, y, y)
		g.VADDPS(constant(c), y, y)
	}
	one := constant(1)
	if g.isa.lanes == 16 {
		g.VPSLLD(operand.U8(23), t, t)
		g.VPADDD(t, y, y)
		g.VADDPS(one, y, y)
		g.VDIVPS(y, one, y)
		nan := g.K()
		g.VCMPPS(operand.U8(3), x, x, nan)
		g.VMOVAPS(x, nan, y)
	} else {
		g.VPSLLD(operand.U8(23), t, t)
		g.VPADDD(t, y, y)
		g.VADDPS(one, y, y)
		g.VDIVPS(y, one, y)
		nan := g.vec()
		g.VCMPPS(operand.U8(3), x, x, nan)
		g.VBLENDVPS(nan, x, y, y)
	}
	g.VMOVUPS(y, m)
}

// number is where a constant lies.
func (g *generator) number(v float32) operand.Mem {
	if g.numbers == nil {
		g.numbers = map[float32]operand.Mem{}
	}
	m, ok := g.numbers[v]
	if !ok {
		m = g.StaticGlobal(label("number"))
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		g.AddDatum(0, operand.U32(math.Float32bits(v)))
		g.numbers[v] = m
	}
	return m
}
