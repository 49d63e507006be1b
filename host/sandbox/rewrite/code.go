package rewrite

import "rechost/host/fault"

// Opcodes that the walker or the meter treat by name.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opTableSet     = 0x26
	opMemoryGrow   = 0x40
	opMisc         = 0xfc // saturating conversions and bulk operations
	opSIMD         = 0xfd

	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

// instruction is one decoded instruction: its bytes are [at, end).
type instruction struct {
	at, end int
	op      byte
	sub     uint32 // of opMisc and opSIMD
}

// frame is a block that has begun and not ended.
type frame struct {
	op       byte // opBlock, opLoop, opIf, opElse, or 0 for the function itself
	branches int  // instructions that branch to its label
	last     int  // where the last of them stands
	head     int  // for the meter: the point of the innermost loop's head, or of the function's entry
}

// walker walks through function bodies, one after the other, and keeps its
// stack between them.
type walker struct {
	m      *module
	r      *reader
	locals uint64 // parameters and locals
	stack  []frame
	first  [len(lengths)]uint16        // see bounds
	onFunc func(at, end int, f uint32) // sees every function index
	deep   int                         // deepest nesting of blocks in this body
	labels int                         // of the last br_table
	merges int                         // branches of a label squared, over this body's labels
}

// open begins body i and reads its locals.
func (w *walker) open(m *module, i int, r *reader) {
	w.m, w.r = m, r
	w.stack = append(w.stack[:0], frame{})
	w.locals, w.deep, w.merges = 0, 0, 0
	n := r.count("runs of locals", 2)
	for j := 0; j < n && r.err == nil; j++ {
		w.locals += uint64(r.u32())
		m.valType(r)
		if w.locals > uint64(m.caps.Locals) {
			r.perFunction(m.imported+i, int(w.locals), m.caps.Locals, "locals")
		}
	}
	m.info.MaxLocals = max(m.info.MaxLocals, int(w.locals))
	w.locals += uint64(m.params(m.funcs[m.imported+i]))
	w.bounds()
}

// check walks through body i and counts.
func (w *walker) check(m *module, i int, r *reader) {
	w.open(m, i, r)
	var ins instruction
	blocks, loops, labels := 1, 0, 0
	for {
		m.info.Instructions += w.skip() // none of which is counted below
		if !w.next(&ins) {
			break
		}
		m.info.Instructions++
		if ins.op == opLoop {
			loops++
		}
		switch ins.op {
		case opBlock, opLoop, opIf, opElse, opBrIf:
			blocks++
		case opBrTable:
			labels += w.labels
		case opMisc:
			m.info.GrowsTables = m.info.GrowsTables || ins.sub == miscTableGrow
			switch ins.sub {
			case miscDataDrop, miscTableInit, miscElemDrop, miscTableCopy, miscTableGrow, miscTableFill:
				m.info.ChangesTables = true
			}
		case opTableSet:
			m.info.ChangesTables = true
		}
	}
	r.done("function")
	m.info.MaxNesting = max(m.info.MaxNesting, w.deep)
	m.info.MaxBlocks = max(m.info.MaxBlocks, blocks)
	m.info.MaxLoops = max(m.info.MaxLoops, loops)
	m.info.MaxLabels = max(m.info.MaxLabels, labels)
	state := blocks * int(w.locals)
	m.info.MaxState = max(m.info.MaxState, state)
	m.info.MaxMerges = max(m.info.MaxMerges, w.merges)
	if r.err == nil {
		r.perFunction(m.imported+i, blocks, m.caps.Blocks, "blocks and branches")
		r.perFunction(m.imported+i, loops, m.caps.Loops, "loops")
		r.perFunction(m.imported+i, labels, m.caps.Labels, "labels in branch tables")
		r.perFunction(m.imported+i, w.merges, m.caps.Merges, "ways to bring together (branches of a label squared)")
		r.perFunction(m.imported+i, state, m.caps.State, "values to follow (blocks times locals)")
	}
}

// What follows an opcode, for those that make up nearly all of a module.
const (
	other   = iota // what next looks at one by one
	nothing        // no immediate
	number         // an integer
	local
	global
	address // alignment and offset
)

var immediates = func() (of [256]byte) {
	for op := range of {
		switch {
		case op == 0x00 || op == 0x01 || op == opReturn || op == 0x1a || op == 0x1b || op >= 0x45 && op <= 0xc4 || op == 0xd1:
			of[op] = nothing
		case op == 0x41 || op == 0x42:
			of[op] = number
		case op >= 0x20 && op <= 0x22:
			of[op] = local
		case op == 0x23 || op == 0x24:
			of[op] = global
		case op >= 0x28 && op <= 0x3e:
			of[op] = address
		}
	}
	return of
}()

// What a short instruction of each kind is: one whose first byte after the opcode
// is below the first bound, which the body sets, and the next below the second.
var (
	lengths = [...]int{nothing: 1, number: 2, local: 2, global: 2, address: 3}
	second  = [...]uint16{256, 256, 256, 256, 256, address: 0x80}
)

// bounds sets what the first byte after the opcode must be below.
func (w *walker) bounds() {
	w.first = [len(lengths)]uint16{nothing: 256, number: 0x80, local: uint16(min(w.locals, 0x80)), global: uint16(min(w.m.globals, 0x80))}
	if w.m.memories > 0 {
		w.first[address] = 5
	}
}

// short is the length of the instruction at the reader, if it is one of these
// and its immediates are sound and of one byte each; otherwise 0.
func (w *walker) short() int {
	b := w.r.b[w.r.pos:w.r.end]
	if len(b) < 3 {
		return 0
	}
	if k := immediates[b[0]]; uint16(b[1]) < w.first[k] && uint16(b[2]) < second[k] {
		return lengths[k]
	}
	return 0
}

// skip goes over short instructions and tells how many. It has no branch on what
// they are, which nobody could predict.
func (w *walker) skip() (n int) {
	if len(w.stack) == 0 || w.r.err != nil {
		return 0
	}
	b, pos := w.r.b[:w.r.end], w.r.pos
	for pos+3 <= len(b) {
		k := immediates[b[pos]]
		if uint16(b[pos+1]) >= w.first[k] || uint16(b[pos+2]) >= second[k] {
			break
		}
		pos += lengths[k]
		n++
	}
	w.r.pos = pos
	return n
}

// next decodes the next instruction and keeps the stack of blocks. It is false
// after the function's last end, and after an error.
func (w *walker) next(ins *instruction) bool {
	r, m := w.r, w.m
	if len(w.stack) == 0 || r.err != nil {
		return false
	}
	if n := w.short(); n > 0 {
		*ins = instruction{at: r.pos, end: r.pos + n, op: r.b[r.pos]}
		r.pos += n
		return true
	}
	ins.at = r.pos
	ins.op = r.byte()
	ins.sub = 0
	switch op := ins.op; {
	case immediates[op] == nothing:
	case op >= opBlock && op <= opIf:
		m.blockType(r)
		w.stack = append(w.stack, frame{op: op})
		w.deep = max(w.deep, len(w.stack)-1)
		if w.deep > m.caps.Nesting {
			r.refuse(fault.Mod("a function has blocks %d deep: at most %d are allowed", w.deep, m.caps.Nesting))
		}
	case op == opElse:
		if top := &w.stack[len(w.stack)-1]; top.op != opIf {
			r.failf("else without if")
		} else {
			top.op = opElse
		}
	case op == opEnd:
		n := w.stack[len(w.stack)-1].branches
		w.merges += n * n
		w.stack = w.stack[:len(w.stack)-1]
	case op == opBr || op == opBrIf:
		w.label(ins.at)
	case op == opBrTable:
		n := r.count("labels", 1)
		w.labels = n + 1
		for i := 0; i <= n && r.err == nil; i++ {
			w.label(ins.at)
		}
	case op == opCall:
		m.funcIndex(r, w.onFunc)
	case op == opCallIndirect:
		m.typeIndex(r)
		m.index(r, m.tables, "table")
	case op == 0x1c:
		m.valTypes(r, 1<<10, "types in one select")
	case immediates[op] == local:
		w.local()
	case immediates[op] == global:
		m.index(r, m.globals, "global")
	case op == 0x25 || op == opTableSet:
		m.index(r, m.tables, "table")
	case immediates[op] == address:
		m.memarg(r)
	case op == 0x3f || op == opMemoryGrow:
		m.memoryIndex(r)
	case op == 0x41:
		r.signed(32)
	case op == 0x42:
		r.signed(64)
	case op == 0x43:
		r.skip(4)
	case op == 0x44:
		r.skip(8)
	case op == 0xd0:
		m.refType(r)
	case op == 0xd2:
		m.funcIndex(r, w.onFunc)
	case op == opMisc:
		ins.sub = r.u32()
		m.misc(r, ins.sub)
	case op == opSIMD:
		ins.sub = r.u32()
		m.simd(r, ins.sub)
	default:
		m.unknown(r, op)
	}
	ins.end = r.pos
	return r.err == nil
}

// label reads a label of the instruction at at, and counts the instruction for
// the block that it names, once.
func (w *walker) label(at int) {
	l := w.m.index(w.r, len(w.stack), "label")
	if w.r.err != nil {
		return
	}
	if f := &w.stack[len(w.stack)-1-int(l)]; f.last != at {
		f.branches, f.last = f.branches+1, at
	}
}

func (w *walker) local() {
	at := w.r.pos
	if i := w.r.u32(); w.r.err == nil && uint64(i) >= w.locals {
		w.r.pos = at
		w.r.failf("local %d of %d", i, w.locals)
	}
}

// blockType reads a block's type: nothing, one result, or a signature.
func (m *module) blockType(r *reader) {
	if r.more() {
		switch c := r.b[r.pos]; {
		case c == 0x40:
			r.pos++
			return
		case c >= 0x41 && c <= 0x7f: // negative numbers of one byte
			m.valType(r)
			return
		}
	}
	at := r.pos
	if i := r.signed(33); r.err == nil && (i < 0 || i >= int64(len(m.types))) {
		r.pos = at
		r.failf("type %d of %d", i, len(m.types))
	}
}

// memarg reads alignment and offset. The engine checks how large an alignment
// each instruction may have; none may have more than 16 bytes.
func (m *module) memarg(r *reader) {
	align := r.u32()
	if r.err == nil && align&0x40 != 0 {
		r.unsupported(featMultiMemory)
	} else if r.err == nil && align > 4 {
		r.failf("an alignment of 2^%d", align)
	}
	if r.err == nil && m.memories == 0 {
		r.failf("memory 0 of 0")
	}
	r.u32()
}

func (m *module) memoryIndex(r *reader) {
	switch c := r.byte(); {
	case r.err != nil:
	case c != 0:
		r.unsupported(featMultiMemory)
	case m.memories == 0:
		r.failf("memory 0 of 0")
	}
}

func (m *module) dataIndex(r *reader) {
	if !m.dataCount {
		r.failf("data segments are named without a data count section")
	}
	m.index(r, m.datas, "data segment")
}

// misc reads the immediates of 0xfc sub.
func (m *module) misc(r *reader, sub uint32) {
	switch sub {
	case 0, 1, 2, 3, 4, 5, 6, 7:
	case miscMemoryInit:
		m.dataIndex(r)
		m.memoryIndex(r)
	case miscDataDrop:
		m.dataIndex(r)
	case miscMemoryCopy:
		m.memoryIndex(r)
		m.memoryIndex(r)
	case miscMemoryFill:
		m.memoryIndex(r)
	case miscTableInit:
		m.index(r, m.elems, "element segment")
		m.index(r, m.tables, "table")
	case miscElemDrop:
		m.index(r, m.elems, "element segment")
	case miscTableCopy:
		m.index(r, m.tables, "table")
		m.index(r, m.tables, "table")
	case miscTableGrow, miscTableSize, miscTableFill:
		m.index(r, m.tables, "table")
	default:
		r.failf("unknown instruction 0xfc %#x", sub)
	}
}

// simdHoles are the numbers below 256 that name no instruction.
var simdHoles = func() (h [256]bool) {
	for _, i := range []int{0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee} {
		h[i] = true
	}
	return h
}()

// simd reads the immediates of 0xfd sub.
func (m *module) simd(r *reader, sub uint32) {
	m.vectors = true
	switch {
	case r.err != nil:
	case sub <= 11 || sub == 92 || sub == 93: // loads, store
		m.memarg(r)
	case sub == 12: // v128.const
		r.skip(16)
	case sub == 13: // i8x16.shuffle
		for i := 0; i < 16; i++ {
			m.lane(r, 32)
		}
	case sub >= 21 && sub <= 34: // extract_lane and replace_lane
		m.lane(r, laneCounts[sub-21])
	case sub >= 84 && sub <= 91: // load_lane and store_lane, of 8 to 64 bits
		m.memarg(r)
		m.lane(r, 16>>((sub-84)&3))
	case sub >= 0x100 && sub <= 0x12f:
		r.unsupported(featRelaxedSIMD)
	case sub > 0xff || simdHoles[sub]:
		r.failf("unknown instruction 0xfd %#x", sub)
	}
}

// laneCounts are the lanes of 0xfd 21 to 34: i8x16 and i16x8 extract signed and
// unsigned and replace; the wider shapes extract and replace.
var laneCounts = [...]byte{16, 16, 16, 8, 8, 8, 4, 4, 2, 2, 4, 4, 2, 2}

func (m *module) lane(r *reader, n byte) {
	if l := r.byte(); r.err == nil && l >= n {
		r.failf("lane %d of %d", l, n)
	}
}

// unknown refuses an opcode that version 2.0 does not have, by the name of the
// feature that it belongs to.
func (m *module) unknown(r *reader, op byte) {
	switch {
	case r.err != nil:
	case op == 0x12 || op == 0x13:
		r.unsupported(featTailCall)
	case op == 0x14 || op == 0x15 || op >= 0xd3 && op <= 0xd6 || op == 0xfb:
		r.unsupported(featGC)
	case op >= 0x06 && op <= 0x0a || op == 0x18 || op == 0x19 || op == 0x1f:
		r.unsupported(featExceptions)
	case op == 0xfe:
		r.unsupported(featThreads)
	default:
		r.failf("unknown instruction %#x", op)
	}
}
