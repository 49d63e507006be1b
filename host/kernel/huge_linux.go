package kernel

import (
	"syscall"
	"unsafe"
)

const (
	hugePage = 2 << 20
	// hugeLeast is from which size on memory is worth huge pages: who asks for so
	// much at once will use it.
	hugeLeast = 16 << 20
)

// Huge asks for huge pages for b where it has not been touched, if it is large.
// A fault for each 4 KiB takes longer than to clear them, and a processor
// remembers the places of some two thousand pages only. It is advice: no result
// depends on it.
func Huge(b []byte) {
	if len(b) < hugeLeast {
		return
	}
	head := int(-uintptr(unsafe.Pointer(&b[0])) % hugePage)
	syscall.Madvise(b[head:][:(len(b)-head)/hugePage*hugePage], syscall.MADV_HUGEPAGE)
}
