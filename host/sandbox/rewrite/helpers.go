package rewrite

import (
	"math/bits"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// helper is a function that the rewriter adds after the module's own.
type helper struct {
	name string
	typ  uint32 // of the three that follow the module's types
	code []byte // with locals and end
}

// Types that the rewriter adds, counted from the module's own.
const (
	typeNone   = iota // () -> ()
	typeCharge        // (i32) -> (i32)
	typeBulk          // (i32, i32, i32) -> ()
)

var addedTypes = w.Join(
	w.Op(0x60, 0, 0),
	w.Op(0x60, 1, byte(I32), 1, byte(I32)),
	w.Op(0x60, 3, byte(I32), byte(I32), byte(I32), 0))

// place gives every added thing its index, behind all that the module has of
// its kind, and returns the added functions.
func (k *meter) place(m *module) []helper {
	k.counter = uint32(m.globals)
	k.fuel = k.counter
	imports := uint32(m.imported)
	if k.Yield {
		k.fuel++
		k.yield = imports
		k.shift++
	}
	if k.Fuel {
		k.outOfFuel = imports + k.shift
		k.shift++
	}
	if k.shift == 0 {
		return nil
	}
	next := uint32(len(m.funcs)) + k.shift
	var h []helper
	add := func(f *uint32, name string, typ uint32, code func() []byte) {
		*f = next + uint32(len(h))
		h = append(h, helper{"rechost." + name, typ, append(code(), w.End)})
	}
	if k.Yield {
		add(&k.tick, "tick", typeNone, func() []byte {
			return w.Join(w.Op(0), w.I32Const(YieldEvery), w.GlobalSet(k.counter), w.Call(k.yield))
		})
	}
	if m.memories > 0 {
		add(&k.bytes, "bytes", typeCharge, func() []byte { return k.charge(0, 1<<32-1) })
		add(&k.pages, "memory_grow", typeCharge, func() []byte { return k.charge(16, 65_536) })
		add(&k.copy, "memory_copy", typeBulk, func() []byte { return k.pieces(m, true) })
		add(&k.set, "memory_fill", typeBulk, func() []byte { return k.pieces(m, false) })
	}
	if m.tables > 0 {
		add(&k.entries, "entries", typeCharge, func() []byte { return k.charge(3, 1<<32-1) })
		add(&k.tableGrow, "table_grow", typeCharge, func() []byte { return k.charge(3, k.TableMax) })
	}
	return h
}

// charge is the code of
//
//	func(n i32) i32 {
//		size := i64(min(n, most)) << shift // bytes
//		fuel -= size / bytesPerFuel
//		if fuel < 0 { out_of_fuel() }
//		counter -= size / bytesPerCount
//		if counter < 0 { tick() }
//		return n
//	}
//
// A size is at most 4 GiB, so what is taken from the counter fits in 31 bits.
// Growing by more than there can be fails, and costs no more than the most.
func (k *meter) charge(shift int64, most uint32) []byte {
	size := w.Join(w.LocalGet(0))
	if most != 1<<32-1 {
		limit := w.I32Const(int32(most))
		size = w.Join(w.LocalGet(0), limit, w.LocalGet(0), limit, w.Op(w.I32LtU), w.Op(w.Select))
	}
	size = w.Join(size, w.Op(w.I64FromU32), w.I64Const(shift), w.Op(w.I64Shl))
	return w.Join(w.Op(0), k.chargeBytes(size), w.LocalGet(0))
}

// chargeBytes charges a size, the i64 that the code gives.
func (k *meter) chargeBytes(size []byte) []byte {
	log := func(n uint) []byte { return w.I64Const(int64(bits.TrailingZeros(n))) }
	var code []byte
	if k.Fuel {
		code = w.Join(code, w.GlobalGet(k.fuel), size, log(bytesPerFuel), w.Op(w.I64ShrU), w.Op(w.I64Sub), w.GlobalSet(k.fuel),
			w.GlobalGet(k.fuel), w.I64Const(0), w.Op(w.I64LtS), w.If(w.Void, w.Call(k.outOfFuel), w.Op(w.Unreachable)))
	}
	if k.Yield {
		code = w.Join(code, w.GlobalGet(k.counter), size, log(bytesPerCount), w.Op(w.I64ShrU), w.Op(w.I32FromI64), w.Op(w.I32Sub), w.GlobalSet(k.counter),
			w.GlobalGet(k.counter), w.I32Const(0), w.Op(w.I32LtS), w.If(w.Void, w.Call(k.tick)))
	}
	return code
}

// pieces is the code of memory.copy, or of memory.fill, as
//
//	func(to, from, n i32) {
//		if n <= Piece { charge(n); memory.copy(to, from, n); return }
//		if i64(to)+i64(n) > size || i64(from)+i64(n) > size { memory.copy(to, from, n) } // traps
//		if to <= from {
//			for { k := min(n, Piece); charge(k); memory.copy(to, from, k)
//				to += k; from += k; n -= k; if n == 0 { return } }
//		}
//		for { k := min(n, Piece); n -= k; charge(k); memory.copy(to+n, from+n, k)
//			if n == 0 { return } }
//	}
//
// so that overlapping ranges give what one memory.copy gives, and nothing is
// written where it would trap. Filling goes forwards only, with the value
// where from is.
func (k *meter) pieces(m *module, copying bool) []byte {
	const to, from, n, part = 0, 1, 2, 3
	op := w.MemoryFill()
	if copying {
		op = w.MemoryCopy()
	}
	whole := w.Join(w.LocalGet(to), w.LocalGet(from), w.LocalGet(n), op)
	beyond := func(p uint32) []byte {
		return w.Join(w.LocalGet(p), w.Op(w.I64FromU32), w.LocalGet(n), w.Op(w.I64FromU32), w.Op(w.I64Add),
			w.MemorySize(), w.Op(w.I64FromU32), w.I64Const(16), w.Op(w.I64Shl), w.Op(w.I64GtU))
	}
	// part = min(n, Piece)
	cut := w.Join(w.LocalGet(n), w.I32Const(Piece), w.LocalGet(n), w.I32Const(Piece), w.Op(w.I32LtU), w.Op(w.Select), w.LocalSet(part))
	less := w.Join(w.LocalGet(n), w.LocalGet(part), w.Op(w.I32Sub), w.LocalSet(n))
	pay := k.chargeBytes(w.Join(w.LocalGet(part), w.Op(w.I64FromU32)))
	ahead := func(p uint32) []byte {
		return w.Join(w.LocalGet(p), w.LocalGet(part), w.Op(w.I32Add), w.LocalSet(p))
	}
	forward := w.Join(cut, pay, w.LocalGet(to), w.LocalGet(from), w.LocalGet(part), op, ahead(to))
	if copying {
		forward = w.Join(forward, ahead(from))
	}
	forward = w.Loop(w.Void, forward, less, w.LocalGet(n), w.BrIf(0))

	code := w.Join(w.Op(1, 1, byte(I32)), // one local: part
		w.LocalGet(n), w.I32Const(Piece), w.Op(w.I32LeU),
		w.If(w.Void, k.chargeBytes(w.Join(w.LocalGet(n), w.Op(w.I64FromU32))), whole, w.Op(w.Return)),
		beyond(to), w.If(w.Void, whole))
	if !copying {
		return w.Join(code, forward)
	}
	backward := w.Loop(w.Void, cut, less, pay,
		w.LocalGet(to), w.LocalGet(n), w.Op(w.I32Add), w.LocalGet(from), w.LocalGet(n), w.Op(w.I32Add), w.LocalGet(part), op,
		w.LocalGet(n), w.BrIf(0))
	return w.Join(code, beyond(from), w.If(w.Void, whole),
		w.LocalGet(to), w.LocalGet(from), w.Op(w.I32LeU), w.If(w.Void, forward, w.Op(w.Return)),
		backward)
}
