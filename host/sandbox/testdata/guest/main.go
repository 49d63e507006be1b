// Guest is a module for tests: each stage does one thing, good or bad. It is
// written without the SDK, on the bare imports.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"time"
	"unsafe"
)

//go:wasmimport rechost config_size
func configSize() int32

//go:wasmimport rechost config_read
func configRead(p unsafe.Pointer)

//go:wasmimport rechost describe
func describe(p unsafe.Pointer, n int32)

//go:wasmimport rechost plan
func plan(p unsafe.Pointer, n int32)

//go:wasmimport rechost input_open
func inputOpen(p unsafe.Pointer, n int32) int32

//go:wasmimport rechost input_info
func inputInfo(h int32, p unsafe.Pointer)

//go:wasmimport rechost input_read
func inputRead(h int32, first, n int64, p unsafe.Pointer)

//go:wasmimport rechost output_write
func outputWrite(name unsafe.Pointer, n int32, p unsafe.Pointer, bytes int32)

//go:wasmimport rechost log
func log(level int32, p unsafe.Pointer, n int32)

//go:wasmimport rechost progress
func progress(done, total int64)

//go:wasmimport rechost fail
func fail(p unsafe.Pointer, n int32)

func at(s string) (unsafe.Pointer, int32) {
	return unsafe.Pointer(unsafe.StringData(s)), int32(len(s))
}

func write[T any](name string, v []T) {
	var z T
	n, l := at(name)
	outputWrite(n, l, unsafe.Pointer(unsafe.SliceData(v)), int32(len(v)*int(unsafe.Sizeof(z))))
}

// input reads all of an input of float32. With room for a page more, it is put
// where the host can map it.
func input(name string) []float32 {
	p, n := at(name)
	h := inputOpen(p, n)
	if h < 0 {
		return nil
	}
	var info [4]uint64
	inputInfo(h, unsafe.Pointer(&info))
	v := make([]float32, info[3])
	if len(v) > 0 {
		inputRead(h, 0, int64(len(v)), unsafe.Pointer(&v[0]))
	}
	return v
}

func config() (c struct {
	Parameters map[string]any
	Task       struct{ Shard, Shards, First, Rows int }
}) {
	b := make([]byte, configSize())
	configRead(unsafe.Pointer(&b[0]))
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	return c
}

//go:wasmexport rechost_abi
func abi() int32 { return 1 }

//go:wasmexport rechost_describe
func describeMe() int32 {
	describe(at(`{"name":"guest","version":"1","summary":"for tests","parameters":[{"name":"mode","type":"string","default":"","help":"what plan does"}]}`))
	return 0
}

//go:wasmexport rechost_plan
func planMe() int32 {
	switch config().Parameters["mode"] {
	case "loop":
		forever()
	case "panic":
		panic("no plan")
	case "none":
		return 0
	case "twice":
		plan(at("{}"))
	case "long":
		plan(at(`{"steps":[` + string(make([]byte, 100<<10)) + `]}`))
		return 0
	}
	plan(at(`{"steps":[]}`))
	return 0
}

var (
	turns   int
	sink    [][]byte
	deeper  func(int) int
	nothing *int
)

//go:noinline
func forever() {
	for {
		turns++
	}
}

// Stages, by index.
const (
	Double = iota
	Panic
	Loop
	LogFlood
	Grow
	Recurse
	TooLong
	TooShort
	Fresh
	Scribble
	Fail
	Exit
	Sleep
	Print
	Random
	ReturnOne
	Nil
	Wait
	Garbage
	Environment
)

//go:wasmexport rechost_run
func run(stage int32) int32 {
	switch stage {
	case Double:
		v := input("in.x")
		for i := range v {
			v[i] *= 2
		}
		write("out.y", v)
	case Panic:
		v := input("in.x")
		v[len(v)+turns] = 1
	case Loop:
		forever()
	case LogFlood:
		for {
			p, n := at("a line of log that says nothing")
			log(1, p, n)
		}
	case Grow:
		for {
			sink = append(sink, make([]byte, 1<<20))
			sink[len(sink)-1][0] = 1
		}
	case Recurse:
		deeper = func(n int) int { return deeper(n+1) + n }
		fmt.Println(deeper(0))
	case TooLong:
		write("out.y", make([]float32, 1000))
	case TooShort:
		write("out.y", make([]float32, 1))
	case Fresh:
		turns++
		write("out.y", []float32{float32(turns)})
	case Scribble:
		v := input("in.x")
		var before, after float32
		for i := range v {
			before += v[i]
			v[i] = 7
			after += v[i]
		}
		write("out.y", []float32{before, after})
	case Fail:
		fail(at("this data is \x1b[31mnot\x1b[0m for me\n"))
	case Exit:
		fmt.Fprintln(os.Stderr, "going away")
		os.Exit(3)
	case Sleep:
		start := time.Now()
		time.Sleep(time.Hour)
		write("out.y", []float32{float32(time.Since(start) / time.Hour)})
	case Print:
		fmt.Println("hello from", config().Task.Shard)
		fmt.Fprintln(os.Stderr, "and \x1b[2Jfrom stderr")
		log(2, unsafe.Pointer(unsafe.StringData("careful")), 7)
		progress(1, 2)
		fmt.Print("and no end")
	case Random:
		write("out.y", []uint32{rand.Uint32(), rand.Uint32(), uint32(time.Now().Unix())})
	case ReturnOne:
		return 1
	case Nil:
		*nothing = 1
	case Wait:
		// About a second of work, in pieces that let others in.
		for i := range 400 {
			progress(int64(i), 400)
			for range 2_000_000 {
				turns++
			}
		}
		write("out.y", []float32{1})
	case Garbage:
		for i := range 3000 {
			sink = [][]byte{make([]byte, 1<<16), make([]byte, 1<<10)}
			sink[0][i] = 1
			progress(0, 1)
		}
		write("out.y", []float32{1})
	case Environment:
		_, err := os.ReadFile("/etc/passwd")
		write("out.y", []float32{float32(len(os.Args)), float32(len(os.Environ())), map[bool]float32{true: 1}[err != nil]})
	}
	return 0
}

func main() {}
