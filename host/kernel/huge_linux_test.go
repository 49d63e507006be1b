package kernel

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// Only what is large is advised to have huge pages, and nothing before or behind it.
func TestHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no huge pages")
	}
	const size = 3 * hugeLeast
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		t.Skip(err)
	}
	defer syscall.Munmap(b)
	if err := syscall.Madvise(b, syscall.MADV_NOHUGEPAGE); err != nil {
		t.Skip(err)
	}
	start := uintptr(unsafe.Pointer(&b[0]))
	Huge(b[:hugeLeast-1])
	if n := advised(t, start, start+size); n != 0 {
		t.Errorf("of a small one, %d bytes are advised", n)
	}
	const from = 4096
	to := hugeLeast + hugePage
	Huge(b[from:to])
	all := advised(t, start, start+size)
	within := advised(t, start+from, start+uintptr(to))
	if all != within || within > uintptr(to-from) || within < uintptr(to-from)-2*hugePage {
		t.Errorf("%d bytes are advised, %d of them among the %d that were to be", all, within, to-from)
	}
}

// advised is how many bytes between two addresses lie in mappings that may have
// huge pages.
func advised(t *testing.T, from, to uintptr) (n uintptr) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var low, high uintptr
	for s := bufio.NewScanner(f); s.Scan(); {
		if flags, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok {
			if slices.Contains(strings.Fields(flags), "hg") && high > from && low < to {
				n += min(high, to) - max(low, from)
			}
			continue
		}
		var a, b uintptr
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &a, &b); n == 2 {
			low, high = a, b
		}
	}
	return n
}
