package rewrite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// engine returns a runtime with the host's functions. yield counts its calls.
func engine(t testing.TB, cfg wazero.RuntimeConfig, yield func()) wazero.Runtime {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, cfg.WithDebugInfoEnabled(false))
	t.Cleanup(func() { rt.Close(ctx) })
	_, err := rt.NewHostModuleBuilder(HostModule).
		NewFunctionBuilder().WithFunc(yield).Export(FnYield).
		NewFunctionBuilder().WithFunc(func() { panic(errOutOfFuel) }).Export(FnOutOfFuel).
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

var errOutOfFuel = errors.New("out of fuel")

// side runs a script's modules, as they are or rewritten.
type side struct {
	rt    wazero.Runtime
	named map[string]api.Module
	last  api.Module
}

func (s *side) module(name string) api.Module {
	if name != "" {
		return s.named[name]
	}
	return s.last
}

// engines are those of wazero.
var engines = []struct {
	name string
	cfg  func() wazero.RuntimeConfig
}{
	{"compiler", wazero.NewRuntimeConfig},
	{"interpreter", wazero.NewRuntimeConfigInterpreter},
}

// eachScript runs f on every script of the specification's tests.
func eachScript(t *testing.T, f func(t *testing.T, dir, file string)) {
	for _, dir := range spectests(t) {
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for i, file := range files {
			if testing.Short() && i%10 != 0 {
				continue
			}
			name := filepath.Base(filepath.Dir(dir)) + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t, dir, file)
			})
		}
	}
}

// TestSpec runs the specification's tests on modules as they are and
// rewritten, with and without what putting instances back needs: every call
// must give the same bits or the same trap, every module the same verdict and
// the same memory at the end.
func TestSpec(t *testing.T) {
	eachScript(t, func(t *testing.T, dir, file string) {
		for _, e := range engines {
			runSpec(t, dir, file, e.cfg(), true)
		}
		runSpec(t, dir, file, engines[0].cfg(), false)
	})
}

func runSpec(t *testing.T, dir, file string, cfg wazero.RuntimeConfig, state bool) {
	ctx := context.Background()
	spectest, err := os.ReadFile(filepath.Join(dir, "../../testdata/spectest.wasm"))
	if err != nil {
		t.Skip(err)
	}
	var plain, counted side
	for _, s := range []*side{&plain, &counted} {
		s.rt = engine(t, cfg, func() {})
		s.named = map[string]api.Module{}
		if _, err := s.rt.Instantiate(ctx, spectest); err != nil {
			t.Fatal(err)
		}
	}
	rewritten := func(line int, b []byte) []byte {
		// Turn through the options, line by line.
		o := turn(line)
		o.State = state
		m, err := Rewrite(b, o)
		if err != nil {
			return nil
		}
		if _, err := Inspect(withoutAdded(m.Wasm)); err != nil {
			t.Errorf("line %d: the rewritten module does not decode: %v", line, err)
		}
		return m.Wasm
	}
	commands := readScript(t, file).Commands
	for i, c := range commands {
		switch c.Type {
		case "module", "assert_unlinkable", "assert_uninstantiable", "assert_invalid", "assert_malformed":
			if !strings.HasSuffix(c.Filename, ".wasm") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, c.Filename))
			if err != nil {
				t.Fatal(err)
			}
			cfg := wazero.NewModuleConfig().WithName("")
			if i+1 < len(commands) && commands[i+1].Type == "register" {
				cfg = cfg.WithName(commands[i+1].As)
			}
			pm, perr := plain.rt.InstantiateWithConfig(ctx, b, cfg)
			cm, cerr := counted.rt.InstantiateWithConfig(ctx, rewritten(c.Line, b), cfg)
			if (perr == nil) != (cerr == nil) {
				t.Errorf("line %d: %s: as it is: %v; rewritten: %v", c.Line, c.Type, perr, cerr)
			}
			if c.Type != "module" {
				continue
			}
			sameMemory(t, c.Line, plain.last, counted.last)
			plain.last, counted.last = pm, cm
			if c.Name != "" {
				plain.named[c.Name], counted.named[c.Name] = pm, cm
			}
		case "assert_return", "action", "assert_trap", "assert_exhaustion":
			pm, cm := plain.module(c.Action.Module), counted.module(c.Action.Module)
			if pm == nil || cm == nil || c.Action.Type != "invoke" {
				continue
			}
			args := words(t, c.Action.Args)
			fn := pm.ExportedFunction(c.Action.Field)
			want, werr := fn.Call(ctx, args...)
			got, gerr := cm.ExportedFunction(c.Action.Field).Call(ctx, args...)
			if line(werr) != line(gerr) {
				t.Errorf("line %d: %s: as it is: %v; rewritten: %v", c.Line, c.Action.Field, werr, gerr)
			}
			if refs := fn.Definition().ResultTypes(); len(refs) == 1 && refs[0] == 0x70 && len(want) == 1 && len(got) == 1 {
				want[0], got[0] = min(want[0], 1), min(got[0], 1) // addresses
			}
			if len(want) != len(got) {
				t.Errorf("line %d: %s: %x; rewritten: %x", c.Line, c.Action.Field, want, got)
			}
			for j := range want {
				if want[j] != got[j] {
					t.Errorf("line %d: %s: %x; rewritten: %x", c.Line, c.Action.Field, want, got)
					break
				}
			}
		}
	}
	sameMemory(t, 0, plain.last, counted.last)
}

// turn gives each of four lines other counters.
func turn(line int) Options { return Options{Yield: line%4 >= 2, Fuel: line%2 == 1} }

// withoutAdded takes the reserved names out of a rewritten module, so that it
// can be read again.
func withoutAdded(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte(HostModule), []byte("somebodyhost"))
	return bytes.ReplaceAll(b, []byte(Reserved), []byte("somebody"))
}

func sameMemory(t *testing.T, line int, a, b api.Module) {
	t.Helper()
	if a == nil || b == nil || !hasMemory(a) {
		return
	}
	x, _ := a.Memory().Read(0, a.Memory().Size())
	y, _ := b.Memory().Read(0, b.Memory().Size())
	if !bytes.Equal(x, y) {
		t.Errorf("before line %d: the memories differ", line)
	}
}

// hasMemory looks behind an interface that may hold a nil pointer.
func hasMemory(m api.Module) bool { return !reflect.ValueOf(m.Memory()).IsNil() }

func line(err error) string {
	if err == nil {
		return ""
	}
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// words gives a script's values as the engine takes them.
func words(t *testing.T, vs []value) (out []uint64) {
	number := func(s string, bits int) uint64 {
		switch {
		case strings.HasPrefix(s, "nan") && bits == 32:
			return 0x7fc00000
		case strings.HasPrefix(s, "nan"):
			return 0x7ff8000000000000
		}
		n, err := strconv.ParseUint(s, 10, bits)
		if err != nil {
			i, err := strconv.ParseInt(s, 10, bits)
			if err != nil {
				t.Fatal(err)
			}
			n = uint64(i) << (64 - bits) >> (64 - bits)
		}
		return n
	}
	for _, v := range vs {
		switch {
		case v.Value == nil || v.Value == "null":
			out = append(out, 0)
		case v.Type == "v128":
			lanes := v.Value.([]any)
			bits := 128 / len(lanes)
			var w [2]uint64
			for i, l := range lanes {
				w[i*bits/64] |= number(l.(string), bits) << (i * bits % 64)
			}
			out = append(out, w[0], w[1])
		case v.Type == "externref":
			out = append(out, number(v.Value.(string), 64)+1)
		case strings.HasSuffix(v.Type, "32"):
			out = append(out, number(v.Value.(string), 32))
		default:
			out = append(out, number(v.Value.(string), 64))
		}
	}
	return out
}
