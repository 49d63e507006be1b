package rewrite

import (
	"strconv"
	"strings"

	"rechost/host/fault"
)

// Rewrite returns the module with what o asks for added, and the maxima of its
// tables forced. Custom sections are left out, but for names and, on request,
// debugging information. Without Yield and Fuel the code is copied as it is.
//
// The error is that of Check with wide caps, or says that a table starts with
// too many entries or that the result would be too large.
func Rewrite(wasm []byte, o Options) (*Module, error) {
	return rewrite(wasm, o, (*walker).measure)
}

// rewrite is Rewrite with the function that says where to count.
func rewrite(wasm []byte, o Options, measure measurer) (*Module, error) {
	m, err := decode(wasm, widest)
	if err != nil {
		return nil, err
	}
	return emit(m, o, measure)
}

func emit(m *module, o Options, measure measurer) (*Module, error) {
	if o.TableMax == 0 {
		o.TableMax = DefaultTableMax
	}
	k := &meter{Options: o, measure: measure}
	e := &emitter{m: m, k: k, helpers: k.place(m)}
	e.state = k.state(m)
	e.out = append(make([]byte, 0, k.room(len(m.b))), m.b[:8]...)
	for _, id := range []byte{secType, secImport, secFunction, secTable, secMemory, secGlobal, secExport, secStart, secElement, secDataCount, secCode, secData} {
		e.section(id)
		if e.err != nil {
			return nil, e.err
		}
	}
	e.custom()
	x := &Module{Wasm: e.out, Offsets: e.offsets, Changed: k.shift > 0, Restorable: e.state != nil}
	for _, g := range e.state {
		x.State = append(x.State, stateName(g))
	}
	return x, nil
}

// state lists the globals that are all that changes in an instance, besides its
// memory, those that are added included. It is nil where other things change, or
// what cannot be read and set from outside.
func (k *meter) state(m *module) []uint32 {
	list := []uint32{}
	if !k.State || m.info.ChangesTables || len(m.mutable) > mostState {
		return nil
	}
	for _, g := range m.mutable {
		switch g.t {
		case I32, I64, F32, F64:
			list = append(list, g.index)
		default:
			return nil
		}
	}
	if k.Yield {
		list = append(list, k.counter)
	}
	if k.Fuel {
		list = append(list, k.fuel)
	}
	return list
}

func stateName(global uint32) string { return StateGlobal + strconv.Itoa(int(global)) }

// room is a guess at the bytes of what becomes of a module of size bytes.
func (k *meter) room(size int) int {
	if k.shift > 0 {
		return size + size/2
	}
	return size + 1<<10
}

type emitter struct {
	m       *module
	k       *meter
	helpers []helper
	state   []uint32 // globals to export
	out     []byte
	offsets Offsets
	err     error
}

// append writes a section.
func (e *emitter) append(id byte, body []byte) {
	e.out = appendU32(append(e.out, id), uint32(len(body)))
	e.out = append(e.out, body...)
}

// grown writes a section with n elements added after those that it has.
func (e *emitter) grown(id byte, old []byte, n int, added []byte) {
	r := reader{b: old, end: len(old)}
	if len(old) > 0 {
		n += int(r.u32())
	}
	if n == 0 && len(old) == 0 {
		return
	}
	body := appendU32(make([]byte, 0, len(old)+len(added)+5), uint32(n))
	body = append(body, old[r.pos:]...)
	e.append(id, append(body, added...))
}

// section writes the section of that number, with what is added to it.
func (e *emitter) section(id byte) {
	m, k := e.m, e.k
	var s span
	for _, x := range m.sections {
		if x.id == id {
			s = x.span
		}
	}
	old := m.b[s.at:s.end]
	if id == secTable && s.end > 0 {
		e.tables(reader{b: m.b, pos: int(s.at), end: int(s.end)})
		return
	}
	if k.shift == 0 && id != secExport { // nothing is added, nothing moves
		if s.end > 0 {
			e.append(id, old)
		}
		return
	}
	types := uint32(len(m.types))
	var add []byte
	n := 0
	switch id {
	case secType:
		e.grown(id, old, 3, addedTypes)
	case secImport:
		for _, name := range []struct {
			name string
			want bool
		}{{FnYield, k.Yield}, {FnOutOfFuel, k.Fuel}} {
			if name.want {
				add = appendName(appendName(add, HostModule), name.name)
				add = appendU32(append(add, byte(Func)), types+typeNone)
				n++
			}
		}
		e.grown(id, old, n, add)
	case secFunction:
		for _, h := range e.helpers {
			add = appendU32(add, types+h.typ)
		}
		e.grown(id, old, len(e.helpers), add)
	case secGlobal:
		if k.Yield {
			add = append(add, byte(I32), 1, 0x41)
			add = append(appendS64(add, YieldEvery), opEnd)
			n++
		}
		if k.Fuel {
			add = append(add, byte(I64), 1, 0x42)
			add = append(appendS64(add, StartFuel), opEnd)
			n++
		}
		e.grown(id, e.renumbered(s, func(r *reader, hook func(at, end int, f uint32)) { m.global(r, hook) }), n, add)
	case secExport:
		if k.Fuel {
			add = appendU32(append(appendName(add, FuelGlobal), byte(GlobalKind)), k.fuel)
			n++
		}
		for _, g := range e.state {
			add = appendU32(append(appendName(add, stateName(g)), byte(GlobalKind)), g)
			n++
		}
		e.grown(id, e.renumbered(s, func(r *reader, hook func(at, end int, f uint32)) { m.export(r, hook) }), n, add)
	case secElement:
		e.grown(id, e.renumbered(s, func(r *reader, hook func(at, end int, f uint32)) { m.element(r, hook) }), 0, nil)
	case secStart:
		if s.end > 0 {
			r := reader{b: m.b, pos: int(s.at), end: int(s.end)}
			f := r.u32()
			if int(f) >= m.imported {
				f += k.shift
			}
			e.append(id, appendU32(nil, f))
		}
	case secCode:
		e.code()
	default:
		if s.end > 0 {
			e.append(id, old)
		}
	}
}

// renumbered returns the contents of a section of which each of the elements
// is read by walk, with the indices of defined functions moved.
func (e *emitter) renumbered(s span, walk func(*reader, func(at, end int, f uint32))) []byte {
	if s.end == 0 {
		return nil
	}
	b := e.m.b
	r := reader{b: b, pos: int(s.at), end: int(s.end)}
	copied := r.pos
	out := make([]byte, 0, s.end-s.at)
	hook := func(at, end int, f uint32) {
		if int(f) >= e.m.imported {
			out = append(out, b[copied:at]...)
			out = appendU32(out, f+e.k.shift)
			copied = end
		}
	}
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		walk(&r, hook)
	}
	return append(out, b[copied:s.end]...)
}

// tables writes the table section with every maximum at most TableMax.
func (e *emitter) tables(r reader) {
	n := r.u32()
	body := appendU32(nil, n)
	for ; n > 0; n-- {
		elem := r.byte()
		l := e.m.limits(&r, 1<<32-1, false)
		if l.Min > e.k.TableMax {
			e.err = fault.Mod("a table starts with %d entries: at most %d are allowed", l.Min, e.k.TableMax)
			return
		}
		if !l.HasMax || l.Max > e.k.TableMax {
			l.Max = e.k.TableMax
		}
		body = appendU32(append(body, elem, 1), l.Min)
		body = appendU32(body, l.Max)
	}
	e.append(secTable, body)
}

// maxGrowth bounds what counting makes of a module, as a multiple of its size
// over the first MiB. Compilers' modules grow by a fifth; one of nothing but
// empty loops would grow thirteenfold.
const maxGrowth = 4

// code writes the code section. Its size stands before it and is known only
// afterwards, so the contents are made apart.
func (e *emitter) code() {
	m := e.m
	body := appendU32(make([]byte, 0, m.info.CodeBytes*2), uint32(len(m.bodies)+len(e.helpers)))
	start := uint64(m.info.CodeStart)
	var s bodies
	for i := range m.bodies {
		s.rewrite(m, i, e.k)
		body = appendU32(body, uint32(len(s.out)))
		for _, p := range s.marks {
			e.offsets.mark(uint64(len(body))+uint64(p.at), uint64(p.orig)-start, p.fixed)
		}
		body = append(body, s.out...)
		if most := maxGrowth*len(m.b) + 1<<20; len(body) > most {
			e.err = fault.Mod("the module's code would grow from %d to more than %d bytes with its counters added: it is nothing but small blocks", m.info.CodeBytes, most)
			return
		}
	}
	e.offsets.added = uint64(len(body))
	for _, h := range e.helpers {
		body = append(appendU32(body, uint32(len(h.code))), h.code...)
	}
	e.append(secCode, body)
}

// custom writes the name section anew and keeps debugging information whose
// offsets still hold.
func (e *emitter) custom() {
	m := e.m
	var names []byte
	n := 0
	add := func(i uint32, name string) {
		names = appendName(appendU32(names, i), name)
		n++
	}
	addImports := func() {
		if e.k.Yield {
			add(e.k.yield, HostModule+"."+FnYield)
		}
		if e.k.Fuel {
			add(e.k.outOfFuel, HostModule+"."+FnOutOfFuel)
		}
	}
	imports := true
	m.functionNames(func(i uint32, name []byte) {
		if int(i) >= m.imported {
			if imports {
				addImports()
				imports = false
			}
			i += e.k.shift
		}
		add(i, cleanName(name))
	})
	if imports {
		addImports()
	}
	for j, h := range e.helpers {
		add(uint32(len(m.funcs)+j)+e.k.shift, h.name)
	}
	body := appendName(nil, "name")
	if m.info.Name != "" {
		sub := appendName(nil, m.info.Name)
		body = append(appendU32(append(body, 0), uint32(len(sub))), sub...)
	}
	if n > 0 {
		sub := append(appendU32(nil, uint32(n)), names...)
		body = append(appendU32(append(body, 1), uint32(len(sub))), sub...)
	}
	if len(body) > 5 {
		e.append(secCustom, body)
	}
	if !e.k.DWARF || e.k.shift > 0 {
		return
	}
	for _, s := range m.sections {
		if s.id == secCustom && strings.HasPrefix(s.name, ".debug_") {
			e.append(secCustom, append(appendName(nil, s.name), m.b[s.at:s.end]...))
		}
	}
}

// cleanName makes a function's name fit for one line of a stack trace.
func cleanName(name []byte) string {
	for _, c := range name {
		if c < 0x20 || c >= 0x7f {
			return strings.NewReplacer("\n", " ", "\t", " ").Replace(fault.Clean(string(name), maxFuncName))
		}
	}
	return string(name)
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
