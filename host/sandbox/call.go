package sandbox

import (
	"context"
	"fmt"
	"math"
	"time"
	"unsafe"

	"rechost/host/array"
	"rechost/host/fault"
)

// A valueType is a wasm value type, in its binary form.
type valueType = byte

const (
	i32 valueType = 0x7f
	i64 valueType = 0x7e
	f32 valueType = 0x7d
	f64 valueType = 0x7c
)

// A hostFunc is a function that guests may import. It takes its arguments from
// stack and puts its result in stack[0]: an i32 is the low half of its uint64
// (uint32(stack[i])), an f32 is math.Float32frombits(uint32(stack[i])). Every
// argument is hostile. A hostFunc never blocks and never runs longer than a
// millisecond without c.pause.
type hostFunc struct {
	params, results []valueType
	fn              func(c *call, stack []uint64)
}

// kernels are the functions of abi.NumModule by name; num.go fills it while
// the program starts.
var kernels = map[string]hostFunc{}

// A call is one guest call with the state of its instance: what every host
// function works on. It lives for one task and is used by one goroutine.
//
// The views that its methods return are of the guest's memory itself: they
// are valid until the host function returns, because a guest that grows its
// memory or reads an input may move or remap what is under them.
type call struct {
	ctx    context.Context
	module *Module
	*instance

	inputs  []Input
	open    []*opened
	outputs []outputBuffer
	limits  Limits
	threads int // that one kernel may use
	config  []byte
	phase   phase
	emitted []byte // what "describe" or "plan" gave
	guest   guestState
	times   timers

	// kernel is for the functions of num.go to keep what they need between
	// calls of one instance: scratch space, plans. It starts as nil and is
	// dropped with the instance.
	kernel any

	failure    error    // why the task ended, when a host function ended it
	said       bool     // failure is the guest's own word
	exited     bool     // failure is an exit of the guest
	asked      bool     // the guest has called functions that know of the call
	trace      []string // see Reply.Trace
	calls      int64
	outputLeft int64
	deadline   time.Time // zero: none
}

// phase is which export is running.
type phase int

const (
	starting phase = iota
	describing
	planning
	running
)

// opened is an input that the guest opened; its handle is its place.
type opened struct {
	Input
	first int64 // first element of the array that the guest may see
	n     int64 // elements that it may see
}

// ended is the panic value that takes a host function's failure up through
// the guest's frames.
type ended struct{ err error }

func (e *ended) Error() string { return e.err.Error() }
func (e *ended) Unwrap() error { return e.err }

// fail ends the task as the module's fault. It does not return.
func (c *call) fail(format string, a ...any) {
	c.end(fault.Mod(format, a...))
}

// end ends the task with err. It does not return.
func (c *call) end(err error) {
	if c.failure == nil {
		c.failure = err
	}
	panic(&ended{c.failure})
}

// pause lets the scheduler and the deadline in. A loop of a kernel that can
// take longer than a millisecond calls it at least that often: Go can preempt
// neither assembly nor the guest that waits for it. It costs about 50 ns.
func (c *call) pause() {
	now := time.Now()
	if !c.deadline.IsZero() && now.After(c.deadline) {
		c.end(fault.Lim("still running after %v", c.limits.Deadline).
			WithHint("allow more with --deadline"))
	}
	if err := c.ctx.Err(); err != nil {
		c.end(err)
	}
	c.module.pause()
}

// bytes views n bytes of guest memory at ptr. what names the argument in the
// error, such as "output_write: data".
func (c *call) bytes(what string, ptr uint32, n uint64) []byte {
	b := c.mem.bytes
	if n > uint64(len(b)) || uint64(ptr) > uint64(len(b))-n {
		c.outside(what, ptr, n)
	}
	return b[ptr : uint64(ptr)+n : uint64(ptr)+n]
}

func (c *call) outside(what string, ptr uint32, n uint64) {
	c.fail("%s: %d bytes at %#x lie outside the module's memory of %d bytes", what, n, ptr, len(c.mem.bytes))
}

// text copies n bytes of guest memory at ptr, for names and messages.
func (c *call) text(what string, ptr, n uint32, most int) string {
	if uint64(n) > uint64(most) {
		c.fail("%s: %d bytes, longer than %d", what, n, most)
	}
	return string(c.bytes(what, ptr, uint64(n)))
}

// vector views n elements of guest memory at ptr, which must be a multiple of
// the element's size.
func vector[T array.Number](c *call, what string, ptr uint32, n uint64) []T {
	var z T
	size := uint64(unsafe.Sizeof(z))
	b := c.mem.bytes
	if n > uint64(len(b))/size || uint64(ptr) > uint64(len(b))-n*size {
		c.outside(what, ptr, saturate(n, size))
	}
	if uint64(ptr)%size != 0 {
		c.fail("%s: %#x is not aligned to %d bytes", what, ptr, size)
	}
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[ptr])), int(n))
}

func saturate(n, size uint64) uint64 {
	if n > math.MaxUint64/size {
		return math.MaxUint64
	}
	return n * size
}

// The element types that kernels take, from guest memory at ptr.
func (c *call) f32(what string, ptr uint32, n uint64) []float32 {
	return vector[float32](c, what, ptr, n)
}

func (c *call) u32(what string, ptr uint32, n uint64) []uint32 {
	return vector[uint32](c, what, ptr, n)
}

func (c *call) u64(what string, ptr uint32, n uint64) []uint64 {
	return vector[uint64](c, what, ptr, n)
}

// input returns the opened input of a handle.
func (c *call) input(what string, handle int32) *opened {
	if handle < 0 || int(handle) >= len(c.open) {
		c.fail("%s: no input has the handle %d: %d are open", what, handle, len(c.open))
	}
	return c.open[handle]
}

// operand views n elements that a kernel may only read: elements [at, at+n)
// of what the guest was granted of an opened input when handle >= 0, guest
// memory at the byte address at when handle is negative. Writing to the view
// of an input ends the process.
func operand[T array.Number](c *call, what string, handle int32, at, n uint64) []T {
	if handle < 0 {
		if at > math.MaxUint32 {
			c.fail("%s: %#x is not an address", what, at)
		}
		return vector[T](c, what, uint32(at), n)
	}
	in := c.input(what, handle)
	if in.Array.Meta.DType != dtypeOf[T]() {
		c.fail("%s: input %s has elements of %s, not %s", what, in.Name, in.Array.Meta.DType, dtypeOf[T]())
	}
	if n > uint64(in.n) || at > uint64(in.n)-n {
		c.fail("%s: elements %d to %d of input %s, which has %d", what, at, at+n, in.Name, in.n)
	}
	data, err := in.Array.data()
	if err != nil {
		c.end(fault.New(fault.Failed, "input %s: %v", in.Name, err))
	}
	return array.View[T](data)[uint64(in.first)+at:][:n:n]
}

// operandF32 and its like are operand for the types that kernels take.
func (c *call) operandF32(what string, handle int32, at, n uint64) []float32 {
	return operand[float32](c, what, handle, at, n)
}

func (c *call) operandU32(what string, handle int32, at, n uint64) []uint32 {
	return operand[uint32](c, what, handle, at, n)
}

func (c *call) operandU64(what string, handle int32, at, n uint64) []uint64 {
	return operand[uint64](c, what, handle, at, n)
}

func dtypeOf[T array.Number]() array.DType {
	var z T
	switch any(z).(type) {
	case uint8:
		return array.U8
	case uint32:
		return array.U32
	case int32:
		return array.I32
	case uint64:
		return array.U64
	case int64:
		return array.I64
	case float32:
		return array.F32
	case float64:
		return array.F64
	}
	panic(fmt.Sprintf("sandbox: %T is not an element type", z)) // a programming error
}
