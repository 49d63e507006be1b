package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is what differs between the two instruction sets: the width of a vector
// register and how the ragged end of a row is loaded and stored.
type isa struct {
	name       string // suffix of the functions
	file       string
	lanes      int // float32 in a vector register
	tall, wide int // tile
}

func avx512() isa { return isa{"AVX512", "avx512", 16, 12, 32} }
func avx2() isa   { return isa{"AVX2", "avx2", 8, 6, 16} }

type generator struct {
	*build.Context
	isa   isa
	masks operand.Mem // AVX2: 8 words of ones, then 8 of zeros

	numbers map[float32]operand.Mem // constants
	words   map[uint64]operand.Mem

	turned operand.Mem // 0, 4, 8, 12, 1, 5, …
}

// vec is a fresh vector register.
func (g *generator) vec() reg.VecVirtual {
	if g.isa.lanes == 16 {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *generator) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.vec()
	}
	return v
}

// bytes is the size of a vector register.
func (g *generator) bytes() int { return 4 * g.isa.lanes }

func (g *generator) function(name, signature, doc string) {
	g.Function(name + g.isa.name)
	g.SignatureExpr(signature)
	g.Doc(name + g.isa.name + " " + doc)
	g.Pragma("noescape")
	g.Attributes(attr.NOSPLIT)
}

func (g *generator) arg(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
}

// ret leaves the function with the upper halves of the registers clean:
// otherwise scalar code after it runs at a third of its speed.
func (g *generator) ret() {
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) zero(v reg.VecVirtual) {
	if g.isa.lanes == 16 {
		g.VPXORD(v, v, v)
	} else {
		g.VXORPS(v, v, v)
	}
}

// mask selects the first n of a register's lanes, 0 < n < lanes.
type mask struct{ op operand.Op }

func (g *generator) mask(n reg.GPVirtual) mask {
	if g.isa.lanes == 16 {
		ones, k := g.GP32(), g.K()
		g.MOVL(operand.U32(0xffff), ones)
		g.BZHIL(n.As32(), ones, ones)
		g.KMOVW(ones, k)
		return mask{k}
	}
	if g.masks.Base == nil {
		g.masks = g.StaticGlobal("ends")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			w := uint32(0)
			if i < 8 {
				w = 0xffffffff
			}
			g.AddDatum(4*i, operand.U32(w))
		}
	}
	base, m := g.GP64(), g.YMM()
	g.LEAQ(g.masks.Offset(32), base)
	back := g.GP64()
	g.MOVQ(n, back)
	g.NEGQ(back)
	g.VMOVUPS(operand.Mem{Base: base, Index: back, Scale: 4}, m)
	return mask{m}
}

// loadEnd loads the masked lanes and sets the others to 0.
func (g *generator) loadEnd(from operand.Mem, m mask, to reg.VecVirtual) {
	if g.isa.lanes == 16 {
		g.VMOVUPS_Z(from, m.op, to)
	} else {
		g.VMASKMOVPS(from, m.op, to)
	}
}

func (g *generator) storeEnd(from reg.VecVirtual, m mask, to operand.Mem) {
	if g.isa.lanes == 16 {
		g.VMOVUPS(from, m.op, to)
	} else {
		g.VMASKMOVPS(from, m.op, to)
	}
}

// tree leaves the sum of sixteen lanes in the lowest lane of what it returns:
// lanes eight apart, then four, two and one. s is one register of sixteen or
// two of eight lanes.
func (g *generator) tree(s []reg.VecVirtual) reg.VecVirtual {
	var eight, high reg.VecVirtual
	if g.isa.lanes == 16 {
		high = g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), s[0], high)
		eight = g.YMM()
		g.VADDPS(high, s[0].AsY(), eight)
	} else {
		eight = g.YMM()
		g.VADDPS(s[1], s[0], eight)
	}
	four, upper := g.XMM(), g.XMM()
	g.VEXTRACTF128(operand.U8(1), eight, upper)
	g.VADDPS(upper, eight.AsX(), four)
	g.VMOVHLPS(four, four, upper)
	g.VADDPS(upper, four, four)
	g.VMOVSHDUP(four, upper)
	g.VADDSS(upper, four, four)
	return four
}
