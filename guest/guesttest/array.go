package guesttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
)

// Array is a typed array: a slice of uint8, uint32, int32, uint64, int64,
// float32 or float64.
type Array struct {
	Data     any
	Width    int // columns of a matrix; 0: 1-D
	PerEntry bool
}

// Frame is arrays over common rows.
type Frame struct {
	Rows   int
	Arrays map[string]Array
}

// sizes is the bytes of an element of each type.
var sizes = map[string]int{"u8": 1, "u32": 4, "i32": 4, "u64": 8, "i64": 8, "f32": 4, "f64": 8}

// DType is the array's element type by the name that a plan uses.
func (a Array) DType() string {
	switch a.Data.(type) {
	case []uint8:
		return "u8"
	case []uint32:
		return "u32"
	case []int32:
		return "i32"
	case []uint64:
		return "u64"
	case []int64:
		return "i64"
	case []float32:
		return "f32"
	case []float64:
		return "f64"
	}
	return fmt.Sprintf("%T", a.Data)
}

// Len is the number of elements.
func (a Array) Len() int { return reflect.ValueOf(a.Data).Len() }

// Rows is the number of rows of Width elements.
func (a Array) Rows() int { return a.Len() / max(a.Width, 1) }

// cut is rows [lo, hi).
func (a Array) cut(lo, hi int) Array {
	w := max(a.Width, 1)
	a.Data = reflect.ValueOf(a.Data).Slice3(lo*w, hi*w, hi*w).Interface()
	return a
}

// join is the rows of one array after the other.
func join(parts []Array) Array {
	all := parts[0]
	v := reflect.MakeSlice(reflect.TypeOf(all.Data), 0, 0)
	for _, p := range parts {
		v = reflect.AppendSlice(v, reflect.ValueOf(p.Data))
	}
	all.Data = v.Interface()
	return all
}

// Bytes is the data, little endian.
func (a Array) Bytes() []byte {
	b, err := binary.Append(nil, binary.LittleEndian, a.Data)
	if err != nil {
		panic(err)
	}
	return b
}

// FromBytes is the array of so many columns whose data is b.
func FromBytes(dtype string, width int, b []byte) (Array, error) {
	a := Array{Width: width}
	size := sizes[dtype]
	if size == 0 || len(b)%(size*max(width, 1)) != 0 {
		return a, fmt.Errorf("%d bytes are no rows of %d x %s", len(b), max(width, 1), dtype)
	}
	n := len(b) / size
	switch dtype {
	case "u8":
		a.Data = make([]uint8, n)
	case "u32":
		a.Data = make([]uint32, n)
	case "i32":
		a.Data = make([]int32, n)
	case "u64":
		a.Data = make([]uint64, n)
	case "i64":
		a.Data = make([]int64, n)
	case "f32":
		a.Data = make([]float32, n)
	case "f64":
		a.Data = make([]float64, n)
	}
	_, err := binary.Decode(b, binary.LittleEndian, a.Data)
	return a, err
}

// Same returns an error that names the first array and element in which two
// sets of frames differ by a bit.
func Same(a, b map[string]Frame) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d frames and %d", len(a), len(b))
	}
	for _, name := range sorted(a) {
		x, y := a[name], b[name]
		if x.Rows != y.Rows || len(x.Arrays) != len(y.Arrays) {
			return fmt.Errorf("%s: %d rows of %d arrays and %d of %d", name, x.Rows, len(x.Arrays), y.Rows, len(y.Arrays))
		}
		for _, n := range sorted(x.Arrays) {
			p, q := x.Arrays[n], y.Arrays[n]
			if q.Data == nil || p.DType() != q.DType() || p.Width != q.Width || p.Len() != q.Len() {
				return fmt.Errorf("%s.%s: other shapes", name, n)
			}
			if bytes.Equal(p.Bytes(), q.Bytes()) {
				continue
			}
			for i := range p.Len() {
				u, v := p, q
				u.Width, v.Width = 0, 0
				if u, v = u.cut(i, i+1), v.cut(i, i+1); !bytes.Equal(u.Bytes(), v.Bytes()) {
					return fmt.Errorf("%s.%s element %d: %v and %v (bytes %x and %x)", name, n, i, u.Data, v.Data, u.Bytes(), v.Bytes())
				}
			}
		}
	}
	return nil
}
