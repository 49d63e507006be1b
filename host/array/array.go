// Package array has the immutable typed arrays that flow through a run, and
// frames: named arrays that share their rows.
//
// An array's form outside memory is a NumPy .npy file, version 1.0, whose
// header is padded with spaces to 4096 bytes so that the data starts on a page
// and a file can be mapped into a guest. Its name is the SHA-256 of the file.
package array

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"rechost/guest/abi"
	"rechost/host/digest"
)

// DType is an element type. All are little endian.
type DType uint8

// The element types, in the order of abi.DTypes.
const (
	U8 DType = iota
	U32
	I32
	U64
	I64
	F32
	F64
)

var sizes = [...]int{1, 4, 4, 8, 8, 4, 8}

// Size is the bytes of one element.
func (d DType) Size() int { return sizes[d] }

func (d DType) String() string { return abi.DTypes[d] }

// Format writes the element that b holds, with its bits where they say more
// than the number.
func (d DType) Format(b []byte) string {
	switch d {
	case U8:
		return fmt.Sprint(b[0])
	case U32:
		return fmt.Sprint(binary.LittleEndian.Uint32(b))
	case I32:
		return fmt.Sprint(int32(binary.LittleEndian.Uint32(b)))
	case U64:
		return fmt.Sprint(binary.LittleEndian.Uint64(b))
	case I64:
		return fmt.Sprint(int64(binary.LittleEndian.Uint64(b)))
	case F32:
		x := binary.LittleEndian.Uint32(b)
		return fmt.Sprintf("%v (bits %08x)", math.Float32frombits(x), x)
	default:
		x := binary.LittleEndian.Uint64(b)
		return fmt.Sprintf("%v (bits %016x)", math.Float64frombits(x), x)
	}
}

// ParseDType reads a name of abi.DTypes.
func ParseDType(s string) (DType, error) {
	for i, n := range abi.DTypes {
		if n == s {
			return DType(i), nil
		}
	}
	return 0, fmt.Errorf("no element type %q: the types are %v", s, abi.DTypes)
}

// MarshalText gives the name.
func (d DType) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the name.
func (d *DType) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDType(string(b))
	return err
}

// Meta describes an array without its data: shape (Rows) when Width is 0,
// (Rows, Width) otherwise.
type Meta struct {
	DType  DType         `json:"dtype"`
	Rows   int           `json:"rows"`
	Width  int           `json:"width,omitempty"`
	Digest digest.Digest `json:"digest"`
}

// Elements is the number of elements.
func (m Meta) Elements() int { return m.Rows * max(m.Width, 1) }

// Bytes is the size of the data, without the file's header.
func (m Meta) Bytes() int64 { return int64(m.Elements()) * int64(m.DType.Size()) }

// RowBytes is the size of one row.
func (m Meta) RowBytes() int { return max(m.Width, 1) * m.DType.Size() }

// Column is an array in a frame.
type Column struct {
	Meta
	PerEntry bool `json:"per_entry,omitempty"` // one row an entry, delimited by the frame's offsets
}

// Frame is named arrays over Rows rows. Where a column is per entry, the frame
// has a column "offsets" (u64, Rows+1) that delimits the entries of each row.
type Frame struct {
	Rows   int               `json:"rows"`
	Arrays map[string]Column `json:"arrays"`
}

// Names returns the frame's array names, sorted.
func (f Frame) Names() []string {
	names := make([]string, 0, len(f.Arrays))
	for n := range f.Arrays {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Digest is the SHA-256 of the frame's canonical JSON.
func (f Frame) Digest() digest.Digest { return digest.OfJSON(f) }
