package kernel

import (
	"bytes"
	"testing"
	"unsafe"
)

// What is cleared is zeros of the length asked for, also where it is made of
// memory that was in use before, and is cleared in pieces.
func TestCleared(t *testing.T) {
	for _, n := range []int{0, 1, little / 8, little/8 + 1, 1 << 20, 3<<20 + 7} {
		for range 4 {
			pauses := 0
			x := cleared[uint64](streaming(func() { pauses++ }), n)
			if len(x) != n {
				t.Fatalf("%d of %d elements", len(x), n)
			}
			if n > 0 && uintptr(unsafe.Pointer(&x[0]))%8 != 0 {
				t.Errorf("%d elements at %p", n, &x[0])
			}
			for i := range x {
				if x[i] != 0 {
					t.Fatalf("of %d elements, number %d is %d", n, i, x[i])
				}
				x[i] = uint64(i) + 1 // garbage for the next
			}
			if want := n / stretch; pauses < want {
				t.Errorf("%d pauses in %d elements, fewer than %d", pauses, n, want)
			}
			if y := append(Space[byte](n)[:0], "whole"...); !bytes.Equal(y, []byte("whole")) {
				t.Errorf("%q", y)
			}
		}
	}
}
