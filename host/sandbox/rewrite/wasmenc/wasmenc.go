// Package wasmenc writes small WebAssembly modules: for tests that need a guest
// which no compiler would make, and for the functions that package rewrite adds
// to modules. It checks nothing: a module that is wrong on purpose is written
// as asked.
//
//	var m wasmenc.Module
//	run := m.Func(m.Type(nil, []byte{wasmenc.I32}), nil,
//		wasmenc.Loop(wasmenc.Void, wasmenc.Br(0)),
//		wasmenc.Op(wasmenc.Unreachable))
//	m.Memory(1, -1)
//	m.ExportFunc("run", run)
//	bytes := m.Bytes()
//
// # Notes
//
// Imports of functions come before the first Func, as function indices count
// them first; the same goes for globals, tables and memories. Section, U32 and
// the other encoders are exported for modules that break the format itself.
package wasmenc

// Value types, and Void for blocks without a result.
const (
	I32       = 0x7f
	I64       = 0x7e
	F32       = 0x7d
	F64       = 0x7c
	V128      = 0x7b
	FuncRef   = 0x70
	ExternRef = 0x6f
	Void      = 0x40
)

// Kinds of imports and exports.
const (
	KindFunc = iota
	KindTable
	KindMemory
	KindGlobal
)

// Section numbers.
const (
	SecCustom = iota
	SecType
	SecImport
	SecFunction
	SecTable
	SecMemory
	SecGlobal
	SecExport
	SecStart
	SecElement
	SecCode
	SecData
	SecDataCount
)

// Magic is what every module starts with.
const Magic = "\x00asm\x01\x00\x00\x00"

// Module collects a module's parts. The zero value is an empty module.
type Module struct {
	types, imports, funcs, tables, mems, globals, exports, elems, codes, datas list
	nFunc, nTable, nMem, nGlobal                                               uint32
	start                                                                      []byte
	customs                                                                    []byte
	dataCount                                                                  bool
}

type list struct {
	n    uint32
	body []byte
}

func (l *list) add(parts ...[]byte) uint32 {
	for _, p := range parts {
		l.body = append(l.body, p...)
	}
	l.n++
	return l.n - 1
}

// Type adds a signature and returns its index.
func (m *Module) Type(params, results []byte) uint32 {
	return m.types.add([]byte{0x60}, U32(uint32(len(params))), params, U32(uint32(len(results))), results)
}

// ImportFunc imports a function of the given type and returns its index.
func (m *Module) ImportFunc(module, name string, typ uint32) uint32 {
	if m.funcs.n > 0 {
		panic("wasmenc: import functions before defining any")
	}
	m.imports.add(Name(module), Name(name), []byte{KindFunc}, U32(typ))
	m.nFunc++
	return m.nFunc - 1
}

// ImportTable imports a table; max < 0 is none.
func (m *Module) ImportTable(module, name string, elem byte, min, max int64) uint32 {
	m.imports.add(Name(module), Name(name), []byte{KindTable, elem}, Limits(min, max))
	m.nTable++
	return m.nTable - 1
}

// ImportMemory imports a memory of min to max pages; max < 0 is none.
func (m *Module) ImportMemory(module, name string, min, max int64) uint32 {
	m.imports.add(Name(module), Name(name), []byte{KindMemory}, Limits(min, max))
	m.nMem++
	return m.nMem - 1
}

// ImportGlobal imports a global.
func (m *Module) ImportGlobal(module, name string, typ byte, mutable bool) uint32 {
	m.imports.add(Name(module), Name(name), []byte{KindGlobal, typ, flag(mutable)})
	m.nGlobal++
	return m.nGlobal - 1
}

// Local is a run of locals of one type.
type Local struct {
	N    uint32
	Type byte
}

// Func defines a function and returns its index. The last end is added.
func (m *Module) Func(typ uint32, locals []Local, code ...[]byte) uint32 {
	m.funcs.add(U32(typ))
	body := U32(uint32(len(locals)))
	for _, l := range locals {
		body = append(append(body, U32(l.N)...), l.Type)
	}
	for _, c := range code {
		body = append(body, c...)
	}
	body = append(body, End)
	m.codes.add(U32(uint32(len(body))), body)
	m.nFunc++
	return m.nFunc - 1
}

// NextFunc is the index of the next function, for recursion.
func (m *Module) NextFunc() uint32 { return m.nFunc }

// Table defines a table; max < 0 is none.
func (m *Module) Table(elem byte, min, max int64) uint32 {
	m.tables.add([]byte{elem}, Limits(min, max))
	m.nTable++
	return m.nTable - 1
}

// Memory defines a memory of min to max pages; max < 0 is none.
func (m *Module) Memory(min, max int64) uint32 {
	m.mems.add(Limits(min, max))
	m.nMem++
	return m.nMem - 1
}

// Global defines a global with a constant expression, whose end is added.
func (m *Module) Global(typ byte, mutable bool, init []byte) uint32 {
	m.globals.add([]byte{typ, flag(mutable)}, init, []byte{End})
	m.nGlobal++
	return m.nGlobal - 1
}

// Export exports the thing of that kind and index.
func (m *Module) Export(name string, kind byte, index uint32) {
	m.exports.add(Name(name), []byte{kind}, U32(index))
}

// ExportFunc exports a function.
func (m *Module) ExportFunc(name string, f uint32) { m.Export(name, KindFunc, f) }

// ExportMemory exports memory 0 as "memory".
func (m *Module) ExportMemory() { m.Export("memory", KindMemory, 0) }

// Start names the start function.
func (m *Module) Start(f uint32) { m.start = U32(f) }

// Elem fills table 0 from a constant offset with functions.
func (m *Module) Elem(offset int32, funcs ...uint32) uint32 {
	return m.elems.add([]byte{0}, I32Const(offset), []byte{End}, vec(funcs))
}

// PassiveElem is for table.init.
func (m *Module) PassiveElem(funcs ...uint32) uint32 {
	return m.elems.add([]byte{1, 0}, vec(funcs))
}

// DeclareFuncs makes functions known to ref.func.
func (m *Module) DeclareFuncs(funcs ...uint32) uint32 {
	return m.elems.add([]byte{3, 0}, vec(funcs))
}

// RawElem adds an element segment as it is, flags and all.
func (m *Module) RawElem(segment []byte) uint32 { return m.elems.add(segment) }

// Data puts bytes at a constant offset of memory 0.
func (m *Module) Data(offset int32, b []byte) uint32 {
	return m.datas.add([]byte{0}, I32Const(offset), []byte{End}, U32(uint32(len(b))), b)
}

// PassiveData is for memory.init; it adds the data count section.
func (m *Module) PassiveData(b []byte) uint32 {
	m.dataCount = true
	return m.datas.add([]byte{1}, U32(uint32(len(b))), b)
}

// Custom adds a custom section at the end.
func (m *Module) Custom(name string, body []byte) {
	m.customs = append(m.customs, Section(SecCustom, append(Name(name), body...))...)
}

// Bytes returns the module.
func (m *Module) Bytes() []byte {
	out := []byte(Magic)
	sec := func(id byte, l list) {
		if l.n > 0 {
			out = append(out, Section(id, append(U32(l.n), l.body...))...)
		}
	}
	sec(SecType, m.types)
	sec(SecImport, m.imports)
	sec(SecFunction, m.funcs)
	sec(SecTable, m.tables)
	sec(SecMemory, m.mems)
	sec(SecGlobal, m.globals)
	sec(SecExport, m.exports)
	if m.start != nil {
		out = append(out, Section(SecStart, m.start)...)
	}
	sec(SecElement, m.elems)
	if m.dataCount {
		out = append(out, Section(SecDataCount, U32(m.datas.n))...)
	}
	sec(SecCode, m.codes)
	sec(SecData, m.datas)
	return append(out, m.customs...)
}

// Section writes a section: number, size, body.
func Section(id byte, body []byte) []byte {
	return append(append([]byte{id}, U32(uint32(len(body)))...), body...)
}

// Name writes a length and the bytes.
func Name(s string) []byte { return append(U32(uint32(len(s))), s...) }

// Limits writes the limits of a memory or table; max < 0 is none.
func Limits(min, max int64) []byte {
	if max < 0 {
		return append([]byte{0}, U32(uint32(min))...)
	}
	return append(append([]byte{1}, U32(uint32(min))...), U32(uint32(max))...)
}

// U32 writes an unsigned LEB128 number.
func U32(v uint32) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// S64 writes a signed LEB128 number.
func S64(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func vec(v []uint32) []byte {
	b := U32(uint32(len(v)))
	for _, x := range v {
		b = append(b, U32(x)...)
	}
	return b
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
