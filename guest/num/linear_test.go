package num_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"rechost/guest/abi"
	"rechost/guest/num"
	"rechost/guest/num/numtest"
)

// As TestBitsArePinned, for the functions on dense matrices.
func TestLinearBitsArePinned(t *testing.T) {
	y, items, offsets, index, value := numtest.Input()
	bits := numtest.LinearBits(num.Dense(y, numtest.Factors), num.CSR(items, offsets, index, value))
	h := sha256.New()
	if err := binary.Write(h, binary.LittleEndian, bits); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("version %d: %x", abi.KernelVersion, h.Sum(nil)); got != linearPinned {
		t.Errorf("%d words, %s, want %s", len(bits), got, linearPinned)
	}
}

const linearPinned = "version 2: 2c9fc03a696af46badc3d99f62c73842e18cdfc2b685e60f75bd2929fa596f4b"
