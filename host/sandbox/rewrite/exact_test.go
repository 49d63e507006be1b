package rewrite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// everyInstruction is the naive measurer: each instruction pays for itself, at
// itself.
func everyInstruction(w *walker, m *module, i int, points []point, _ bool) []point {
	r := reader{b: m.b, pos: int(m.bodies[i].at), end: int(m.bodies[i].end)}
	w.open(m, i, &r)
	points = append(points[:0], point{at: uint32(r.pos), head: true})
	var ins instruction
	for w.next(&ins) {
		switch ins.op {
		case opBlock, opElse, opEnd:
		case opLoop:
			points = append(points, point{at: uint32(ins.end), head: true})
		default:
			if last := &points[len(points)-1]; int(last.at) == ins.at {
				last.cost++
			} else {
				points = append(points, point{at: uint32(ins.at), cost: 1})
			}
		}
	}
	return points
}

// Charging by basic block comes to the same as charging each instruction, for
// every call of the specification's tests that returns.
func TestFuelIsExact(t *testing.T) {
	var calls atomic.Int64
	ctx := context.Background()
	run := func(t *testing.T, dir, file string) {
		blocks := side{rt: engine(t, wazero.NewRuntimeConfig(), func() {})}
		naive := side{rt: engine(t, wazero.NewRuntimeConfig(), func() {})}
		for _, c := range readScript(t, file).Commands {
			switch {
			case c.Type == "module":
				b, err := os.ReadFile(filepath.Join(dir, c.Filename))
				if err != nil {
					t.Fatal(err)
				}
				blocks.last, naive.last = nil, nil
				bm, err1 := Rewrite(b, Options{Fuel: true})
				nm, err2 := rewrite(b, Options{Fuel: true}, everyInstruction)
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				none := wazero.NewModuleConfig().WithName("")
				x, err1 := blocks.rt.InstantiateWithConfig(ctx, bm.Wasm, none)
				y, err2 := naive.rt.InstantiateWithConfig(ctx, nm.Wasm, none)
				if err1 == nil && err2 == nil { // others import what is not here
					blocks.last, naive.last = x, y
				}
			case c.Action.Module == "" && c.Action.Type == "invoke" && blocks.last != nil:
				args := words(t, c.Action.Args)
				var left [2]int64
				returns := true
				for i, m := range []api.Module{blocks.last, naive.last} {
					fuel := m.ExportedGlobal(FuelGlobal).(api.MutableGlobal)
					fuel.Set(StartFuel)
					if _, err := m.ExportedFunction(c.Action.Field).Call(ctx, args...); err != nil {
						returns = false // a trap: the block was paid, the instructions were not all reached
					}
					left[i] = int64(fuel.Get())
				}
				if !returns {
					continue
				}
				calls.Add(1)
				if left[0] != left[1] {
					t.Errorf("line %d: %s cost %d by block and %d by instruction", c.Line, c.Action.Field, StartFuel-left[0], StartFuel-left[1])
				}
			}
		}
	}
	t.Run("spec", func(t *testing.T) {
		for _, dir := range spectests(t)[1:] { // the second version's include the first's
			files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
			for _, f := range files {
				name := strings.TrimSuffix(filepath.Base(f), ".json")
				// The thousands of calls of one arithmetic instruction say nothing new.
				if strings.HasPrefix(name, "simd") || strings.Contains(name, "cmp") || strings.Contains(name, "bitwise") || testing.Short() && !strings.HasPrefix(name, "br") {
					continue
				}
				t.Run(name, func(t *testing.T) { t.Parallel(); run(t, dir, f) })
			}
		}
	})
	t.Logf("%d calls", calls.Load())
}
