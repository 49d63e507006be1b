package sandbox

import (
	"bytes"
	"fmt"
	"testing"
)

// TestWazeroShrinksMemories holds what instance.restore and memory.Reallocate
// rely on in wazero, which promises none of it: a memory that is asked to grow
// takes whatever the allocator gives it, even if that is less than it has. No
// other test says what has changed when a new wazero does otherwise.
func TestWazeroShrinksMemories(t *testing.T) {
	const advice = `
wazero does not shrink a memory any more the way this package has it do: see what
internal/wasm/memory.go of its module, MemoryInstance.Grow, does with what
LinearMemory.Reallocate returns, and what the engines keep of a memory's base and
length. Until instance.restore has another way, let it refuse instances whose
memory has grown (return false where len(used) != len(s.memory.bytes)): they are thrown
away then, which is right but slow.`
	for name, o := range map[string]restoreKind{"compiler": {}, "interpreter": {interpreter: true}, "compiler, counted": {cooperative: true, metered: true}} {
		t.Run(name, func(t *testing.T) {
			m := o.module(t)
			x := newTools(t, m, restoreSetup(t))
			defer func() { m.discard(x.instance) }()
			expect := func(when string, want uint64, name string, args ...uint64) {
				t.Helper()
				got, _ := x.use(name, args...)
				if want := fmt.Sprintf("%s%v: %x", name, args, []uint64{want}); got != want {
					t.Fatalf("%s: %s, not %s%s", when, got, want, advice)
				}
			}
			begin := len(x.mem.bytes)
			expect("a memory grows", 3, "grow", 6)
			x.use("store8", uint64(begin+6*wasmPage-1), 7)
			x.use("store8", uint64(begin), 7)

			engine := x.mod.Memory()
			if !x.restore(m.initial, m.pause) {
				t.Fatalf("a memory of %d bytes that was to have %d has %d; the allocator was asked: %v%s",
					begin+6*wasmPage, begin, engine.Size(), x.torn, advice)
			}
			expect("a memory was shrunk", 3, "size")
			for _, beyond := range [][]uint64{{uint64(begin)}, {uint64(begin + 6*wasmPage - 1)}, {uint64(begin), 1}, {uint64(begin) - 1, 1, 2}} {
				name := []string{"", "load", "store8", "fill"}[len(beyond)]
				if got, ended := x.use(name, beyond...); !ended {
					t.Fatalf("beyond the end of a memory that was shrunk, %s: a guest reaches what was there%s", got, advice)
				}
			}
			expect("a memory that was shrunk grows", 3, "grow", 2)
			expect("a memory that was shrunk has grown", 5, "size")
			b, ok := engine.Read(0, engine.Size())
			if !ok || len(b) != begin+2*wasmPage || !bytes.Equal(b, x.mem.bytes) || &b[0] != &x.mem.bytes[0] {
				t.Fatalf("wazero and the allocator have different memories of %d and %d bytes%s", len(b), len(x.mem.bytes), advice)
			}
			expect("it grew over what had been written", 0, "load", uint64(begin))
			expect("it grew", 0, "load", uint64(len(b)-1))

			// As large as it may be: wazero asks nobody, and nothing changes.
			if _, ok := engine.Grow(45); !ok {
				t.Fatal("a memory does not grow to its maximum" + advice)
			}
			x.mem.shrinkTo = begin
			if _, ok := engine.Grow(1); ok || x.mem.shrinkTo == 0 || engine.Size() != 50*wasmPage {
				t.Fatalf("a memory of 50 pages, its maximum, that is asked for more: %v, %d bytes%s", ok, engine.Size(), advice)
			}
			x.mem.shrinkTo = 0
		})
	}
}
