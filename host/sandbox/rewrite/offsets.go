package rewrite

import "encoding/binary"

// Offsets maps offsets in a rewritten module's code to the original's. Both
// count from the first byte of the code section's contents, as DWARF and the
// engine do; Info.CodeStart makes them offsets of the file. The zero value maps
// every offset to itself.
type Offsets struct {
	steps []byte // see mark
	added uint64 // where the functions begin that the rewriter added; 0 is nowhere

	at, orig uint64 // last mark, while building
}

// mark says that the code from offset at on stands for the original's from
// orig on: byte by byte, or, if fixed, all for that one instruction. It is
// written as two varints, the steps from the mark before, the first shifted
// left by one for the flag: two or three bytes for a mark.
func (o *Offsets) mark(at, orig uint64, fixed bool) {
	step := (at - o.at) << 1
	if fixed {
		step |= 1
	}
	o.steps = binary.AppendUvarint(o.steps, step)
	o.steps = binary.AppendUvarint(o.steps, orig-o.orig)
	o.at, o.orig = at, orig
}

// Original returns the offset in the original module of the instruction that
// stands, or caused what stands, at offset off of the rewritten one. It is
// false within functions that the original does not have. It takes time in
// proportion to the size of the code: call it for a trap, not for a profile.
func (o Offsets) Original(off uint64) (uint64, bool) {
	if o.added > 0 && off >= o.added {
		return 0, false
	}
	var at, orig uint64
	fixed := false
	for b := o.steps; len(b) > 0; {
		step, n := binary.Uvarint(b)
		b = b[n:]
		move, n := binary.Uvarint(b)
		b = b[n:]
		if at+step>>1 > off {
			break
		}
		at += step >> 1
		orig += move
		fixed = step&1 != 0
	}
	if fixed {
		return orig, true
	}
	return orig + (off - at), true
}
