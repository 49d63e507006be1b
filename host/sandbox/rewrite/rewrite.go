// Package rewrite reads WebAssembly modules with a decoder of its own, refuses
// what the sandbox does not want, and adds what the sandbox needs.
//
// It knows WebAssembly 2.0 with fixed-width SIMD, instruction by instruction,
// and nothing of the engine that will run the module:
//
//	info, err := rewrite.Check(wasm, rewrite.Caps{})   // refused by name, or described
//	m, err := rewrite.Rewrite(wasm, rewrite.Options{Yield: true, Fuel: true})
//	// compile m.Wasm; provide the imports of HostModule; set the global FuelGlobal
//
// # Notes
//
// The bytes are hostile: no count is believed before the bytes that it speaks
// of are there, and memory stays within a small multiple of the input.
//
// Types on the operand stack are not checked here: that is the engine's
// validation, which sees the rewritten module. Every index is checked here,
// against the module as it came, so nothing that is added can be named by the
// guest, and a module that was invalid stays invalid.
package rewrite

// HostModule is the import module of the functions that rewritten modules
// call. A guest that imports from it by itself is refused.
const HostModule = "rechost_host"

// Functions of HostModule, both of type () -> ().
const (
	// FnYield is called about every 2^16 counts of loop heads, function
	// entries and work done by bulk instructions. It may end the guest by
	// panicking.
	FnYield = "yield"
	// FnOutOfFuel is called when fuel is negative. It must not return; if it
	// does, the guest traps with "unreachable".
	FnOutOfFuel = "out_of_fuel"
)

// Reserved is the prefix of export names that only the rewriter may use.
const Reserved = "rechost:"

// FuelGlobal is the name under which a metered module exports its fuel, a
// mutable i64. A new instance has StartFuel, so that its start function is
// metered too; after instantiating, the host sets it to
//
//	limit - (StartFuel - value)
//
// and after a call reads back what is left. Below zero means spent.
const FuelGlobal = Reserved + "fuel"

// StartFuel is the fuel of a new instance, in instructions.
const StartFuel = 1 << 34

// YieldEvery is the number of counts between two calls of FnYield. One count
// stands for 64 instructions of a loop or function, begun or whole, or for 1 KiB
// of a bulk operation.
const YieldEvery = 1 << 16

// Work that stands for one count of YieldEvery, and bytes that cost one
// instruction of fuel. The sizes are powers of two.
const (
	workPerCount  = 64   // instructions of a loop or a function, without those of loops inside
	bytesPerCount = 1024 // of memory.copy, fill, init; a table's entry counts as 8 bytes
	bytesPerFuel  = 64
)

// Piece is the length, in bytes, of the pieces in which a longer memory.copy
// or memory.fill is done, with a look at counter and fuel before each.
const Piece = 1 << 20

// StateGlobal begins the names under which a module whose instances can be
// restored exports each of its mutable globals, see Module.State.
const StateGlobal = Reserved + "global "

// mostState is the number of mutable globals up to which they are exported.
// Compilers make one to a dozen.
const mostState = 1000

// Options say what Rewrite adds.
type Options struct {
	Yield    bool   // count loop heads and function entries, and call FnYield
	Fuel     bool   // meter instructions in FuelGlobal
	TableMax uint32 // largest number of entries of a table; 0 is DefaultTableMax
	State    bool   // export what changes in an instance, see Module.State
	DWARF    bool   // keep .debug sections; only where the code is not changed, whose offsets they hold
}

// DefaultTableMax is the number of entries that a table may grow to.
const DefaultTableMax = 1_000_000

// Module is a rewritten module.
type Module struct {
	Wasm    []byte  // a module of its own, sharing nothing with the input
	Offsets Offsets // from Wasm to the original
	Changed bool    // code bytes differ from the original's

	// An instance of a Restorable module is its memory and these globals, by the
	// names under which they are exported: nothing else in it can change.
	Restorable bool
	State      []string
}
