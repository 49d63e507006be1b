package array

import (
	"encoding/binary"
	"math"
)

// The one NaN that results hold, of each size: positive, quiet, with no other
// bit of its payload set. WebAssembly leaves a NaN's bits open, and engines and
// processors differ in them.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

// Bits of eight bytes: those of each element's exponent, the lowest of them,
// and the place where adding the two carries to if all of an exponent's are set,
// as they are of NaNs and infinities only.
const (
	exponents32, lowest32, carries32 = 0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000
	exponents64, lowest64, carries64 = 0x7ff0000000000000, 0x0010000000000000, 0x8000000000000000
)

// notFinite finds, from byte i on, a block of at most 64 bytes with an element
// that is no finite number. It returns the block's place, or len(b).
func notFinite(d DType, b []byte, i int) int {
	exponents, lowest, carries := uint64(exponents32), uint64(lowest32), uint64(carries32)
	if d == F64 {
		exponents, lowest, carries = exponents64, lowest64, carries64
	}
	for ; i+64 <= len(b); i += 64 {
		p := b[i : i+64]
		x0 := binary.LittleEndian.Uint64(p)&exponents + lowest
		x1 := binary.LittleEndian.Uint64(p[8:])&exponents + lowest
		x2 := binary.LittleEndian.Uint64(p[16:])&exponents + lowest
		x3 := binary.LittleEndian.Uint64(p[24:])&exponents + lowest
		x4 := binary.LittleEndian.Uint64(p[32:])&exponents + lowest
		x5 := binary.LittleEndian.Uint64(p[40:])&exponents + lowest
		x6 := binary.LittleEndian.Uint64(p[48:])&exponents + lowest
		x7 := binary.LittleEndian.Uint64(p[56:])&exponents + lowest
		if (x0|x1|x2|x3|x4|x5|x6|x7)&carries != 0 {
			return i
		}
	}
	return i
}

// OddNaN returns the place in b, in bytes, of the first NaN that is not the one
// that results hold, or -1. b holds elements of type d; bytes beyond the last
// whole one are not looked at.
func OddNaN(d DType, b []byte) int {
	if d != F32 && d != F64 {
		return -1
	}
	size := d.Size()
	for i := notFinite(d, b, 0); i+size <= len(b); i = notFinite(d, b, i) {
		for end := min(i+64, len(b)-len(b)%size); i < end; i += size {
			if odd(d, b[i:]) {
				return i
			}
		}
	}
	return -1
}

// OneNaN puts the one NaN that results hold in the place of every other in b,
// which holds elements of type d.
func OneNaN(d DType, b []byte) {
	for {
		i := OddNaN(d, b)
		if i < 0 {
			return
		}
		if d == F32 {
			binary.LittleEndian.PutUint32(b[i:], nan32)
		} else {
			binary.LittleEndian.PutUint64(b[i:], nan64)
		}
		b = b[i+d.Size():]
	}
}

func odd(d DType, b []byte) bool {
	if d == F32 {
		x := binary.LittleEndian.Uint32(b)
		f := math.Float32frombits(x)
		return f != f && x != nan32
	}
	x := binary.LittleEndian.Uint64(b)
	f := math.Float64frombits(x)
	return f != f && x != nan64
}
