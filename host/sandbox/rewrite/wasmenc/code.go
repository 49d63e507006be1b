package wasmenc

// Opcodes without immediates that tests want by name; Op takes any other.
const (
	Unreachable = 0x00
	Nop         = 0x01
	End         = 0x0b
	Return      = 0x0f
	Drop        = 0x1a
	Select      = 0x1b
	I32Eqz      = 0x45
	I32Eq       = 0x46
	I32Ne       = 0x47
	I32LtS      = 0x48
	I32LtU      = 0x49
	I32Add      = 0x6a
	I32Sub      = 0x6b
	I32Mul      = 0x6c
	I32And      = 0x71
	I32GtU      = 0x4b
	I32LeU      = 0x4d
	I32ShrU     = 0x76
	I64LtS      = 0x53
	I64GtU      = 0x56
	I64Shl      = 0x86
	I64ShrU     = 0x88
	I32FromI64  = 0xa7
	I64FromU32  = 0xad
	I64Eqz      = 0x50
	I64Ne       = 0x52
	I64Add      = 0x7c
	I64Sub      = 0x7d
	I64Mul      = 0x7e
	F32Add      = 0x92
	F64Add      = 0xa0
	F64Mul      = 0xa2
)

// Op is an instruction without immediates, or raw bytes.
func Op(b ...byte) []byte { return b }

// Join puts code together.
func Join(code ...[]byte) []byte {
	var b []byte
	for _, c := range code {
		b = append(b, c...)
	}
	return b
}

// Block, Loop and If have a block type of one byte, Void or a value type.
func Block(typ byte, code ...[]byte) []byte { return block(0x02, typ, code) }

// Loop is a loop.
func Loop(typ byte, code ...[]byte) []byte { return block(0x03, typ, code) }

// If is an if without else.
func If(typ byte, code ...[]byte) []byte { return block(0x04, typ, code) }

// IfElse is an if with else.
func IfElse(typ byte, then, otherwise []byte) []byte {
	return block(0x04, typ, [][]byte{then, {0x05}, otherwise})
}

func block(op, typ byte, code [][]byte) []byte {
	return append(append([]byte{op, typ}, Join(code...)...), End)
}

// Br branches to the label that many blocks out.
func Br(label uint32) []byte { return imm(0x0c, U32(label)) }

// BrIf branches if the operand is not zero.
func BrIf(label uint32) []byte { return imm(0x0d, U32(label)) }

// BrTable branches to labels[i], or to otherwise.
func BrTable(otherwise uint32, labels ...uint32) []byte {
	return imm(0x0e, vec(labels), U32(otherwise))
}

// Call calls a function by index.
func Call(f uint32) []byte { return imm(0x10, U32(f)) }

// CallIndirect calls through a table.
func CallIndirect(typ, table uint32) []byte { return imm(0x11, U32(typ), U32(table)) }

// LocalGet, LocalSet and LocalTee access locals.
func LocalGet(i uint32) []byte { return imm(0x20, U32(i)) }

// LocalSet sets a local.
func LocalSet(i uint32) []byte { return imm(0x21, U32(i)) }

// LocalTee sets a local and leaves the value.
func LocalTee(i uint32) []byte { return imm(0x22, U32(i)) }

// GlobalGet reads a global.
func GlobalGet(i uint32) []byte { return imm(0x23, U32(i)) }

// GlobalSet writes a global.
func GlobalSet(i uint32) []byte { return imm(0x24, U32(i)) }

// Mem is a load or store by opcode (0x28 to 0x3e) with alignment 2^align.
func Mem(op byte, align, offset uint32) []byte { return imm(op, U32(align), U32(offset)) }

// I32Load and I32Store are the usual ones.
func I32Load(offset uint32) []byte { return Mem(0x28, 2, offset) }

// I32Store stores.
func I32Store(offset uint32) []byte { return Mem(0x36, 2, offset) }

// I32Const is a constant.
func I32Const(v int32) []byte { return imm(0x41, S64(int64(v))) }

// I64Const is a constant.
func I64Const(v int64) []byte { return imm(0x42, S64(v)) }

// MemorySize gives the number of pages.
func MemorySize() []byte { return []byte{0x3f, 0} }

// MemoryGrow grows memory by the operand's pages.
func MemoryGrow() []byte { return []byte{0x40, 0} }

// MemoryFill fills: address, value, length.
func MemoryFill() []byte { return []byte{0xfc, 11, 0} }

// MemoryCopy copies: to, from, length.
func MemoryCopy() []byte { return []byte{0xfc, 10, 0, 0} }

// MemoryInit copies from a data segment: to, from, length.
func MemoryInit(data uint32) []byte { return append(imm(0xfc, []byte{8}, U32(data)), 0) }

// TableGrow grows a table: reference, entries.
func TableGrow(table uint32) []byte { return imm(0xfc, []byte{15}, U32(table)) }

// TableFill fills a table: index, reference, entries.
func TableFill(table uint32) []byte { return imm(0xfc, []byte{17}, U32(table)) }

// TableSize gives the number of entries.
func TableSize(table uint32) []byte { return imm(0xfc, []byte{16}, U32(table)) }

// TableCopy copies entries between tables.
func TableCopy(to, from uint32) []byte { return imm(0xfc, []byte{14}, U32(to), U32(from)) }

// TableInit copies entries from an element segment.
func TableInit(table, elem uint32) []byte { return imm(0xfc, []byte{12}, U32(elem), U32(table)) }

// RefNull is the null reference of a type.
func RefNull(typ byte) []byte { return []byte{0xd0, typ} }

// RefFunc is the reference to a function.
func RefFunc(f uint32) []byte { return imm(0xd2, U32(f)) }

func imm(op byte, parts ...[]byte) []byte {
	return append([]byte{op}, Join(parts...)...)
}
