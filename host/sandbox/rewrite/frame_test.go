package rewrite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// Operands are counted right: in every module of the specification's tests that
// is valid, and in one of Go's compiler, each block ends with the operands that
// its type says.
func TestOperandsAddUp(t *testing.T) {
	modules := 0
	even := func(name string, wasm []byte) {
		if uneven(t, wasm) {
			t.Errorf("%s: blocks end with more or fewer operands than their types say", name)
		}
		modules++
	}
	for _, dir := range spectests(t) {
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, file := range files {
			for _, c := range readScript(t, file).Commands {
				if c.Type != "module" || !strings.HasSuffix(c.Filename, ".wasm") {
					continue
				}
				b, err := os.ReadFile(filepath.Join(dir, c.Filename))
				if err != nil {
					t.Fatal(err)
				}
				even(c.Filename, b)
			}
		}
	}
	if !testing.Short() {
		even("a Go module", goGuest(t))
	}
	t.Logf("%d modules", modules)
	if modules < 1000 {
		t.Errorf("%d modules", modules)
	}
}

// uneven reports whether some block ends with other operands than its type says.
func uneven(t *testing.T, wasm []byte) bool {
	t.Helper()
	m, err := decode(wasm, widest)
	if err != nil {
		t.Fatal(err)
	}
	var f frames
	for i := range m.bodies {
		f.of(m, i)
	}
	return f.uneven > 0
}

// MaxFrame is that of the largest function, whatever stands before it and in
// code that no way leads to.
func TestMaxFrame(t *testing.T) {
	one := []byte{w.I32}
	push := func(n int) []byte { return w.Join(bytes.Repeat(w.I32Const(1), n), bytes.Repeat(w.Op(w.Drop), n)) }
	for _, x := range []struct {
		name string
		make func(m *w.Module)
		want int
	}{
		{"nothing", func(m *w.Module) { m.Func(m.Type(nil, nil), nil) }, 0},
		{"a parameter and locals", func(m *w.Module) {
			m.Func(m.Type(one, nil), []w.Local{{N: 30, Type: w.I64}, {N: 5, Type: w.F32}})
		}, 36},
		{"operands", func(m *w.Module) {
			m.Func(m.Type(nil, nil), nil, push(7), push(50), push(3))
		}, 50},
		{"operands about blocks", func(m *w.Module) {
			m.Func(m.Type(nil, nil), nil, bytes.Repeat(w.I32Const(1), 10), w.Block(w.I32, push(20), w.I32Const(1)), w.IfElse(w.I32, push(5), w.Join(push(31), w.I32Const(2))), w.Op(w.Drop), bytes.Repeat(w.Op(w.Drop), 9))
		}, 9 + 1 + 31},
		{"dead code", func(m *w.Module) {
			m.Func(m.Type(nil, nil), nil, push(4), w.Block(w.Void, w.Br(0), push(100), w.Loop(w.Void, push(100))), push(6), w.Op(w.Return), push(200))
		}, 6},
		{"a call's results", func(m *w.Module) {
			f := m.Func(m.Type(nil, []byte{w.I32, w.I32, w.I32}), nil, w.I32Const(1), w.I32Const(1), w.I32Const(1))
			m.Func(m.Type(nil, nil), nil, w.Call(f), w.Call(f), bytes.Repeat(w.Op(w.Drop), 6))
		}, 6},
	} {
		var m w.Module
		x.make(&m)
		if got, err := MaxFrame(m.Bytes()); err != nil || got != x.want+addedOperands {
			t.Errorf("%s: %d words, %v, not %d", x.name, got, err, x.want+addedOperands)
		}
		m.Global(w.V128, false, w.Join(w.Op(0xfd, 12), make([]byte, 16)))
		if got, err := MaxFrame(m.Bytes()); err != nil || got != 2*(x.want+addedOperands) {
			t.Errorf("%s, in a module with vectors: %d words, %v, not %d", x.name, got, err, 2*(x.want+addedOperands))
		}
	}
	if _, err := MaxFrame([]byte("\x00asm")); err == nil {
		t.Error("no module has a frame")
	}
}
