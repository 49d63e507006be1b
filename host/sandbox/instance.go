package sandbox

import (
	"context"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/kernel"
	"rechost/host/sandbox/rewrite"
)

// instance is an instance of a module. It serves one call at a time; before
// the next one it is put back to the snapshot, or thrown away.
type instance struct {
	mod   api.Module
	mem   *memory
	state []api.MutableGlobal // see rewrite.Module
	once  bool                // it cannot be put back
	torn  bool                // its memory is neither as the guest left it nor as it was: of no use to anybody
}

// snapshot is all that an instance is when the module has initialised itself,
// which it does the same way every time: it cannot ask then what the call is
// about, and the clock and the random bytes are the same. So whether a call
// begins from here or from nothing, no guest can tell.
type snapshot struct {
	memory  *origin
	globals []uint64 // of instance.state
	clock   uint64
	calls   int64
}

// take returns an idle instance that is put back to the snapshot, or nil.
func (m *Module) take() (*instance, *snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.idle)
	if n == 0 {
		return nil, nil
	}
	x := m.idle[n-1]
	m.idle = m.idle[:n-1]
	return x, m.initial
}

// give takes an instance back after a call that ended well.
func (m *Module) give(x *instance) {
	m.mu.Lock()
	s := m.initial
	m.mu.Unlock()
	if s == nil || x.once || !x.restore(s, m.pause) {
		m.discard(x)
		return
	}
	m.mu.Lock()
	m.idle = append(m.idle, x)
	m.mu.Unlock()
}

func (m *Module) discard(x *instance) {
	if x.mod != nil {
		x.mod.Close(context.Background())
	}
	if x.torn {
		x.mem.close()
		return
	}
	m.giveMemory(x.mem)
}

// restore puts the instance back to s. Where it cannot, it has either changed
// nothing or left the instance torn.
func (x *instance) restore(s *snapshot, pause func()) bool {
	used := x.mem.bytes
	if len(used) != len(s.memory.bytes) {
		// wazero takes whatever the allocator gives it for a memory that grows. It
		// does not ask for one that is as large as it may be.
		m := x.mod.Memory()
		x.mem.shrinkTo = len(s.memory.bytes)
		m.Grow(1)
		if x.mem.shrinkTo != 0 {
			x.mem.shrinkTo = 0
			return false
		}
		if int(m.Size()) != len(s.memory.bytes) {
			x.torn = true
			return false
		}
	}
	if x.mem.restore(used, s.memory, pause) != nil {
		x.torn = true
		return false
	}
	for i, g := range x.state {
		g.Set(s.globals[i])
	}
	return true
}

// begin gives the call an instance that has initialised itself.
func (c *call) begin(ctx context.Context, seed [32]byte) (err error) {
	m := c.module
	c.guest.seed(seed)
	if x, s := m.take(); x != nil {
		c.instance, c.guest.now, c.calls = x, s.clock, s.calls
		x.mem.limit = uint64(max(m.budget.memory(), 0))
		c.times.began = time.Now()
		return nil
	}
	if m.resumes {
		c.guest.seed([32]byte{})
		defer func() { c.guest.seed(seed) }()
	}
	x := &instance{}
	if x.mem, err = m.takeMemory(); err != nil {
		return fault.New(fault.Failed, "cannot get memory for a guest: %v", err)
	}
	c.instance, c.times.began = x, time.Now()
	x.mod, err = m.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, x.mem), m.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return c.explain(err)
	}
	c.times.began = time.Now()
	for _, name := range m.state {
		x.state = append(x.state, x.mod.ExportedGlobal(name).(api.MutableGlobal))
	}
	if fuel := x.fuel(); fuel != nil {
		spent := rewrite.StartFuel - int64(fuel.Get())
		fuel.Set(uint64(c.limits.Fuel - spent))
	}
	if f := x.mod.ExportedFunction(abi.ExportInitialize); f != nil {
		if _, err := f.Call(ctx); err != nil {
			return c.explain(err)
		}
	}
	version, err := x.mod.ExportedFunction(abi.ExportABI).Call(ctx)
	if err != nil {
		return c.explain(err)
	}
	if v := int32(version[0]); v != abi.Version {
		return fault.Mod("the module speaks ABI version %d, this rechost %d", v, abi.Version).
			WithHint("build the module with the SDK of this version of rechost")
	}
	if m.restorable && !c.asked && (m.resumes || !c.guest.drawn) && c.guest.logBytes == 0 && x.mem.denied == 0 && 0 < len(x.mem.bytes) && len(x.mem.bytes) <= keep {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.initial == nil {
			s := &snapshot{memory: newOrigin(copied(x.mem.bytes, m.pause), m.pause), clock: c.guest.now, calls: c.calls}
			for _, g := range x.state {
				s.globals = append(s.globals, g.Get())
			}
			m.initial = s
		}
	} else {
		x.once = true
	}
	return nil
}

// copied is a copy of b. It pauses.
func copied(b []byte, pause func()) []byte {
	c := kernel.Space[byte](len(b))[:0]
	for part := range slices.Chunk(b, readPiece) {
		c = append(c, part...)
		pause()
	}
	return c
}

// fuel is the global that counts it, or nil.
func (x *instance) fuel() api.MutableGlobal {
	g, _ := x.mod.ExportedGlobal(rewrite.FuelGlobal).(api.MutableGlobal)
	return g
}
