//go:build linux || darwin

package sandbox

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

var pageSize = os.Getpagesize()

// reserveSpace reserves n bytes of inaccessible address space, or returns nil
// where there is not that much.
func reserveSpace(n int) []byte {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return b
}

func releaseSpace(b []byte) { unix.Munmap(b) }

// commit makes part of the reserved space readable and writable. It is full of
// zeros: new, or cleared before it was concealed.
func commit(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE)
}

// discard replaces part of the reserved space by new inaccessible pages.
func discard(b []byte) error {
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(&b[0]), uintptr(len(b)), unix.PROT_NONE,
		unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}

// blank replaces a mapped file by new pages of zeros.
func blank(b []byte) error {
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(&b[0]), uintptr(len(b)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}

// conceal makes pages inaccessible; commit gives them back as they are.
func conceal(b []byte) error { return unix.Mprotect(b, unix.PROT_NONE) }

// mapOver puts the file's bytes from off on over b, whole pages both. What is
// written to b stays in this process.
func mapOver(b []byte, f *os.File, off int64) error {
	_, err := unix.MmapPtr(int(f.Fd()), off, unsafe.Pointer(&b[0]), uintptr(len(b)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_FIXED)
	return err
}

// mapFile maps n bytes of the file, read-only.
func mapFile(f *os.File, n int) ([]byte, func(), error) {
	b, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return b, func() { unix.Munmap(b) }, nil
}
