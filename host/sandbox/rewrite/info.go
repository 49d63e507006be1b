package rewrite

import (
	"slices"
	"strings"
)

// Info describes a module.
type Info struct {
	Size      int    // bytes
	Name      string // from the name section, cleaned; often empty
	Types     int
	Imports   []Import
	Exports   []Export
	Functions int // defined, without imports
	Globals   int // defined, without imports
	Memory    *Limits
	Tables    []Table
	Start     bool // has a start function

	GrowsTables   bool // has an instruction that does
	ChangesTables bool // has an instruction that does, or that drops a segment

	CodeBytes    int // of the code section
	CodeStart    int // where the contents of the code section begin; Offsets count from there
	DataBytes    int // in data segments
	Data         int // data segments
	Elements     int // element segments
	Custom       []Section
	Producers    []Producer
	GoVersion    string // "go1.26.0", of a module that Go's own compiler made
	GoBuild      string // Go's module information, as `go version -m` prints it, cleaned
	GoBuildID    string // of the Go linker
	Instructions int

	LongestBody int // bytes of one function's body
	MaxLocals   int // locals of one function, parameters not counted
	MaxNesting  int // blocks within blocks
	MaxBlocks   int // blocks and conditional branches of one function
	MaxLoops    int // loops of one function
	MaxLabels   int // in the branch tables of one function
	MaxMerges   int // branches of a label squared, over the labels of one function
	MaxState    int // blocks times locals of one function
	MaxParams   int // parameters of one type
	MaxResults  int // results of one type
	LongestName int // bytes
}

// Kind is what is imported or exported.
type Kind byte

// The kinds, with the codes of the binary format.
const (
	Func Kind = iota
	TableKind
	MemoryKind
	GlobalKind
)

// ValType is the type of a value, with the code of the binary format.
type ValType byte

// The value types.
const (
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	V128      ValType = 0x7b
	FuncRef   ValType = 0x70
	ExternRef ValType = 0x6f
)

// FuncType is the signature of a function.
type FuncType struct {
	Params, Results []ValType
}

// Import is one import.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         FuncType // of a function
}

// Export is one export.
type Export struct {
	Name string
	Kind Kind
	Type FuncType // of a function
}

// Limits is the size of a memory, in pages of 64 KiB, or of a table, in
// entries.
type Limits struct {
	Min    uint32
	Max    uint32
	HasMax bool
}

// Table is one table, imported or defined.
type Table struct {
	Limits
	Elem     ValType // FuncRef or ExternRef
	Imported bool
}

// Section is one custom section.
type Section struct {
	Name string
	Size int
}

// Producer is one entry of the producers section, such as
// language, "Rust", "1.90.0".
type Producer struct {
	Field, Name, Version string
}

func (k Kind) String() string {
	switch k {
	case Func:
		return "function"
	case TableKind:
		return "table"
	case MemoryKind:
		return "memory"
	}
	return "global"
}

func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	}
	return "externref"
}

// String writes the signature as "(i32, i64) -> (f64)".
func (t FuncType) String() string {
	var b strings.Builder
	list := func(ts []ValType) {
		b.WriteByte('(')
		for i, t := range ts {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(t.String())
		}
		b.WriteByte(')')
	}
	list(t.Params)
	b.WriteString(" -> ")
	list(t.Results)
	return b.String()
}

// Is reports whether the type has exactly these parameters and results.
func (t FuncType) Is(params, results []ValType) bool {
	return slices.Equal(t.Params, params) && slices.Equal(t.Results, results)
}

// MarshalText writes the kind in words.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText writes the type as it is written in the text form.
func (t ValType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
