package kernel

import (
	"strings"
	"unsafe"
)

// element is what has no pointers in it.
type element interface {
	~bool | ~byte | ~int | ~uint32 | ~uint64 | ~float32 | ~float64 | pair | run
}

// Space is n elements that hold anything, for what is written before it is
// read. make would clear them in one go, which takes a second where they are
// gigabytes of memory that was in use before, or is new to the process.
func Space[T element](n int) []T {
	var z T
	size := n * int(unsafe.Sizeof(z))
	if size <= little {
		return make([]T, n)
	}
	var b strings.Builder // the one thing that is given memory as it is
	b.Grow(size)
	b.WriteByte(0) // a string that is not empty says where it begins
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.StringData(b.String()))), n)
}

// little is how many bytes are left to make.
const little = 64 << 10

// cleared is make([]T, n), which pauses.
func cleared[T element](m *meter, n int) []T {
	x := Space[T](n)
	if n*int(unsafe.Sizeof(*new(T))) > little {
		wipe(m, x)
	}
	return x
}
