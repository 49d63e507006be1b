package doctor

import (
	"rechost/guest/abi"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// confusedImports ask for what there is not, or for what there is as something
// else.
func confusedImports() []attack {
	a := func(name string, want want, gs ...guest) attack {
		x := attack{kind: confusion, name: name, want: want}
		for _, g := range gs {
			x.modules = append(x.modules, g.bytes)
		}
		return x
	}
	function := func(module, name string, in, out string) guest {
		return guest{foreign: func(m *w.Module) { m.ImportFunc(module, name, m.Type(types8(in), types8(out))) }}
	}
	foreign := func(f func(m *w.Module)) guest { return guest{foreign: f} }
	wrong := attack{kind: confusion, name: "every host function with another type", want: mustRefuse("imports", ": it is (")}
	missing := attack{kind: confusion, name: "every host function from another module", want: mustRefuse("which modules are not given")}
	for _, f := range hostFunctions() {
		wrong.modules = append(wrong.modules, foreign(func(m *w.Module) {
			m.ImportFunc(f.Module, f.Name, m.Type(append([]byte{w.F64}, f.Params...), f.Results))
		}).bytes)
		missing.modules = append(missing.modules, foreign(func(m *w.Module) {
			m.ImportFunc("env", f.Name, m.Type(f.Params, f.Results))
		}).bytes)
	}
	missing.modules = missing.modules[:10]
	return []attack{
		wrong,
		missing,
		a("functions that there are not", mustRefuse("which modules are not given"), function("env", "memcpy", "iii", "i"), function("env", "system", "i", "i"),
			function("rechost", "open", "ii", "i"), function("rechost", "", "", ""), function("", "", "", ""), function("rechost_num", "exec", "", ""),
			function("wasi_unstable", "fd_write", "iiii", "i"), function("wasi:filesystem/types@0.2.0", "open-at", "iiii", "i")),
		a("sockets", mustRefuse("imports wasi_snapshot_preview1.sock_"), function(wasi, "sock_accept", "iii", "i"), function(wasi, "sock_recv", "iiiiii", "i"),
			function(wasi, "sock_send", "iiiii", "i"), function(wasi, "sock_shutdown", "ii", "i"), function(wasi, "sock_open", "iii", "i"), function(wasi, "sock_connect", "iii", "i")),
		a("a memory, a table, a global", mustRefuse("only functions can be imported|has its own memory|more than one memory|only the host may use"),
			foreign(func(m *w.Module) { m.ImportMemory("env", "memory", 1, -1) }), foreign(func(m *w.Module) { m.ImportMemory("rechost", "log", 1, -1) }),
			foreign(func(m *w.Module) { m.ImportTable("rechost", "log", w.FuncRef, 1, -1) }),
			foreign(func(m *w.Module) { m.ImportGlobal("rechost", "log", w.I32, true) }), foreign(func(m *w.Module) { m.ImportGlobal("rechost_host", "fuel", w.I64, true) })),
		a("names that play with the terminal", mustRefuse("imports|not a valid"), function("\x1b[2J\x1b[31m", "x", "", ""), function("rechost", "\u202egol", "iii", ""),
			function("rechost", "log\x00", "iii", ""), function("rechost\nrechost: done", "log", "iii", ""), function("\xff\xfe", "log", "iii", "")),
		{kind: confusion, name: "a host function as the start function", want: mustRefuse("start function|not a valid module"), modules: []func() []byte{
			guest{imports: []string{wasi + ".sched_yield"}, more: func(m *w.Module, x names) { m.Start(x.fn[wasi+".sched_yield"]) }}.bytes}},
		{kind: confusion, name: "a host function as rechost_run", everywhere: true,
			want: want{ends: []end{harmless, stopped}, gives: "it is called, as if by the guest", wall: byHost}, modules: []func() []byte{
				guest{imports: []string{wasi + ".fd_close"}, instead: map[string]string{abi.ExportRun: wasi + ".fd_close"}}.bytes}},
		{kind: confusion, name: "a host function as rechost_abi, _initialize", everywhere: true, want: mustStop(), modules: []func() []byte{
			guest{imports: []string{wasi + ".sched_yield"}, instead: map[string]string{abi.ExportABI: wasi + ".sched_yield"}}.bytes}},
		{kind: confusion, name: "a host function as rechost_describe", call: describing, want: mustStop(), modules: []func() []byte{
			guest{imports: []string{wasi + ".sched_yield"}, instead: map[string]string{abi.ExportDescribe: wasi + ".sched_yield"}}.bytes}},
		a("a host function under a name of its own", mustGive("runs", byInterface, nil), guest{imports: []string{"rechost.log"}, more: func(m *w.Module, x names) {
			m.ExportFunc("again", x.fn["rechost.log"])
		}}),
		a("a host function in the guest's table, called with another type", mustStop("indirect call type mismatch"), guest{imports: []string{"rechost.log"},
			attack: code(w.I32Const(0), w.CallIndirect(0, 0), w.I32Const(0)),
			more:   func(m *w.Module, x names) { m.Table(w.FuncRef, 1, 1); m.Elem(0, x.fn["rechost.log"]) }}),
		a("exports that are missing, twice, or of another kind", mustRefuse("does not export|exports|duplicate|not a valid|twice"),
			guest{more: func(m *w.Module, x names) { m.Export("memory", w.KindFunc, 0) }},
			guest{more: func(m *w.Module, x names) { m.ExportFunc(abi.ExportRun, 0) }},
			guest{more: func(m *w.Module, x names) { m.Export(abi.ExportInitialize, w.KindMemory, 0) }},
			guest{more: func(m *w.Module, x names) { m.ExportFunc(abi.ExportInitialize, x.attack) }}),
		a("an empty module", mustRefuse("does not export|no memory"), guest{}).empty(),
	}
}

// empty puts a module without anything in the place of the attack's.
func (a attack) empty() attack {
	a.modules = []func() []byte{func() []byte { return []byte(w.Magic) }}
	return a
}
