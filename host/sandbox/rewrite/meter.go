package rewrite

// point is a place in a function's code where something may be counted.
type point struct {
	at   uint32 // before this byte of the module
	cost uint32 // instructions from here to the next point, on every way
	work uint32 // of a head: instructions of the loop or function, inner loops left out
	head bool   // a loop's head or the function's entry
}

// measurer finds the points of a function's body i, in order. It may reuse
// the slice.
type measurer func(w *walker, m *module, i int, points []point, fuel bool) []point

// measure walks through body i and cuts it into basic blocks. Without fuel it
// keeps only the heads.
//
// Every instruction costs one, except block, loop, else and end, which are no
// work. A block that nothing branches to the end of is part of the code around
// it. Where a block ends early by a trap, all of it has been paid: the same
// every time.
func (w *walker) measure(m *module, i int, points []point, fuel bool) []point {
	r := reader{b: m.b, pos: int(m.bodies[i].at), end: int(m.bodies[i].end)}
	w.open(m, i, &r)
	points = append(points[:0], point{at: uint32(r.pos), head: true})
	cur := 0 // where costs go, or -1 where no way leads
	cut := func(at int, head bool) {
		if fuel || head {
			points = append(points, point{at: uint32(at), head: head})
			cur = len(points) - 1
		}
	}
	var ins instruction
	for {
		top := w.stack[len(w.stack)-1]
		if !w.next(&ins) || len(w.stack) == 0 {
			return points
		}
		switch ins.op {
		case opBlock, opLoop, opElse, opEnd:
		default:
			if points[top.head].work++; cur >= 0 {
				points[cur].cost++
			}
		}
		switch ins.op {
		case opBlock, opIf:
			w.stack[len(w.stack)-1].head = top.head
			if ins.op == opIf {
				cut(ins.end, false)
			}
		case opLoop:
			cut(ins.end, true)
			w.stack[len(w.stack)-1].head = len(points) - 1
		case opElse, opBrIf:
			cut(ins.end, false)
		case opEnd:
			// Going on after a loop is not another turn of it.
			if top.op != opBlock || top.branches > 0 {
				cut(ins.end, false)
			}
		case opBr, opBrTable, opReturn, opUnreachable:
			cur = -1
		}
	}
}

// meter is what rewriting adds to a module: where everything stands.
type meter struct {
	Options
	measure       measurer
	counter, fuel uint32 // globals
	shift         uint32 // imports added: what the index of a defined function grows by

	// functions
	yield, outOfFuel                            uint32
	tick                                        uint32
	bytes, entries, pages, tableGrow, copy, set uint32
}

// count appends what stands at p. It leaves the operand stack as it was.
func (k *meter) count(b []byte, p point) []byte {
	if k.Yield && p.head {
		b = append(b, 0x23)
		b = appendU32(b, k.counter)
		b = append(b, 0x41)
		b = appendS64(b, int64(min(1+p.work/workPerCount, YieldEvery)))
		b = append(b, 0x6b, 0x24) // i32.sub, global.set
		b = appendU32(b, k.counter)
		b = append(b, 0x23)
		b = appendU32(b, k.counter)
		b = append(b, 0x41, 0, 0x48, opIf, 0x40, opCall) // i32.const 0, i32.lt_s
		b = appendU32(b, k.tick)
		b = append(b, opEnd)
	}
	if k.Fuel && (p.head || p.cost > 0) {
		b = append(b, 0x23)
		b = appendU32(b, k.fuel)
		b = append(b, 0x42)
		b = appendS64(b, int64(p.cost))
		b = append(b, 0x7d, 0x24) // i64.sub, global.set
		b = appendU32(b, k.fuel)
	}
	if k.Fuel && p.head {
		b = append(b, 0x23)
		b = appendU32(b, k.fuel)
		b = append(b, 0x42, 0, 0x53, opIf, 0x40, opCall) // i64.const 0, i64.lt_s
		b = appendU32(b, k.outOfFuel)
		b = append(b, opUnreachable, opEnd)
	}
	return b
}

// bulk appends what stands in place of a bulk instruction, if it is one: a
// call that charges the length on top of the operand stack and leaves it
// there, or one that does the whole in pieces.
func (k *meter) bulk(b []byte, ins *instruction, src []byte) ([]byte, bool) {
	call := func(f uint32) { b = appendU32(append(b, opCall), f) }
	switch {
	case ins.op == opMemoryGrow:
		call(k.pages)
	case ins.op != opMisc:
		return b, false
	case ins.sub == miscMemoryCopy:
		call(k.copy)
		return b, true
	case ins.sub == miscMemoryFill:
		call(k.set)
		return b, true
	case ins.sub == miscMemoryInit:
		call(k.bytes)
	case ins.sub == miscTableInit, ins.sub == miscTableCopy, ins.sub == miscTableFill:
		call(k.entries)
	case ins.sub == miscTableGrow:
		call(k.tableGrow)
	default:
		return b, false
	}
	return append(b, src[ins.at:ins.end]...), true
}

// mark is a place in a body where the map of offsets changes.
type mark struct {
	at    uint32 // in the rewritten body
	orig  uint32 // in the original module
	fixed bool
}

// bodies rewrites one function after the other, reusing its buffers.
type bodies struct {
	w      walker
	points []point
	marks  []mark
	out    []byte
}

// rewrite leaves the rewritten body i in out and in marks how offsets map.
func (s *bodies) rewrite(m *module, i int, k *meter) {
	s.points = k.measure(&s.w, m, i, s.points, k.Fuel)
	s.out, s.marks = s.out[:0], s.marks[:0]
	r := reader{b: m.b, pos: int(m.bodies[i].at), end: int(m.bodies[i].end)}
	copied := r.pos // everything before it is in out
	s.note(copied, false)
	flush := func(to int) {
		s.out = append(s.out, m.b[copied:to]...)
		copied = to
	}
	s.w.onFunc = func(at, end int, f uint32) {
		if int(f) >= m.imported {
			flush(at)
			s.out = appendU32(s.out, f+k.shift)
			copied = end
		}
	}
	s.w.open(m, i, &r)
	var ins instruction
	next := 0
	for {
		for next < len(s.points) && int(s.points[next].at) == r.pos {
			flush(r.pos)
			n := len(s.out)
			if s.out = k.count(s.out, s.points[next]); len(s.out) > n {
				s.noteAt(n, r.pos, true)
				s.note(r.pos, false)
			}
			next++
		}
		if !s.w.next(&ins) {
			break
		}
		if copied > ins.at { // renumbered
			s.note(ins.end, false)
		}
		if ins.op != opMisc && ins.op != opMemoryGrow {
			continue
		}
		flush(ins.at)
		n := len(s.out)
		var done bool
		if s.out, done = k.bulk(s.out, &ins, m.b); done {
			copied = ins.end
			s.noteAt(n, ins.at, true)
			s.note(ins.end, false)
		}
	}
	s.w.onFunc = nil
	flush(r.end)
}

func (s *bodies) note(orig int, fixed bool) { s.noteAt(len(s.out), orig, fixed) }

func (s *bodies) noteAt(at, orig int, fixed bool) {
	s.marks = append(s.marks, mark{uint32(at), uint32(orig), fixed})
}
