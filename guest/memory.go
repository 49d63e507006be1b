package guest

import "unsafe"

// number is an element type of an array.
type number interface {
	~uint8 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float32 | ~float64
}

// bytesOf is the memory of a slice. Arrays are little endian, as is every
// system that this package supports.
func bytesOf[T number](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	var x T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(x)))
}
