package sandbox

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

const (
	dataModule = abi.DataModule
	numModule  = abi.NumModule
	wasiModule = "wasi_snapshot_preview1"
)

// provided is a host function that a module imports.
type provided struct {
	module, name string
	hostFunc
}

// lookup finds a host function.
func lookup(module, name string) (hostFunc, bool) {
	var table map[string]hostFunc
	switch module {
	case dataModule:
		table = dataFuncs
	case numModule:
		table = kernels
	case wasiModule:
		table = wasiFuncs
	}
	f, ok := table[name]
	return f, ok
}

// checkInterface refuses imports that there are not, and exports that are
// missing or have the wrong type.
func checkInterface(info *rewrite.Info) error {
	for _, i := range info.Imports {
		if i.Kind != rewrite.Func {
			return fault.Mod("imports the %s %s.%s: a module has its own memory, tables and globals", kindName(i.Kind), clean(i.Module), clean(i.Name))
		}
		f, ok := lookup(i.Module, i.Name)
		if !ok {
			return fault.Mod("imports %s.%s, which modules are not given", clean(i.Module), clean(i.Name)).
				WithHint("%s", allowed(i.Module))
		}
		if got, want := signature(i.Type), signatureOf(f); got != want {
			return fault.Mod("imports %s.%s as %s: it is %s", clean(i.Module), clean(i.Name), got, want)
		}
	}
	exports := map[string]rewrite.Export{}
	for _, e := range info.Exports {
		exports[e.Name] = e
	}
	number := hostFunc{results: one}
	for _, want := range []struct {
		name string
		fn   hostFunc
		may  bool // may be missing
	}{
		{abi.ExportInitialize, hostFunc{}, true},
		{abi.ExportABI, number, false},
		{abi.ExportResume, hostFunc{}, true},
		{abi.ExportDescribe, number, false},
		{abi.ExportPlan, number, false},
		{abi.ExportRun, hostFunc{params: one, results: one}, false},
	} {
		e, ok := exports[want.name]
		switch {
		case !ok && want.may:
		case !ok:
			return missing(exports, want.name, signatureOf(want.fn))
		case e.Kind != rewrite.Func || signature(e.Type) != signatureOf(want.fn):
			got := "a " + kindName(e.Kind)
			if e.Kind == rewrite.Func {
				got = signature(e.Type)
			}
			return fault.Mod("exports %s as %s: it must be %s", want.name, got, signatureOf(want.fn))
		}
	}
	if e, ok := exports[abi.ExportMemory]; !ok || e.Kind != rewrite.MemoryKind {
		return fault.Mod("does not export its memory as %q", abi.ExportMemory)
	}
	return nil
}

func missing(exports map[string]rewrite.Export, name, signature string) error {
	err := fault.Mod("does not export %s, %s", name, signature)
	if _, ok := exports["_start"]; ok {
		return err.WithHint("it looks like a command: build it as a reactor: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared")
	}
	return err.WithHint("is it a rechost module? guest/abi/ABI.md says what one exports")
}

// allowed says what a module may import instead.
func allowed(module string) string {
	names := func(m map[string]hostFunc) string {
		var s []string
		for n := range m {
			s = append(s, n)
		}
		sort.Strings(s)
		return strings.Join(s, ", ")
	}
	switch module {
	case dataModule:
		return dataModule + " has " + names(dataFuncs)
	case numModule:
		return numModule + " has " + names(kernels)
	case wasiModule:
		return wasiModule + " has " + names(wasiFuncs)
	}
	return "a module imports from " + dataModule + ", " + numModule + " and parts of " + wasiModule + " only"
}

func clean(s string) string { return fault.Clean(s, 200) }

func kindName(k rewrite.Kind) string {
	switch k {
	case rewrite.Func:
		return "function"
	case rewrite.TableKind:
		return "table"
	case rewrite.MemoryKind:
		return "memory"
	case rewrite.GlobalKind:
		return "global"
	}
	return "thing"
}

var typeNames = map[byte]string{
	i32: "i32", i64: "i64", f32: "f32", f64: "f64", byte(rewrite.V128): "v128",
	byte(rewrite.FuncRef): "funcref", byte(rewrite.ExternRef): "externref",
}

func typeList[T ~byte](types []T) string {
	s := make([]string, len(types))
	for i, t := range types {
		s[i] = typeNames[byte(t)]
	}
	return "(" + strings.Join(s, ", ") + ")"
}

func signature(t rewrite.FuncType) string { return typeList(t.Params) + " -> " + typeList(t.Results) }
func signatureOf(f hostFunc) string       { return typeList(f.params) + " -> " + typeList(f.results) }

// provide makes the host modules, with those functions that the module
// imports and no others.
func (m *Module) provide(ctx context.Context) error {
	for _, i := range m.info.Imports {
		if slices.ContainsFunc(m.provided, func(p provided) bool { return p.module == i.Module && p.name == i.Name }) {
			continue
		}
		f, _ := lookup(i.Module, i.Name)
		m.provided = append(m.provided, provided{i.Module, i.Name, f})
	}
	if m.cooperative {
		m.provided = append(m.provided, provided{rewrite.HostModule, rewrite.FnYield, hostFunc{fn: yield}})
	}
	if m.limits.Fuel > 0 {
		m.provided = append(m.provided, provided{rewrite.HostModule, rewrite.FnOutOfFuel, hostFunc{fn: outOfFuel}})
	}
	for _, name := range []string{dataModule, numModule, wasiModule, rewrite.HostModule} {
		b := m.runtime.NewHostModuleBuilder(name)
		n := 0
		for number, p := range m.provided {
			if p.module == name {
				b.NewFunctionBuilder().WithGoModuleFunction(entry(number, p), p.params, p.results).Export(p.name)
				n++
			}
		}
		if n == 0 {
			continue
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return fault.New(fault.Failed, "cannot provide %s: %v", name, err)
		}
	}
	return nil
}

// entry is what wazero calls for a host function: it finds the call, counts
// and times. About 20 ns on top of wazero's own 30. Calls that the rewriter put
// into the module are not counted, so that a module's are as many in every
// executor.
func entry(number int, p provided) api.GoModuleFunc {
	fn, asks, own := p.fn, p.module == dataModule || p.module == numModule, p.module != rewrite.HostModule
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		c := callOf(ctx)
		if own {
			if c.calls == c.limits.Calls {
				c.end(fault.Lim("called host functions more than %d times", c.limits.Calls).
					WithHint("allow more with --call-limit"))
			}
			c.calls++
		}
		c.asked = c.asked || asks
		t := &c.times.functions[number]
		if t.skip > 0 {
			t.skip--
			fn(c, stack)
			return
		}
		start := time.Now()
		fn(c, stack)
		t.add(time.Since(start))
	}
}

// yield lets Go's scheduler and garbage collector in, and the deadline.
func yield(c *call, _ []uint64) { c.pause() }

func outOfFuel(c *call, _ []uint64) {
	c.end(fault.Lim("ran for more than its %d instructions of fuel", c.limits.Fuel).
		WithHint("allow more with --fuel"))
}
