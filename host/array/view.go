package array

import (
	"encoding/binary"
	"unsafe"
)

// Number is a Go type that stands for an element type.
type Number interface {
	~uint8 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float32 | ~float64
}

// littleEndian reports whether this machine's memory has the files' order.
// Every platform that rechost is built for has.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// BytesOf views s as bytes, without copying.
func BytesOf[T Number](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	mustLittleEndian()
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// View views b as elements, without copying where b is aligned. Bytes beyond
// the last whole element are left out.
func View[T Number](b []byte) []T {
	var z T
	size := int(unsafe.Sizeof(z))
	n := len(b) / size
	if n == 0 {
		return nil
	}
	mustLittleEndian()
	if uintptr(unsafe.Pointer(&b[0]))%uintptr(size) == 0 {
		return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
	}
	s := make([]T, n)
	copy(BytesOf(s), b)
	return s
}

func mustLittleEndian() {
	if !littleEndian {
		panic("array: this machine is big endian, which rechost is not built for")
	}
}
