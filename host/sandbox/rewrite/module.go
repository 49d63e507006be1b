package rewrite

import (
	"rechost/host/fault"
)

// Section numbers, with the order in which sections come. The tag section of
// exception handling is known only to be refused.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
	secTag
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag"}

// sectionRank orders sections: the data count stands before the code.
var sectionRank = [...]byte{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6}

// span is a range of the module's bytes.
type span struct{ at, end uint32 }

// variable is a global that can change.
type variable struct {
	index uint32
	t     ValType
}

// section is one section as it stands in the module.
type section struct {
	id   byte
	name string // of a custom section
	span        // contents, without number and size; of a custom section, without its name
}

// module is what decoding leaves: everything that an index can name.
type module struct {
	b        []byte
	caps     Caps
	info     Info
	sections []section

	types         []uint32            // where each type stands, after its 0x60
	signatures    map[uint32]FuncType // of the types that imports and exports use
	funcs         []uint32            // type of each function, imported ones first
	imported      int                 // functions
	globals       int                 // imported ones first
	mutable       []variable          // of the module's own
	globalImports int                 // the only ones that a constant expression may read
	tables        int
	memories      int
	elems         int
	datas         int // from the data count section, -1 without one
	dataCount     bool
	bodies        []span // locals and code of each defined function
	entries       int    // in all element segments
	vectors       bool   // there are values of type V128

	names span // contents of the name section, if it is well formed
}

// decode reads and checks the whole module.
func decode(wasm []byte, caps Caps) (*module, error) {
	m := &module{b: wasm, caps: caps, datas: -1}
	m.info.Size = len(wasm)
	r := &reader{b: wasm, end: len(wasm)}
	if !r.within(len(wasm), caps.Size, "bytes") {
		return nil, r.err
	}
	r.preamble()
	var rank byte
	customs := 0
	for r.more() {
		id := r.byte()
		size := r.u32()
		if r.err == nil && uint64(size) > uint64(r.left()) {
			r.failf("a section of %d bytes in %d", size, r.left())
		}
		if r.err != nil {
			break
		}
		s := r.sub(int(size))
		if id == secCustom {
			customs++
			if s.within(customs, caps.Custom, "custom sections") {
				m.custom(&s)
			}
		} else if id > secTag {
			s.failf("unknown section %d", id)
		} else if sectionRank[id] <= rank {
			s.failf("%s section out of order or twice", sectionNames[id])
		} else {
			rank = sectionRank[id]
			m.sections = append(m.sections, section{id: id, span: span{uint32(s.pos), uint32(s.end)}})
			m.section(id, &s)
			s.done(sectionNames[id] + " section")
		}
		r.err = s.err
	}
	switch defined := len(m.funcs) - m.imported; {
	case r.err != nil:
	case defined != len(m.bodies):
		r.failf("%d functions declared and %d defined", defined, len(m.bodies))
	case m.datas >= 0 && m.datas != m.info.Data:
		r.failf("%d data segments announced and %d there", m.datas, m.info.Data)
	}
	if r.err != nil {
		return nil, r.err
	}
	m.info.Types = len(m.types)
	m.info.Functions = len(m.bodies)
	return m, nil
}

func (m *module) section(id byte, r *reader) {
	switch id {
	case secType:
		m.typeSection(r)
	case secImport:
		m.importSection(r)
	case secFunction:
		n := r.count("functions", 1)
		if !r.within(n, m.caps.Functions, "functions") {
			return
		}
		for i := 0; i < n && r.err == nil; i++ {
			m.funcs = append(m.funcs, m.typeIndex(r))
		}
	case secTable:
		n := r.count("tables", 3)
		for i := 0; i < n && r.err == nil; i++ {
			m.table(r, false)
		}
	case secMemory:
		n := r.count("memories", 2)
		for i := 0; i < n && r.err == nil; i++ {
			m.memory(r)
		}
	case secTag:
		r.unsupported(featExceptions)
	case secGlobal:
		m.globalSection(r)
	case secExport:
		m.exportSection(r)
	case secStart:
		m.startFunction(r, nil)
	case secElement:
		n := r.count("element segments", 3)
		if !r.within(n, m.caps.Elements, "element segments") {
			return
		}
		for i := 0; i < n && r.err == nil; i++ {
			m.entries += m.element(r, nil)
			r.within(m.entries, m.caps.Entries, "entries in element segments")
		}
		m.elems, m.info.Elements = n, n
	case secDataCount:
		m.datas, m.dataCount = int(r.u32()), true
		r.within(m.datas, m.caps.Data, "data segments")
	case secCode:
		m.codeSection(r)
	case secData:
		m.dataSection(r)
	}
}

func (m *module) typeSection(r *reader) {
	n := r.count("types", 3)
	if !r.within(n, m.caps.Types, "types") {
		return
	}
	for i := 0; i < n && r.err == nil; i++ {
		switch form := r.byte(); form {
		case 0x60:
		case 0x5e, 0x5f, 0x50, 0x4f, 0x4e:
			r.unsupported(featGC)
		default:
			r.failf("a type of unknown form %#x", form)
		}
		m.types = append(m.types, uint32(r.pos))
		p := m.valTypes(r, m.caps.Params, "parameters of one function")
		q := m.valTypes(r, m.caps.Results, "results of one function")
		m.info.MaxParams = max(m.info.MaxParams, p)
		m.info.MaxResults = max(m.info.MaxResults, q)
	}
}

func (m *module) valTypes(r *reader, max int, what string) int {
	n := r.count("value types", 1)
	if !r.within(n, max, what) {
		return 0
	}
	for i := 0; i < n && r.err == nil; i++ {
		m.valType(r)
	}
	return n
}

func (m *module) valType(r *reader) ValType {
	switch t := ValType(r.byte()); t {
	case V128:
		m.vectors = true
		return t
	case I32, I64, F32, F64, FuncRef, ExternRef:
		return t
	case 0x69: // exnref
		r.unsupported(featExceptions)
	case 0x63, 0x64, 0x6e, 0x6d, 0x6c, 0x6b, 0x6a, 0x71, 0x72, 0x73:
		r.unsupported(featGC)
	default:
		r.failf("unknown value type %#x", byte(t))
	}
	return 0
}

func (m *module) refType(r *reader) ValType {
	t := m.valType(r)
	if r.err == nil && t != FuncRef && t != ExternRef {
		r.failf("value type %#x where a reference is expected", byte(t))
	}
	return t
}

// Indices, each checked against what the module as it came has.

func (m *module) index(r *reader, n int, what string) uint32 {
	at := r.pos
	i := r.u32()
	if r.err == nil && uint64(i) >= uint64(n) {
		r.pos = at
		r.failf("%s %d of %d", what, i, n)
		return 0
	}
	return i
}

func (m *module) typeIndex(r *reader) uint32 { return m.index(r, len(m.types), "type") }

// funcIndex tells hook where the index stands, for renumbering.
func (m *module) funcIndex(r *reader, hook func(at, end int, f uint32)) uint32 {
	at := r.pos
	f := m.index(r, len(m.funcs), "function")
	if hook != nil && r.err == nil {
		hook(at, r.pos, f)
	}
	return f
}

// funcType gives the signature of type i. Equal indices share one, so that
// many exports of a wide type take no more than the type.
func (m *module) funcType(i uint32) FuncType {
	if t, ok := m.signatures[i]; ok {
		return t
	}
	r := reader{b: m.b, pos: int(m.types[i]), end: len(m.b)}
	list := func() []ValType {
		t := make([]ValType, r.u32())
		for i := range t {
			t[i] = ValType(r.byte())
		}
		return t
	}
	t := FuncType{Params: list()}
	t.Results = list()
	if m.signatures == nil {
		m.signatures = map[uint32]FuncType{}
	}
	m.signatures[i] = t
	return t
}

// params counts the parameters of type i.
func (m *module) params(i uint32) uint32 {
	r := reader{b: m.b, pos: int(m.types[i]), end: len(m.b)}
	return r.u32()
}

func (m *module) capName(r *reader, s string) string {
	r.within(len(s), m.caps.Name, "bytes in one name")
	m.info.LongestName = max(m.info.LongestName, len(s))
	return s
}

func (m *module) importSection(r *reader) {
	n := r.count("imports", 4)
	if !r.within(n, m.caps.Imports, "imports") {
		return
	}
	for i := 0; i < n && r.err == nil; i++ {
		im := Import{Module: m.capName(r, r.name()), Name: m.capName(r, r.name())}
		if r.err == nil && im.Module == HostModule {
			r.refuse(fault.Mod("the module imports %s.%s, a name that only the host may use", im.Module, fault.Clean(im.Name, 100)))
		}
		switch kind := r.byte(); kind {
		case byte(Func):
			t := m.typeIndex(r)
			if r.err == nil {
				im.Type = m.funcType(t)
			}
			m.funcs = append(m.funcs, t)
			m.imported++
		case byte(TableKind):
			im.Kind = TableKind
			m.table(r, true)
		case byte(MemoryKind):
			im.Kind = MemoryKind
			m.memory(r)
		case byte(GlobalKind):
			im.Kind = GlobalKind
			m.valType(r)
			m.mutability(r)
			m.globals++
			m.globalImports++
		case 4:
			r.unsupported(featExceptions)
		default:
			r.failf("an import of unknown kind %d", kind)
		}
		m.info.Imports = append(m.info.Imports, im)
	}
}

// limits reads the size of a memory or table of at most max.
func (m *module) limits(r *reader, max uint32, memory bool) (l Limits) {
	switch flags := r.byte(); {
	case flags <= 1:
		l.HasMax = flags == 1
	case flags > 0x0f:
		r.failf("unknown limits %#x", flags)
	case flags&8 != 0:
		r.unsupported(featPageSizes)
	case flags&4 != 0:
		r.unsupported(featMemory64)
	case memory:
		r.unsupported(featThreads)
	default:
		r.failf("unknown limits %#x", flags)
	}
	l.Min = r.u32()
	if l.HasMax {
		l.Max = r.u32()
	}
	if r.err == nil && (l.Min > max || l.HasMax && l.Max > max) {
		r.failf("a size beyond %d", max)
	}
	if r.err == nil && l.HasMax && l.Max < l.Min {
		r.failf("a minimum of %d above the maximum of %d", l.Min, l.Max)
	}
	return l
}

func (m *module) table(r *reader, imported bool) {
	t := Table{Imported: imported, Elem: m.refType(r)}
	t.Limits = m.limits(r, 1<<32-1, false)
	m.tables++
	if !r.within(m.tables, m.caps.Tables, "tables") {
		return
	}
	if t.Min > m.caps.TableSize {
		r.refuse(fault.Mod("a table starts with %d entries: at most %d are allowed", t.Min, m.caps.TableSize))
	}
	m.info.Tables = append(m.info.Tables, t)
}

func (m *module) memory(r *reader) {
	l := m.limits(r, 65_536, true)
	m.memories++
	if r.err == nil && m.memories > 1 {
		r.unsupported(featMultiMemory)
	}
	if r.err == nil && l.Min > m.caps.Pages {
		r.refuse(fault.Mod("memory starts with %d pages: at most %d are allowed", l.Min, m.caps.Pages))
	}
	m.info.Memory = &l
}

func (m *module) mutability(r *reader) bool {
	c := r.byte()
	if r.err == nil && c > 1 {
		r.failf("unknown mutability %#x", c)
	}
	return c == 1
}

func (m *module) globalSection(r *reader) {
	n := r.count("globals", 4)
	if !r.within(n, m.caps.Globals, "globals") {
		return
	}
	for i := 0; i < n && r.err == nil; i++ {
		if t, mutable := m.global(r, nil); mutable {
			m.mutable = append(m.mutable, variable{uint32(m.globals + i), t})
		}
	}
	m.globals += n
	m.info.Globals = n
}

func (m *module) global(r *reader, hook func(at, end int, f uint32)) (t ValType, mutable bool) {
	t = m.valType(r)
	mutable = m.mutability(r)
	m.constExpr(r, hook)
	return t, mutable
}
