package rewrite

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// opcodes returns where each instruction stands in the code section's
// contents, and what it is.
func opcodes(t *testing.T, wasm []byte) (map[uint64]string, int) {
	t.Helper()
	m, err := decode(wasm, widest)
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint64]string{}
	var k walker
	for i, b := range m.bodies {
		r := reader{b: wasm, pos: int(b.at), end: int(b.end)}
		k.open(m, i, &r)
		var ins instruction
		for k.next(&ins) {
			// A call's index moves; everything else is as it was.
			text := string(wasm[ins.at:ins.end])
			if ins.op == opCall || ins.op == 0xd2 {
				text = text[:1]
			}
			all[uint64(ins.at-m.info.CodeStart)] = text
		}
	}
	return all, len(m.bodies)
}

// Every instruction of the original is found again, and every instruction of
// the rewritten module leads back to one of the original.
func TestOffsets(t *testing.T) {
	files := map[string][]byte{"bulk": code(w.I32Const(0), w.I32Const(0), w.I32Const(1), w.MemoryFill(), w.Loop(w.Void, w.I32Const(0), w.BrIf(0)),
		w.I32Const(1), w.MemoryGrow(), w.Op(w.Drop), w.Call(0))}
	for _, dir := range spectests(t) {
		for _, pattern := range []string{"br_table.*", "memory_copy.1*", "loop.*", "if.*", "call_indirect.*", "linking.*", "elem.1*", "simd_lane.*", "table_init.*", "float_exprs.*"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern+".wasm"))
			for _, f := range found {
				if b, err := os.ReadFile(f); err == nil {
					files[f] = b
				}
			}
		}
	}
	n := 0
	for name, b := range files {
		if _, err := Inspect(b); err != nil {
			continue
		}
		before, bodies := opcodes(t, b)
		for _, o := range []Options{{Yield: true}, {Fuel: true}, {Yield: true, Fuel: true, State: true}, {State: true}, {}} {
			m, err := Rewrite(b, o)
			if err != nil {
				t.Fatal(name, err)
			}
			again := withoutAdded(m.Wasm)
			after, bodies2 := opcodes(t, again)
			seen := map[uint64]bool{}
			for off, op := range after {
				orig, ok := m.Offsets.Original(off)
				if !ok {
					continue // in an added function
				}
				was, ok := before[orig]
				if !ok {
					t.Fatalf("%s: offset %d leads to %d, where nothing begins", name, off, orig)
				}
				if was == op || was[0] == opMisc && op[0] == opCall { // or done by a call
					seen[orig] = true
				}
			}
			for off := range before {
				if !seen[off] {
					t.Fatalf("%s %+v: instruction %x at %d is not found again", name, o, before[off], off)
				}
			}
			if !m.Changed && (bodies != bodies2 || len(before) != len(after)) {
				t.Errorf("%s: changed without being asked", name)
			}
			n += len(before)
		}
	}
	t.Logf("%d instructions in %d modules", n, len(files))
}

// Without counters the code is copied byte for byte, and debugging sections
// stay when asked for.
func TestUnchanged(t *testing.T) {
	var m w.Module
	v := m.Type(nil, nil)
	m.Global(w.I32, true, w.I32Const(0))
	m.ExportFunc("f", m.Func(v, nil, body(100)))
	m.Custom(".debug_line", []byte("lines"))
	m.Custom("note", []byte("secret"))
	out, err := Rewrite(m.Bytes(), Options{DWARF: true})
	if err != nil {
		t.Fatal(err)
	}
	if out.Changed || !bytes.Contains(out.Wasm, body(100)) || !bytes.Contains(out.Wasm, []byte("lines")) || bytes.Contains(out.Wasm, []byte("secret")) {
		t.Errorf("changed %v: %q", out.Changed, out.Wasm)
	}
	if off, ok := out.Offsets.Original(17); off != 17 || !ok {
		t.Errorf("offset 17 leads to %d, %v", off, ok)
	}
	for _, o := range []Options{{}, {DWARF: true, Fuel: true}} {
		out, _ := Rewrite(m.Bytes(), o)
		if bytes.Contains(out.Wasm, []byte("lines")) {
			t.Errorf("%+v keeps lines that no longer hold", o)
		}
	}
	if off, ok := (Offsets{}).Original(5); off != 5 || !ok {
		t.Error("the zero map is not the identity")
	}
}
