package doctor

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"rechost/guest/abi"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

const wasi = "wasi_snapshot_preview1"

// types of the host functions that attacks call by name, as
// "parameters>results" with i, I, f for i32, i64, f32.
var types = map[string]string{
	"rechost_host.yield": ">", "rechost_host.out_of_fuel": ">",
	"rechost.config_size": ">i", "rechost.config_read": "i>", "rechost.describe": "ii>", "rechost.plan": "ii>",
	"rechost.input_open": "ii>i", "rechost.input_info": "ii>", "rechost.input_read": "iIIi>",
	"rechost.output_write": "iiii>", "rechost.log": "iii>", "rechost.progress": "II>", "rechost.fail": "ii>",
	wasi + ".args_sizes_get": "ii>i", wasi + ".environ_sizes_get": "ii>i", wasi + ".environ_get": "ii>i",
	wasi + ".clock_time_get": "iIi>i", wasi + ".random_get": "ii>i", wasi + ".sched_yield": ">i", wasi + ".proc_exit": "i>",
	wasi + ".poll_oneoff": "iiii>i", wasi + ".fd_write": "iiii>i", wasi + ".fd_read": "iiii>i", wasi + ".fd_close": "i>i",
	wasi + ".fd_prestat_get": "ii>i", wasi + ".fd_renumber": "ii>i", wasi + ".fd_readdir": "iiiIi>i",
	wasi + ".fd_filestat_get": "ii>i", wasi + ".fd_fdstat_get": "ii>i", wasi + ".path_open": "iiiiiIIii>i",
	wasi + ".path_filestat_get": "iiiii>i", wasi + ".path_unlink_file": "iii>i",
}

// Names at fixed addresses of every guest's memory, and room.
const (
	atOut  = 16 // "out.y", the output
	atIn   = 32 // "in.x", the input
	atRoom = 4096
	outLen = 5
	inLen  = 4
)

// honestSum is what the honest stage of every guest writes.
const honestSum = 5050

// Stages of every guest.
const (
	stageAttack = 0
	stageHonest = 1
)

// guest is a module in parts; what is nil is as it should be. Its stage 0 is
// the attack, its stage 1 is honest.
type guest struct {
	imports []string // of types; "rechost.output_write" is there anyway
	pages   int64    // 1 when 0
	most    int64    // pages; none when 0
	params  int      // more parameters of attack, that run fills with zeros
	locals  []w.Local

	start, init, version, describe, plan, attack func(x names) []byte

	// foreign imports what types does not have; instead exports an import under
	// the name of a function that a module must have.
	foreign func(m *w.Module)
	instead map[string]string

	// more adds tables, globals, segments, functions before the last step.
	more func(m *w.Module, x names)
}

// names are the indices of a guest's parts.
type names struct {
	fn                 map[string]uint32
	none, number       uint32 // types: () -> (), () -> i32
	attack, last, next uint32 // functions: the attack itself, the last one, the first that more adds
}

// call calls an import.
func (x names) call(name string) []byte {
	i, ok := x.fn[name]
	if !ok {
		panic("doctor: the guest does not import " + name) // a mistake in an attack's own code
	}
	return w.Call(i)
}

func types8(s string) (b []byte) {
	for _, c := range s {
		b = append(b, map[rune]byte{'i': w.I32, 'I': w.I64, 'f': w.F32, 'F': w.F64}[c])
	}
	return b
}

// code is a body that does not depend on names.
func code(parts ...[]byte) func(names) []byte {
	b := w.Join(parts...)
	return func(names) []byte { return b }
}

func (g guest) bytes() []byte {
	var m w.Module
	x := names{fn: map[string]uint32{}, none: m.Type(nil, nil), number: m.Type(nil, []byte{w.I32})}
	unary := m.Type([]byte{w.I32}, []byte{w.I32})
	for _, name := range append([]string{"rechost.output_write"}, g.imports...) {
		if _, ok := x.fn[name]; ok {
			continue
		}
		in, out, ok := strings.Cut(types[name], ">")
		if !ok {
			panic("doctor: no type of " + name)
		}
		module, field, _ := strings.Cut(name, ".")
		x.fn[name] = m.ImportFunc(module, field, m.Type(types8(in), types8(out)))
	}
	if g.foreign != nil {
		g.foreign(&m)
	}
	m.Memory(max(g.pages, 1), orNone(g.most))
	m.ExportMemory()
	m.Data(atOut, []byte("out.y"))
	m.Data(atIn, []byte("in.x"))
	x.attack = m.NextFunc()
	x.last = x.attack + 5 // run
	x.next = x.last + 1
	for _, f := range []func(names) []byte{g.start, g.init} {
		if f != nil {
			x.next++
		}
	}
	or := func(f func(names) []byte, otherwise []byte) []byte {
		if f == nil {
			return otherwise
		}
		return f(x)
	}
	export := func(name string, f uint32) {
		if in, ok := g.instead[name]; ok {
			f = x.fn[in]
		}
		m.ExportFunc(name, f)
	}
	many := m.Type(slices.Repeat([]byte{w.I32}, g.params), []byte{w.I32})
	m.Func(many, g.locals, or(g.attack, w.I32Const(0)))
	honest := m.Func(x.number, []w.Local{{N: 2, Type: w.I32}}, honestCode(x))
	export(abi.ExportABI, m.Func(x.number, nil, or(g.version, w.I32Const(abi.Version))))
	export(abi.ExportDescribe, m.Func(x.number, nil, or(g.describe, w.I32Const(0))))
	export(abi.ExportPlan, m.Func(x.number, nil, or(g.plan, w.I32Const(0))))
	export(abi.ExportRun, m.Func(unary, nil,
		w.LocalGet(0), w.I32Const(stageHonest), w.Op(w.I32Eq),
		w.IfElse(w.I32, w.Call(honest), w.Join(w.Join(slices.Repeat([][]byte{w.I32Const(0)}, g.params)...), w.Call(x.attack)))))
	if g.start != nil {
		m.Start(m.Func(x.none, nil, g.start(x)))
	}
	if g.init != nil {
		export(abi.ExportInitialize, m.Func(x.none, nil, g.init(x)))
	}
	if g.more != nil {
		g.more(&m, x)
	}
	return m.Bytes()
}

func orNone(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// honestCode sums 1 to 100 and writes the sum.
func honestCode(x names) []byte {
	return w.Join(
		w.I32Const(100), w.LocalSet(0),
		w.Loop(w.Void,
			w.LocalGet(1), w.LocalGet(0), w.Op(w.I32Add), w.LocalSet(1),
			w.LocalGet(0), w.I32Const(1), w.Op(w.I32Sub), w.LocalTee(0), w.BrIf(0)),
		w.I32Const(0), w.LocalGet(1), w.I32Store(0),
		x.write(0, 4), w.I32Const(0))
}

// write writes n bytes at an address to the output.
func (x names) write(at, n int32) []byte {
	return w.Join(w.I32Const(atOut), w.I32Const(outLen), w.I32Const(at), w.I32Const(n), x.call("rechost.output_write"))
}

// keep stores the i32 that value gives at an address of the room.
func keep(slot int32, value []byte) []byte {
	return w.Join(w.I32Const(atRoom+4*slot), value, w.I32Store(0))
}

// words are the output's u32 elements.
func words(r reply) []uint32 {
	var v []uint32
	if len(r.data) == 1 {
		for b := r.data[0]; len(b) >= 4; b = b[4:] {
			v = append(v, binary.LittleEndian.Uint32(b))
		}
	}
	return v
}

// gave checks that the output is these numbers.
func gave(want ...uint32) func(reply) error {
	return func(r reply) error {
		if got := words(r); !slices.Equal(got, want) {
			return fmt.Errorf("wrote %v, not %v", got[:min(len(got), 20)], want)
		}
		return nil
	}
}

// zeros checks that the output is n zeros.
func zeros(n int) func(reply) error { return gave(make([]uint32, n)...) }

// trap ends a guest.
var trap = w.Op(w.Unreachable)

// dropped drops what the code leaves.
func dropped(parts ...[]byte) []byte { return append(w.Join(parts...), w.Drop) }

// forever repeats code without end; it leaves an i32 as far as types go.
func forever(parts ...[]byte) []byte {
	return w.Join(w.Loop(w.Void, w.Join(parts...), w.Br(0)), trap)
}

// times repeats code n times, with a local as its counter.
func times(local uint32, n int32, parts ...[]byte) []byte {
	return w.Join(w.I32Const(n), w.LocalSet(local),
		w.Loop(w.Void, w.Join(parts...), w.LocalGet(local), w.I32Const(1), w.Op(w.I32Sub), w.LocalTee(local), w.BrIf(0)))
}
