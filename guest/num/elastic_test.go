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

// As TestBitsArePinned, for elastic nets.
func TestElasticBitsArePinned(t *testing.T) {
	_, items, offsets, index, value := numtest.Input()
	bits := numtest.ElasticBits(num.CSR(items, offsets, index, value))
	h := sha256.New()
	if err := binary.Write(h, binary.LittleEndian, bits); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("version %d: %x", abi.KernelVersion, h.Sum(nil)); got != elasticPinned {
		t.Errorf("%d words, %s, want %s", len(bits), got, elasticPinned)
	}
}

const elasticPinned = "version 2: c051277a3d3e59ceeac24b90cf60cb3990e121e8683ff62f2f4bbb5d150f8661"
