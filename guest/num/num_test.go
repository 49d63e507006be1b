package num_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"reflect"
	"testing"

	"rechost/guest/abi"
	"rechost/guest/num"
	"rechost/guest/num/numtest"
)

// Every kernel's bits on one input, the same on every machine. When a change
// of a loop moves them, results of earlier runs no longer hold: raise
// abi.KernelVersion with the new digest.
func TestBitsArePinned(t *testing.T) {
	y, items, offsets, index, value := numtest.Input()
	bits := numtest.Bits(num.Dense(y, numtest.Factors), num.CSR(items, offsets, index, value))
	h := sha256.New()
	if err := binary.Write(h, binary.LittleEndian, bits); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("version %d: %x", abi.KernelVersion, h.Sum(nil))
	if got != pinned {
		t.Errorf("%d words, %s, want %s", len(bits), got, pinned)
	}
}

const pinned = "version 2: 8a3b9e980db42de98e40d6385bb527b51a528b60092ca9f70294eb80ed8d9342"

func TestSlices(t *testing.T) {
	m := num.CSR(9, []uint64{5, 7, 7, 10}, []uint32{1, 2, 3, 4, 5}, nil)
	sums := make([]float32, 2)
	num.RowSums(sums, m.Slice(1, 2), 0)
	if sums[0] != 0 || sums[1] != 3 {
		t.Errorf("entries %v, want [0 3]", sums)
	}
	for name, f := range map[string]func(){
		"rows":  func() { m.Slice(2, 2) },
		"input": func() { num.Opened[float32](0, 10, 5).Slice(3, 3) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a slice out of range did not panic", name)
				}
			}()
			f()
		}()
	}
	if v := num.Opened[float32](0, 10, 5).Slice(1, 3); v.Len() != 3 || v.Data() != nil {
		t.Errorf("%d elements", v.Len())
	}
}

// Lists made in the room of others, of more rows, fewer or none, are those made
// afresh.
func TestListsInTheRoomOfOthers(t *testing.T) {
	_, items, offsets, index, value := numtest.Input()
	m := num.CSR(items, offsets, index, value)
	across := num.Transpose(m)
	var room num.Lists
	for _, c := range []struct{ first, rows, k int }{{0, m.Rows, 9}, {2, 5, 3}, {0, 0, 3}, {1, m.Rows - 1, 4}, {3, 4, 0}, {0, m.Rows, 11}} {
		p := num.Product{A: m.Slice(c.first, c.rows), B: across}
		room.ProductTopK(p, c.k)
		if want := num.ProductTopK(p, c.k); !reflect.DeepEqual(room, want) {
			t.Errorf("rows %d to %d, the best %d: %v, want %v", c.first, c.first+c.rows, c.k, room, want)
		}
	}
}
