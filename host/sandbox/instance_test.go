package sandbox

import (
	"bytes"
	"context"
	"testing"

	"rechost/guest/abi"
	"rechost/host/array"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// soiling is a guest whose tasks write down all that they find (memory and its
// size, globals, clock, random bytes, an input over its memory) and then leave
// something else everywhere.
func soiling(g guest) guest {
	const pages, found = 3, 4096 // what a task finds is written at found
	var clock, random, out, open, read, i32g, i64g, f32g, f64g uint32
	imports := g.imports
	g.imports = func(m *w.Module, t guestTypes) {
		clock = m.ImportFunc(wasiModule, "clock_time_get", m.Type([]byte{w.I32, w.I64, w.I32}, []byte{w.I32}))
		random = m.ImportFunc(wasiModule, "random_get", m.Type([]byte{w.I32, w.I32}, []byte{w.I32}))
		out = m.ImportFunc("rechost", "output_write", m.Type([]byte{w.I32, w.I32, w.I32, w.I32}, nil))
		open = m.ImportFunc("rechost", "input_open", m.Type([]byte{w.I32, w.I32}, []byte{w.I32}))
		read = m.ImportFunc("rechost", "input_read", m.Type([]byte{w.I32, w.I64, w.I64, w.I32}, nil))
		m.Data(0, []byte("out.y"))
		m.Data(8, []byte("in.x"))
		m.Data(3*65536-5, []byte("hello"))
		i32g, i64g = m.Global(w.I32, true, w.I32Const(-7)), m.Global(w.I64, true, w.I64Const(1<<40))
		f32g = m.Global(w.F32, true, []byte{0x43, 0, 0, 0xc0, 0x7f}) // a NaN: bits must stay
		f64g = m.Global(w.F64, true, []byte{0x44, 1, 2, 3, 4, 5, 6, 0xf8, 0x7f})
		if imports != nil {
			imports(m, t)
		}
	}
	g.pages, g.maxPages = pages, 400
	store64 := func(at int32, value []byte) []byte { return w.Join(w.I32Const(at), value, w.Mem(0x37, 3, 0)) }
	drop := w.Op(w.Drop)
	soil := func() []byte {
		write := w.Join(w.I32Const(0), w.I32Const(5))
		return w.Join(
			store64(found, w.Join(w.MemorySize(), w.Op(w.I64FromU32))),
			store64(found+8, w.Join(w.GlobalGet(i32g), w.Op(w.I64FromU32))),
			store64(found+16, w.GlobalGet(i64g)),
			w.I32Const(found+24), w.GlobalGet(f32g), w.Mem(0x38, 2, 0),
			w.I32Const(found+32), w.GlobalGet(f64g), w.Mem(0x39, 3, 0),
			w.I32Const(1), w.I64Const(0), w.I32Const(found+40), w.Call(clock), drop,
			w.I32Const(found+48), w.I32Const(16), w.Call(random), drop,
			write, w.I32Const(0), w.I32Const(pages<<16), w.Call(out), // all of memory
			// Soil: globals, two more pages and what lies in them, all of memory, a
			// file over pages of both.
			w.I32Const(99), w.GlobalSet(i32g), w.I64Const(99), w.GlobalSet(i64g),
			[]byte{0x43, 1, 1, 1, 1}, w.GlobalSet(f32g), []byte{0x44, 1, 1, 1, 1, 1, 1, 1, 1}, w.GlobalSet(f64g),
			w.I32Const(300), w.MemoryGrow(), drop,
			write, w.I32Const(pages<<16), w.I32Const(65536), w.Call(out), // a new page
			w.I32Const(16), w.I32Const(85), w.I32Const((pages+300)<<16-16), w.MemoryFill(),
			w.I32Const(8), w.I32Const(4), w.Call(open), w.I64Const(0), w.I64Const(200_000), w.I32Const(65536+128), w.Call(read),
			w.I32Const(0),
		)
	}
	extra := g.extra
	g.extra = func(m *w.Module, t guestTypes) {
		m.ExportFunc(abi.ExportRun, m.Func(t.unary, nil, soil()))
		if extra != nil {
			extra(m, t)
		}
	}
	g.withoutRun = true
	return g
}

// However often a module is called, a task finds what the first one found, and
// what it finds in a module whose instances are never put back.
func TestInstancesBeginAlike(t *testing.T) {
	const bytesOut = 4 << 16
	in := numInput(t, "in.x", make([]byte, 200_000))
	touch := func(m *w.Module, _ guestTypes) { // an instruction that changes a table, which no call reaches
		m.Table(w.FuncRef, 1, 1)
		m.Func(m.Type(nil, nil), nil, w.I32Const(0), w.RefNull(w.FuncRef), w.Op(0x26, 0))
	}
	resume := func(m *w.Module, t guestTypes) { m.ExportFunc(abi.ExportResume, m.Func(t.none, nil)) }
	// What _initialize draws lies where tasks write it out.
	draw := func(random uint32) []byte {
		return w.Join(w.I32Const(512), w.I32Const(8), w.Call(random), w.Op(w.Drop))
	}
	both := func(f ...func(*w.Module, guestTypes)) func(*w.Module, guestTypes) {
		return func(m *w.Module, t guestTypes) {
			for _, f := range f {
				f(m, t)
			}
		}
	}
	for _, x := range []struct {
		name     string
		g        guest
		restored bool
	}{
		{"plain", guest{}, true},
		{"initialised", guest{init: w.Join(w.I32Const(2000), w.I32Const(11), w.I32Store(0), w.I32Const(2), w.MemoryGrow(), w.Op(w.Drop))}, true},
		{"started", guest{start: w.Join(w.I32Const(2000), w.I32Const(12), w.I32Store(0))}, true},
		{"changes tables", guest{extra: touch}, false},
		{"draws at the start", guest{init: draw(1)}, false},
		{"draws at the start, resumes", guest{init: draw(1), extra: resume}, true},
		{"draws at the start, resumes, changes tables", guest{init: draw(1), extra: both(resume, touch)}, false},
		{"asks at the start", guest{init: w.Join(w.I32Const(8), w.I32Const(4), w.Call(3), w.Op(w.Drop))}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, o := range []Options{{}, {Lingers: true}, {Cooperative: true}, {Interpreter: true}, {Cooperative: true, Limits: Limits{Fuel: 1 << 30}}} {
				fuel := o.Limits.Fuel
				o.Name, o.Limits = "g.wasm", testLimits
				o.Limits.Fuel = fuel
				m, err := Load(context.Background(), soiling(x.g).bytes(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				run := func(seed byte) (string, Stats) {
					r, err := m.Run(context.Background(), Call{
						Config: []byte("{}"), Seed: [32]byte{seed},
						Inputs:  []Input{in},
						Outputs: []Output{{Name: "out.y", DType: array.U8, Rows: bytesOut}},
					})
					if err != nil {
						t.Fatal(err)
					}
					if o.Lingers && len(m.idle) > 0 {
						t.Error("an instance is idle before it was put back")
					}
					m.Settle()
					return string(r.Data[0]), r.Stats
				}
				first, stats := run(1)
				for range 3 {
					again, s := run(1)
					if again != first {
						i := 0
						for again[i] == first[i] {
							i++
						}
						t.Fatalf("%+v: a later task finds %d at %d, the first found %d", o, again[i], i, first[i])
					}
					if s.Fuel != stats.Fuel || s.Calls != stats.Calls || s.Memory != stats.Memory || fuel > 0 && s.Fuel == 0 {
						t.Errorf("%+v: a later task took %+v, the first %+v", o, s, stats)
					}
				}
				if other, _ := run(2); other == first {
					t.Errorf("%+v: another seed changes nothing", o)
				}
				if got := len(m.idle) > 0; got != x.restored {
					t.Errorf("%+v: restored %v, want %v", o, got, x.restored)
				}
				if x.restored && !bytes.Equal(m.idle[0].mem.bytes, m.initial.memory.bytes) {
					t.Error("an idle instance is not as it begins")
				}
			}
		})
	}
}

// A task that leaves its memory as large as it may be, or that began with none,
// ends well and costs the next one nothing.
func TestMemoryAtItsMaximum(t *testing.T) {
	for _, x := range []struct{ pages, most int64 }{
		{1, 1}, {1, 2}, {1, 10}, {1, int64(keep / wasmPage)}, {1, int64(keep/wasmPage + 1)}, {3, 1000}, {0, 5}, {0, 0},
	} {
		// Stage 0 grows as far as it can and writes to its last byte; stage 1 finds
		// what it began with.
		last := w.Join(w.MemorySize(), w.I32Const(16), w.Op(0x74), w.I32Const(1), w.Op(w.I32Sub))
		grow := w.Join(w.I32Const(int32(x.most-x.pages)), w.MemoryGrow(), w.Op(w.Drop), last, w.I32Const(77), w.Mem(0x3a, 0, 0))
		if x.most == 0 {
			grow = nil
		}
		g := guest{run: w.Join(w.LocalGet(0), w.IfElse(w.I32,
			w.Join(w.MemorySize(), w.I32Const(int32(x.pages)), w.Op(0x47)), w.Join(grow, w.I32Const(0))))}
		g.pages, g.maxPages = x.pages, x.most
		g.none = x.pages == 0
		for _, o := range []Options{{}, {Cooperative: true}, {Interpreter: true}} {
			o.Name, o.Limits = "g.wasm", testLimits
			m, err := Load(context.Background(), g.bytes(), o)
			if err != nil {
				t.Fatal(err)
			}
			for i, stage := range []int{1, 0, 1, 0, 0, 1, 1} {
				if _, err := m.Run(context.Background(), Call{Index: stage, Config: []byte("{}")}); err != nil {
					t.Fatalf("%d to %d pages, %+v: call %d, of stage %d: %v", x.pages, x.most, o, i, stage, err)
				}
			}
			m.Close()
		}
	}
}

// A memory that could not be put back is given to nobody.
func TestTornInstancesAreClosed(t *testing.T) {
	m, err := Load(context.Background(), guest{}.bytes(), Options{Name: "g.wasm", Limits: testLimits})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	run := func() {
		t.Helper()
		if _, err := m.Run(context.Background(), Call{Config: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	run()
	x := m.idle[0]
	if x.mem.space == nil {
		t.Skip("memory is not reserved here")
	}
	m.idle = nil
	x.mem.mapped = []span{{1, wasmPage}} // no page begins there, so it cannot be blanked
	m.give(x)
	if len(m.idle) > 0 || len(m.free) > 0 || x.mem.space != nil {
		t.Errorf("%d instances and %d memories are kept, address space released: %v", len(m.idle), len(m.free), x.mem.space == nil)
	}
	run()
}

// An instance in which a task failed serves no other.
func TestFailedInstancesAreNotKept(t *testing.T) {
	for name, run := range map[string][]byte{
		"trap":   w.Join(w.Op(w.Unreachable)),
		"result": w.I32Const(1),
		"memory": w.Join(w.I32Const(60000), w.MemoryGrow(), w.Op(w.Drop), w.I32Const(0)),
	} {
		m, err := Load(context.Background(), guest{run: run}.bytes(), Options{Name: "g.wasm", Limits: testLimits, Cooperative: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for range 2 {
			if _, err := m.Run(context.Background(), Call{Config: []byte("{}")}); err == nil {
				t.Errorf("%s: no error", name)
			}
			if len(m.idle) > 0 || len(m.free) != 1 {
				t.Errorf("%s: %d instances and %d memories are kept", name, len(m.idle), len(m.free))
			}
		}
	}
}
