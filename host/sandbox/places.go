package sandbox

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"rechost/host/sandbox/rewrite"
)

// placedCode is the bytes of code up to which traps always name the
// instruction. What wazero keeps for it, a fifth of the compiled code, takes a
// process that loads the code 90 ms for each MiB of the module's.
const placedCode = 128 << 10

// place lets traps of a module that is ready to be compiled name the
// instruction. One that has debugging information which holds does it by itself.
func (m *Module) place(ready *rewrite.Module, wasm []byte, always bool) []byte {
	own := !ready.Changed && slices.ContainsFunc(m.info.Custom, func(s rewrite.Section) bool { return s.Name == ".debug_line" })
	if own || !always && m.info.CodeBytes > placedCode {
		return wasm
	}
	m.offsets = &ready.Offsets
	return placed(wasm, len(wasm))
}

// instruction finds the place of an instruction in the module's file from what
// a line of a trace says: "0x1f: …".
func (m *Module) instruction(line string) (at int, ok bool) {
	hex, _, _ := strings.Cut(strings.TrimSpace(line), ":")
	off, err := strconv.ParseUint(hex, 0, 32)
	if m.offsets == nil || err != nil {
		return 0, false
	}
	orig, ok := m.offsets.Original(off)
	return m.info.CodeStart + int(orig), ok
}

// placed appends debugging information to a module that says nothing but that
// its code, of so many bytes, is one source line. With it wazero writes the
// offset of each active instruction into the trace of a trap; what the line is
// called does not matter.
func placed(wasm []byte, code int) []byte {
	le := binary.LittleEndian
	custom := func(name string, body []byte) {
		n := binary.AppendUvarint(nil, uint64(len(name)))
		wasm = append(wasm, 0)
		wasm = binary.AppendUvarint(wasm, uint64(len(n)+len(name)+len(body)))
		wasm = append(append(append(wasm, n...), name...), body...)
	}
	sized := func(body []byte) []byte { return append(le.AppendUint32(nil, uint32(len(body))), body...) }
	const first = 1 // wazero takes 0 for an address that a linker made void

	// DWARF 4, sections 7.5 and 6.2: a unit with the statements at 0, from an
	// address to another; and one line from there on.
	custom(".debug_abbrev", []byte{
		1, 0x11, 0, // DW_TAG_compile_unit without children
		0x10, 0x17, // DW_AT_stmt_list, DW_FORM_sec_offset
		0x11, 0x01, // DW_AT_low_pc, DW_FORM_addr
		0x12, 0x01, // DW_AT_high_pc, DW_FORM_addr
		0, 0, 0,
	})
	unit := le.AppendUint32([]byte{4, 0}, 0) // version, abbreviations
	unit = le.AppendUint32(append(unit, 4, 1), 0)
	unit = le.AppendUint32(unit, first)
	unit = le.AppendUint32(unit, uint32(code)+1)
	custom(".debug_info", sized(unit))
	header := []byte{
		1, 1, 1, 0, 1, 10, // bytes of an instruction, operations, is_stmt, line base and range, opcodes
		0, 1, 1, 1, 1, 0, 0, 0, 1, // operands of the nine standard opcodes
		0,               // folders
		'c', 0, 0, 0, 0, // one file
		0,
	}
	program := le.AppendUint32([]byte{0, 5, 2}, first) // DW_LNE_set_address
	program = append(program, 1)                       // DW_LNS_copy
	program = le.AppendUint32(append(program, 0, 5, 2), uint32(code)+1)
	program = append(program, 0, 1, 1) // DW_LNE_end_sequence
	table := append([]byte{4, 0}, sized(header)...)
	custom(".debug_line", sized(append(table, program...)))
	return wasm
}
