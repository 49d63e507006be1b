package rewrite

import (
	"strings"

	"rechost/host/fault"
)

func (m *module) exportSection(r *reader) {
	n := r.count("exports", 3)
	if !r.within(n, m.caps.Exports, "exports") {
		return
	}
	seen := make(map[string]bool, n)
	for i := 0; i < n && r.err == nil; i++ {
		e := m.export(r, nil)
		m.capName(r, e.Name)
		switch {
		case r.err != nil:
			return
		case seen[e.Name]:
			r.failf("two exports named %q", fault.Clean(e.Name, 100))
		case strings.HasPrefix(e.Name, Reserved):
			r.refuse(fault.Mod("the module exports %s: names that begin with %s are the host's", fault.Clean(e.Name, 100), Reserved))
		}
		seen[e.Name] = true
		m.info.Exports = append(m.info.Exports, e)
	}
}

func (m *module) export(r *reader, hook func(at, end int, f uint32)) Export {
	e := Export{Name: r.name()}
	e.Kind = Kind(r.byte())
	switch e.Kind {
	case Func:
		f := m.funcIndex(r, hook)
		if r.err == nil {
			e.Type = m.funcType(m.funcs[f])
		}
	case TableKind:
		m.index(r, m.tables, "table")
	case MemoryKind:
		m.index(r, m.memories, "memory")
	case GlobalKind:
		m.index(r, m.globals, "global")
	case 4:
		r.unsupported(featExceptions)
	default:
		r.failf("an export of unknown kind %d", e.Kind)
	}
	return e
}

func (m *module) startFunction(r *reader, hook func(at, end int, f uint32)) {
	m.funcIndex(r, hook)
	m.info.Start = true
}

// constExpr reads a constant expression with its end.
func (m *module) constExpr(r *reader, hook func(at, end int, f uint32)) {
	for r.err == nil {
		switch op := r.byte(); op {
		case 0x0b:
			return
		case 0x41:
			r.signed(32)
		case 0x42:
			r.signed(64)
		case 0x43:
			r.skip(4)
		case 0x44:
			r.skip(8)
		case 0x23:
			m.index(r, m.globalImports, "global")
		case 0xd0:
			m.refType(r)
		case 0xd2:
			m.funcIndex(r, hook)
		case 0xfd:
			if sub := r.u32(); sub != 12 {
				r.failf("instruction 0xfd %#x in a constant", sub)
			}
			r.skip(16)
		case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e:
			r.unsupported(featExtended)
		case 0xfb:
			r.unsupported(featGC)
		default:
			r.failf("instruction %#x in a constant", op)
		}
	}
}

// element reads one element segment and returns its number of entries.
func (m *module) element(r *reader, hook func(at, end int, f uint32)) int {
	flags := r.u32()
	if flags > 7 {
		r.failf("an element segment of unknown kind %d", flags)
		return 0
	}
	active, explicit, exprs := flags&1 == 0, flags&2 != 0, flags&4 != 0
	if active {
		if explicit {
			m.index(r, m.tables, "table")
		} else if m.tables == 0 {
			r.failf("an element segment without a table")
		}
		m.constExpr(r, hook)
	}
	if explicit || !active {
		if exprs {
			m.refType(r)
		} else if kind := r.byte(); r.err == nil && kind != 0 {
			r.failf("an element segment of unknown kind %d", kind)
		}
	}
	n := r.count("entries of an element segment", 1)
	for i := 0; i < n && r.err == nil; i++ {
		if exprs {
			m.constExpr(r, hook)
		} else {
			m.funcIndex(r, hook)
		}
	}
	return n
}

func (m *module) dataSection(r *reader) {
	n := r.count("data segments", 2)
	if !r.within(n, m.caps.Data, "data segments") {
		return
	}
	for i := 0; i < n && r.err == nil; i++ {
		switch flags := r.u32(); flags {
		case 0, 2:
			if flags == 2 {
				m.index(r, 1, "memory")
			}
			if r.err == nil && m.memories == 0 {
				r.failf("a data segment without a memory")
			}
			m.constExpr(r, nil)
		case 1:
		default:
			r.failf("a data segment of unknown kind %d", flags)
		}
		size := r.count("bytes of data", 1)
		if r.err == nil {
			m.goBuild(r.b[r.pos : r.pos+size])
			m.info.DataBytes += size
		}
		r.skip(size)
	}
	m.info.Data = n
}

func (m *module) codeSection(r *reader) {
	m.info.CodeBytes = r.left()
	m.info.CodeStart = r.pos
	n := r.count("functions", 3)
	if defined := len(m.funcs) - m.imported; r.err == nil && n != defined {
		r.failf("%d functions declared and %d defined", defined, n)
		return
	}
	m.bodies = make([]span, 0, n)
	var w walker
	for i := 0; i < n && r.err == nil; i++ {
		size := r.count("bytes of a function", 1)
		r.perFunction(m.imported+i, size, m.caps.Body, "bytes")
		s := r.sub(size)
		m.bodies = append(m.bodies, span{uint32(s.pos), uint32(s.end)})
		w.check(m, i, &s)
		r.err = s.err
		m.info.LongestBody = max(m.info.LongestBody, size)
	}
}
