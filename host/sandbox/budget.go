package sandbox

import (
	"fmt"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

// StackReserve is the part of the memory limit that is set aside for a guest's
// stack. wazero keeps it on the host's heap and doubles it, with what the next
// frame needs, as long as it has at most 50,000,000 bytes; nobody can make that
// less, or see how much it is.
const StackReserve = 100 << 20

// The interpreter's stack is another: it refuses the call after 2,000 frames,
// whatever they hold, and keeps each frame's words in one slice, which append
// makes a quarter longer than it need be while the old one is still there, and
// one frame of its own on a goroutine's stack, which doubles. Modules that
// compilers make stay below StackReserve with that, so that both engines leave
// them the same.
const (
	interpreterFrames = 2000
	interpreterWord   = 8 + 8/4 + 8
	interpreterCalls  = 16 << 20 // bytes of interpreterFrames on a goroutine's stack
)

// interpreterStack is what the interpreter's stack may come to for a module of
// which no frame has more words.
func interpreterStack(words int) int64 {
	return max(StackReserve, interpreterCalls+interpreterFrames*interpreterWord*int64(words))
}

// entryBytes is what wazero keeps for an entry of a table: a pointer.
const entryBytes = 8

// budget is how a module's memory limit is divided. Stack and tables get what
// they may come to, whether they do or not; the rest is for the guest's memory
// and for what kernels need to work in. Nothing in it but the limit depends on
// the limit, so neither does what a guest can see: it is given what it asks
// for, or its task ends.
type budget struct {
	limit  int64 // Limits.Memory
	stack  int64 // bytes that its stack may come to
	tables int64 // bytes that the module's tables may come to
}

// newBudget makes sure that an instance of the module fits into the limit, with
// what is set aside for its stack.
func newBudget(info *rewrite.Info, limit, stack int64) (budget, error) {
	b := budget{limit: limit, stack: stack}
	for _, t := range info.Tables {
		n := t.Min
		if info.GrowsTables {
			n = rewrite.DefaultTableMax
			if t.HasMax {
				n = min(n, t.Max)
			}
		}
		b.tables += entryBytes * int64(n)
	}
	if info.Memory == nil {
		return b, fault.Mod("the module has no memory: a module exports one as %q", abi.ExportMemory)
	}
	if start := int64(info.Memory.Min) * wasmPage; start > b.memory() {
		return b, fault.Lim("starts with %s of memory: with %s that is more than its limit of %s", size(start), b.aside(), size(limit)).
			WithHint("allow more with --memory %s", b.enough(start))
	}
	return b, nil
}

// memory is what is left for the guest's memory and for kernels, in bytes. It
// may be negative.
func (b budget) memory() int64 { return b.limit - b.stack - b.tables }

// aside names what is set aside.
func (b budget) aside() string {
	if b.tables == 0 {
		return size(b.stack) + " set aside for its stack"
	}
	return fmt.Sprintf("%s set aside for its stack and %s for its tables", size(b.stack), size(b.tables))
}

// enough is the --memory that leaves n bytes of memory.
func (b budget) enough(n int64) string {
	const mib = 1 << 20
	return fmt.Sprintf("%dMiB", (n+b.stack+b.tables+mib-1)/mib)
}

// beyond is the error of a guest that asked for a memory of n bytes.
func (b budget) beyond(n int64) error {
	return fault.Lim("needs more than %s of memory (asked for %s): of its limit of %s, %s", size(max(b.memory(), 0)), size(n), size(b.limit), b.aside()).
		WithHint("allow more with --memory %s", b.enough(n))
}
