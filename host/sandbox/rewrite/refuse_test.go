package rewrite

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"rechost/host/fault"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// sections is a module of raw sections.
func sections(s ...[]byte) []byte { return append([]byte(w.Magic), w.Join(s...)...) }

// code is a module with one memory, one table, one global, one function of
// type () -> () with a parameterless body.
func code(body ...[]byte) []byte {
	var m w.Module
	m.Func(m.Type(nil, nil), nil, body...)
	m.Memory(1, 2)
	m.Table(w.FuncRef, 1, 1)
	m.Global(w.I32, true, w.I32Const(0))
	return m.Bytes()
}

func TestRefused(t *testing.T) {
	one := func(id byte, body ...[]byte) []byte { return w.Section(id, w.Join(body...)) }
	types := one(w.SecType, w.Op(1, 0x60, 0, 0))
	for _, c := range []struct {
		name, want string
		wasm       []byte
	}{
		// not modules
		{"empty", "does not start with", nil},
		{"text", "text form", []byte("(module)")},
		{"elf", "does not start with", []byte("\x7fELF\x02\x01\x01\x00")},
		{"component", "component: only core modules", []byte("\x00asm\x0d\x00\x01\x00")},
		{"version", "version 2", []byte("\x00asm\x02\x00\x00\x00")},

		// features
		{"shared memory", "threads", sections(one(w.SecMemory, w.Op(1, 3, 1, 1)))},
		{"atomics", "threads", code(w.Op(0xfe, 0x03, 0))},
		{"return_call", "tail calls", code(w.Op(0x12, 0))},
		{"return_call_indirect", "tail calls", code(w.Op(0x13, 0, 0))},
		{"tag section", "exception handling", sections(one(13, w.Op(0)))},
		{"try", "exception handling", code(w.Op(0x06, 0x40))},
		{"try_table", "exception handling", code(w.Op(0x1f, 0x40, 0))},
		{"exnref", "exception handling", sections(one(w.SecType, w.Op(1, 0x60, 1, 0x69, 0)))},
		{"two memories", "more than one memory", sections(one(w.SecMemory, w.Op(2, 0, 1, 0, 1)))},
		{"memory index", "more than one memory", code(w.MemorySize()[:1], w.Op(1))},
		{"memarg index", "more than one memory", code(w.I32Const(0), w.Op(0x28, 0x42, 0, 0))},
		{"memory64", "64-bit memory", sections(one(w.SecMemory, w.Op(1, 4, 1)))},
		{"page size", "custom page sizes", sections(one(w.SecMemory, w.Op(1, 8, 1, 0)))},
		{"relaxed", "relaxed SIMD", code(w.Op(0xfd, 0x80, 0x02))},
		{"struct type", "garbage collection", sections(one(w.SecType, w.Op(1, 0x5f, 0, 0)))},
		{"typed reference", "garbage collection", sections(one(w.SecType, w.Op(1, 0x60, 1, 0x64, 0x70, 0)))},
		{"call_ref", "garbage collection", code(w.Op(0x14, 0))},
		{"extended constant", "extended constant", sections(one(w.SecGlobal, w.Op(1, w.I32, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b)))},

		// malformed
		{"section cut", "a section of 9 bytes in 1", sections(w.Op(1, 9, 0))},
		{"section doubled", "out of order or twice", sections(types, types)},
		{"section order", "out of order", sections(one(w.SecMemory, w.Op(1, 0, 1)), one(w.SecType, w.Op(0)))},
		{"section number", "unknown section 14", sections(one(14, w.Op(0)))},
		{"bytes left", "too many in the type section", sections(one(w.SecType, w.Op(0, 0)))},
		{"trailing bytes", "unexpected end", append(code(), 0)},
		{"count", "announced in", sections(one(w.SecType, w.U32(1<<31)))},
		{"leb too long", "longer than 32 bits", sections(w.Op(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0))},
		{"leb too large", "longer than 32 bits", sections(w.Op(1, 0xff, 0xff, 0xff, 0xff, 0x1f))},
		{"signed leb too large", "longer than 32 bits", code(w.Op(0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a))},
		{"name not UTF-8", "not UTF-8", sections(one(w.SecCustom, w.Op(1, 0xff)))},
		{"function without code", "1 functions declared and 0", sections(types, one(w.SecFunction, w.Op(1, 0)))},
		{"code without function", "0 functions declared and 1", sections(one(w.SecCode, w.Op(1, 2, 0, 0x0b)))},
		{"no end", "unexpected end", sections(types, one(w.SecFunction, w.Op(1, 0)), one(w.SecCode, w.Op(1, 2, 0, 1)))},
		{"code after end", "too many in the function", sections(types, one(w.SecFunction, w.Op(1, 0)), one(w.SecCode, w.Op(1, 4, 0, 0x0b, 1, 0x0b)))},
		{"else", "else without if", code(w.Op(0x05))},
		{"second else", "else without if", code(w.I32Const(0), w.Op(0x04, 0x40, 0x05, 0x05, 0x0b))},
		{"unknown opcode", "unknown instruction 0x27", code(w.Op(0x27))},
		{"unknown simd", "unknown instruction 0xfd 0x9a", code(w.Op(0xfd, 0x9a, 0x01))},
		{"unknown misc", "unknown instruction 0xfc 0x12", code(w.Op(0xfc, 18, 0))},
		{"lane", "lane 16 of 16", code(w.Op(0xfd, 21, 16))},
		{"data count", "2 data segments announced and 0", sections(one(w.SecDataCount, w.Op(2)))},
		{"no data count", "without a data count", code(w.Op(0xfc, 9, 0))},
		{"two exports", "two exports named", sections(one(w.SecMemory, w.Op(1, 0, 1)), one(w.SecExport, w.Op(2, 1, 'm', 2, 0, 1, 'm', 2, 0)))},

		// indices of things that the module does not have but the rewriter adds
		{"counter", "global 1 of 1", code(w.I32Const(0), w.GlobalSet(1))},
		{"fuel", "global 2 of 1", code(w.GlobalGet(2), w.Op(w.Drop))},
		{"added function", "function 1 of 1", code(w.Call(1))},
		{"added import by reference", "function 1 of 1", code(w.RefFunc(1), w.Op(w.Drop))},
		{"added type", "type 1 of 1", code(w.I32Const(0), w.CallIndirect(1, 0))},
		{"added type of a block", "type 1 of 1", code(w.Op(0x02, 1, 0x0b))},
		{"global in a constant", "global 0 of 0", sections(one(w.SecGlobal, w.Op(2, w.I32, 1, 0x41, 0, 0x0b, w.I32, 0, 0x23, 0, 0x0b)))},
		{"table", "table 1 of 1", code(w.TableSize(1), w.Op(w.Drop))},
		{"local", "local 0 of 0", code(w.LocalGet(0), w.Op(w.Drop))},
		{"label", "label 1 of 1", code(w.Br(1))},
		{"reserved export", "names that begin with rechost:", sections(one(w.SecMemory, w.Op(1, 0, 1)), one(w.SecExport, w.Op(1), w.Name("rechost:fuel"), w.Op(2, 0)))},
		{"reserved import", "only the host may use", sections(types, one(w.SecImport, w.Op(1), w.Name(HostModule), w.Name(FnYield), w.Op(0, 0)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Inspect(c.wasm)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v; want … %s …", err, c.want)
			}
			if fault.CodeOf(err) != fault.Module {
				t.Errorf("exit code %d", fault.CodeOf(err))
			}
			if _, err2 := Rewrite(c.wasm, Options{Yield: true, Fuel: true}); fmt.Sprint(err2) != err.Error() {
				t.Errorf("Rewrite says %v", err2)
			}
		})
	}
	if _, err := Inspect(code(w.Op(w.Nop))); err != nil {
		t.Errorf("what the others are made of: %v", err)
	}
}

func TestCaps(t *testing.T) {
	module := func(build func(m *w.Module)) []byte {
		var m w.Module
		build(&m)
		return m.Bytes()
	}
	for _, c := range []struct {
		want string
		caps Caps
		wasm []byte
	}{
		{"bytes: at most 10", Caps{Size: 10}, code()},
		{"2 functions: at most 1", Caps{Functions: 1}, module(func(m *w.Module) {
			m.Type(nil, nil)
			m.Func(0, nil)
			m.Func(0, nil)
		})},
		{"has 102 bytes: at most 100", Caps{Body: 100}, code(make([]byte, 100))},
		{"2097154 bytes: at most 2097152", Caps{}, code(make([]byte, 2<<20))},
		{"10001 locals: at most 10000", Caps{}, module(func(m *w.Module) { m.Func(m.Type(nil, nil), []w.Local{{N: 6001, Type: w.F64}, {N: 4000, Type: w.I32}}) })},
		{"4294967295 locals", Caps{}, module(func(m *w.Module) { m.Func(m.Type(nil, nil), []w.Local{{N: 1<<32 - 1, Type: w.F64}}) })},
		{"8193 deep: at most 8192", Caps{}, code(nested(8193))},
		{"40001 blocks and branches: at most 40000", Caps{}, code(bytes.Repeat(w.Block(w.Void), 40_000))},
		{"5001 loops: at most 5000", Caps{}, code(bytes.Repeat(w.Loop(w.Void), 5001))},
		{"80002 labels in branch tables: at most 65536", Caps{}, code(w.I32Const(0), w.BrTable(0, make([]uint32, 40_000)...), w.I32Const(0), w.BrTable(0, make([]uint32, 40_000)...))},
		{"64016001 ways to bring together", Caps{}, code(w.Block(w.Void, bytes.Repeat(w.Join(w.I32Const(0), w.BrIf(0)), 8001)))},
		{"12006000 values to follow", Caps{}, module(func(m *w.Module) {
			m.Func(m.Type(nil, nil), []w.Local{{N: 6000, Type: w.I32}}, bytes.Repeat(w.Block(w.Void), 2000))
		})},
		{"400 parameters of one function: at most 256", Caps{}, module(func(m *w.Module) { m.Type(make32(400), nil) })},
		{"65 results of one function: at most 64", Caps{}, module(func(m *w.Module) { m.Type(nil, make32(65)) })},
		{"10001 types", Caps{}, module(func(m *w.Module) { repeat(10_001, func() { m.Type(nil, nil) }) })},
		{"1001 imports", Caps{}, module(func(m *w.Module) {
			m.Type(nil, nil)
			repeat(1001, func() { m.ImportFunc("m", "f", 0) })
		})},
		{"10001 exports", Caps{}, module(func(m *w.Module) {
			m.Memory(1, -1)
			i := 0
			repeat(10_001, func() { m.Export(fmt.Sprint(i), w.KindMemory, 0); i++ })
		})},
		{"10001 globals", Caps{}, module(func(m *w.Module) { repeat(10_001, func() { m.Global(w.I32, true, w.I32Const(0)) }) })},
		{"5 tables: at most 4", Caps{}, module(func(m *w.Module) { repeat(5, func() { m.Table(w.FuncRef, 0, -1) }) })},
		{"table starts with 134217728 entries: at most 1000000", Caps{}, module(func(m *w.Module) { m.Table(w.FuncRef, 1<<27, -1) })},
		{"memory starts with 65536 pages: at most 65535", Caps{}, module(func(m *w.Module) { m.Memory(65_536, -1) })},
		{"100001 data segments", Caps{}, module(func(m *w.Module) { m.Memory(1, -1); repeat(100_001, func() { m.Data(0, nil) }) })},
		{"10001 element segments", Caps{}, module(func(m *w.Module) { repeat(10_001, func() { m.PassiveElem() }) })},
		{"11 entries in element segments: at most 10", Caps{Entries: 10}, module(func(m *w.Module) {
			m.Func(m.Type(nil, nil), nil)
			m.PassiveElem(make([]uint32, 11)...)
		})},
		{"101 custom sections", Caps{}, module(func(m *w.Module) { repeat(101, func() { m.Custom("", nil) }) })},
		{"65537 bytes in one name", Caps{}, module(func(m *w.Module) { m.Custom(strings.Repeat("a", 65_537), nil) })},
		{"imports memory env.memory: only functions", Caps{}, module(func(m *w.Module) { m.ImportMemory("env", "memory", 1, -1) })},
		{"imports table env.t: only functions", Caps{}, module(func(m *w.Module) { m.ImportTable("env", "t", w.FuncRef, 1, -1) })},
		{"imports global env.g: only functions", Caps{}, module(func(m *w.Module) { m.ImportGlobal("env", "g", w.I32, false) })},
	} {
		_, err := Check(c.wasm, c.caps)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.CodeOf(err) != fault.Module {
			t.Errorf("got %v; want … %s …", err, c.want)
		}
	}
	for _, body := range [][]byte{nested(8192), bytes.Repeat(w.Block(w.Void), 39_999),
		w.Block(w.Void, bytes.Repeat(w.Join(w.I32Const(0), w.BrIf(0)), 8000)),
		// A table of many labels is one branch.
		w.Join(w.I32Const(0), w.BrTable(0, make([]uint32, 65_535)...))} {
		if _, err := Check(code(body), Caps{}); err != nil {
			t.Errorf("at the cap: %v", err)
		}
	}
}

func nested(n int) []byte {
	var open, end []byte
	repeat(n, func() { open = append(open, 0x02, 0x40); end = append(end, w.End) })
	return append(open, end...)
}

func make32(n int) (ts []byte) {
	repeat(n, func() { ts = append(ts, w.I32) })
	return ts
}

func repeat(n int, f func()) {
	for i := 0; i < n; i++ {
		f()
	}
}

// A name section that announces more than it has would make wazero set aside
// 24 bytes for each of 4 billion names; it never gets there.
func TestHostileNames(t *testing.T) {
	var m w.Module
	v := m.Type(nil, nil)
	m.ExportFunc("f", m.Func(v, nil))
	for _, body := range [][]byte{
		w.Section(1, w.U32(1<<32-1)),
		w.Section(1, w.Join(w.U32(2), w.U32(0), w.Name("a"), w.U32(0), w.Name("b"))),
		w.Section(1, w.Join(w.U32(1), w.U32(7), w.Name("beyond"))),
		w.Section(2, w.Join(w.U32(1), w.U32(0), w.U32(1<<32-1))),
		w.Op(1, 200, 3),
		w.Section(0, w.U32(99)),
	} {
		m2 := m
		m2.Custom("name", body)
		m2.Custom("name", body)
		for _, o := range []Options{{}, {Yield: true}} {
			out, err := Rewrite(m2.Bytes(), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Wasm) > 500 || strings.Contains(string(out.Wasm), string(w.U32(1<<32-1))) {
				t.Errorf("hostile names %x came through: %q", body, out.Wasm)
			}
			if _, err := Inspect(withoutAdded(out.Wasm)); err != nil {
				t.Error(err)
			}
		}
	}
}

// What is nothing but loops is not blown up to many times its size.
func TestGrowthIsBounded(t *testing.T) {
	var m w.Module
	v := m.Type(nil, nil)
	loops := bytes.Repeat(w.Loop(w.Void), 4500)
	repeat(40, func() { m.Func(v, nil, loops) })
	wasm := m.Bytes()
	if _, err := Check(wasm, Caps{}); err != nil {
		t.Fatal(err)
	}
	_, err := Rewrite(wasm, Options{Yield: true, Fuel: true})
	if err == nil || !strings.Contains(err.Error(), "nothing but small blocks") || fault.CodeOf(err) != fault.Module {
		t.Errorf("got %v", err)
	}
	if m, err := Rewrite(wasm, Options{}); err != nil || len(m.Wasm) > len(wasm) {
		t.Errorf("without counters: %v", err)
	}
}
