//go:build wasm

// Num is a module for tests that calls every kernel on opened inputs and hands
// back the bits of what it got.
package main

import (
	"unsafe"

	"rechost/guest/num"
	"rechost/guest/num/numtest"
)

//go:wasmimport rechost input_open
func inputOpen(p unsafe.Pointer, n int32) int32

//go:wasmimport rechost input_info
func inputInfo(h int32, p unsafe.Pointer)

//go:wasmimport rechost output_write
func outputWrite(name unsafe.Pointer, n int32, p unsafe.Pointer, bytes int32)

func open(name string) (handle int32, n int) {
	handle = inputOpen(unsafe.Pointer(unsafe.StringData(name)), int32(len(name)))
	var info [4]uint64
	inputInfo(handle, unsafe.Pointer(&info))
	return handle, int(info[3])
}

//go:wasmexport rechost_abi
func abi() int32 { return 1 }

//go:wasmexport rechost_describe
func describe() int32 { return 1 }

//go:wasmexport rechost_plan
func plan() int32 { return 1 }

//go:wasmexport rechost_run
func run(int32) int32 {
	h, n := open("y.data")
	y := num.Matrix{Rows: n / numtest.Factors, Cols: numtest.Factors, Data: num.Opened[float32](h, 0, n)}
	h, n = open("m.offsets")
	m := num.Sparse{Rows: n - 1, Cols: y.Rows, Offsets: num.Opened[uint64](h, 0, n)}
	h, n = open("m.index")
	m.Index = num.Opened[uint32](h, 0, n)
	h, n = open("m.value")
	m.Value = num.Opened[float32](h, 0, n)
	bits := append(numtest.Bits(y, m), numtest.LinearBits(y, m)...)
	bits = append(append(bits, numtest.MaskBits(y, m)...), numtest.ElasticBits(m)...)
	name := "out.bits"
	outputWrite(unsafe.Pointer(unsafe.StringData(name)), int32(len(name)), unsafe.Pointer(unsafe.SliceData(bits)), int32(4*len(bits)))
	return 0
}

func main() {}
