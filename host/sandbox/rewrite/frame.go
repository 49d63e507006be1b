package rewrite

// MaxFrame is the most that one call of a function of the module has at once, in
// words of 64 bits: parameters, locals and operands, of the function as it is or
// with whatever Rewrite adds. In a module that has vectors everything counts as
// one, two words. Of a module whose operands do not add up, which no engine
// accepts, it is some number.
func MaxFrame(wasm []byte) (words int, err error) {
	m, err := decode(wasm, widest)
	if err != nil {
		return 0, err
	}
	var f frames
	for i := range m.bodies {
		words = max(words, f.of(m, i))
	}
	words += addedOperands
	if m.vectors {
		words *= 2
	}
	return words, nil
}

// addedOperands are the operands that counting adds to a function, or that a
// function which Rewrite adds has, with room to spare.
const addedOperands = 16

// frames finds how much functions have at once, one after the other.
type frames struct {
	w      walker
	blocks []extent
	uneven int // ends of blocks with more or fewer operands than their types say
}

// extent is a block that has begun and not ended.
type extent struct {
	base    int  // operands below it
	in, out int  // parameters and results
	dead    bool // no way leads to it
}

// of is the most that body i has at once. Code that no way leads to has no
// operands: engines leave it out.
func (f *frames) of(m *module, i int) (values int) {
	r := reader{b: m.b, pos: int(m.bodies[i].at), end: int(m.bodies[i].end)}
	f.w.open(m, i, &r)
	height, most, dead := 0, 0, false
	_, out := m.arity(m.funcs[m.imported+i])
	f.blocks = append(f.blocks[:0], extent{out: out})
	var ins instruction
	for f.w.next(&ins) {
		switch ins.op {
		case opBlock, opLoop, opIf:
			if ins.op == opIf {
				height--
			}
			b := extent{dead: dead}
			b.in, b.out = m.blockArity(&ins)
			b.base = height - b.in
			f.blocks = append(f.blocks, b)
		case opElse, opEnd:
			b := &f.blocks[len(f.blocks)-1]
			if !dead && height != b.base+b.out {
				f.uneven++
			}
			dead = b.dead
			if height = b.base + b.in; ins.op == opEnd {
				height = b.base + b.out
				f.blocks = f.blocks[:len(f.blocks)-1]
			}
			most = max(most, height)
		default:
			if dead {
				continue
			}
			height += m.effect(&ins)
			most = max(most, height)
			switch ins.op {
			case opBr, opBrTable, opReturn, opUnreachable:
				dead = true
			}
		}
	}
	return int(f.w.locals) + most
}

// arity counts the parameters and results of type i.
func (m *module) arity(i uint32) (in, out int) {
	r := reader{b: m.b, pos: int(m.types[i]), end: len(m.b)}
	n := r.u32()
	r.skip(int(n))
	return int(n), int(r.u32())
}

// blockArity counts the parameters and results of a block that was decoded.
func (m *module) blockArity(ins *instruction) (in, out int) {
	switch c := m.b[ins.at+1]; {
	case c == 0x40:
		return 0, 0
	case c > 0x40 && c <= 0x7f:
		return 0, 1
	}
	r := reader{b: m.b, pos: ins.at + 1, end: ins.end}
	return m.arity(uint32(r.signed(33)))
}

// effect is by how many operands there are more, or fewer, after an instruction
// that was decoded and is no block's.
func (m *module) effect(ins *instruction) int {
	r := reader{b: m.b, pos: ins.at + 1, end: ins.end}
	switch op := ins.op; {
	case op == opCall:
		in, out := m.arity(m.funcs[r.u32()])
		return out - in
	case op == opCallIndirect:
		in, out := m.arity(r.u32())
		return out - in - 1
	case op == opMisc:
		switch ins.sub {
		case miscMemoryInit, miscMemoryCopy, miscMemoryFill, miscTableInit, miscTableCopy, miscTableFill:
			return -3
		case miscTableGrow:
			return -1
		case miscTableSize:
			return 1
		}
		return 0 // conversions, drops of segments
	case op == opSIMD:
		return int(vectorEffects[ins.sub])
	case op == opBrIf || op == opBrTable || op == 0x1a: // drop
		return -1
	case op == 0x1b || op == 0x1c: // select
		return -2
	case op == 0x20 || op == 0x23: // local.get, global.get
		return 1
	case op == 0x21 || op == 0x24: // local.set, global.set
		return -1
	case op == opTableSet || op >= 0x36 && op <= 0x3e: // stores
		return -2
	case op == 0x3f || op >= 0x41 && op <= 0x44 || op == 0xd0 || op == 0xd2: // memory.size, constants
		return 1
	case op == 0x45 || op == 0x50 || op >= 0x67 && op <= 0x69 || op >= 0x79 && op <= 0x7b || op >= 0x8b && op <= 0x91 || op >= 0x99 && op <= 0x9f:
		return 0 // of one number: eqz, clz, ctz, popcnt, abs to sqrt
	case op >= 0x46 && op <= 0xa6: // of two: comparisons, arithmetic
		return -1
	}
	return 0 // loads, conversions, table.get, ref.is_null, memory.grow, local.tee, nop, return, br
}

// vectorEffects are the effects of the instructions of opSIMD, by number.
var vectorEffects = func() (e [256]int8) {
	set := func(effect int8, ranges ...int) {
		for i := 0; i < len(ranges); i += 2 {
			for n := ranges[i]; n <= ranges[i+1]; n++ {
				e[n] = effect
			}
		}
	}
	// Others take as many as they give: loads, splats, extract_lane, not,
	// any_true, all_true, bitmask, abs, neg, popcnt, sqrt, rounding, extension and
	// conversion.
	set(1, 12, 12)                                                  // v128.const
	set(-2, 11, 11, 82, 82, 88, 91)                                 // v128.store, bitselect, store_lane
	set(-1, 13, 14, 23, 23, 26, 26, 28, 28, 30, 30, 32, 32, 34, 34) // shuffle, swizzle, replace_lane
	set(-1, 35, 76, 78, 81, 84, 87)                                 // comparisons, and to xor, load_lane
	set(-1, 101, 102, 107, 115, 118, 121, 123, 123)                 // i8x16: narrow, shifts, add to max, avgr
	set(-1, 130, 130, 133, 134, 139, 147, 149, 153, 155, 159)       // i16x8, extmul too
	set(-1, 171, 174, 177, 177, 181, 186, 188, 191)                 // i32x4, dot too
	set(-1, 203, 206, 209, 209, 213, 223)                           // i64x2
	set(-1, 228, 235, 240, 247)                                     // f32x4, f64x2
	return e
}()
