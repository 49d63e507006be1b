package guest

import (
	"math"
	"runtime"
	"slices"
	"strconv"

	"rechost/guest/abi"
)

// Task is one call of a stage's function: the stage on one shard.
type Task struct {
	*Config
	Stage     string
	Iteration int // turn of the innermost repeat, from 0
	Shard     int
	Shards    int
	First     int // first row of the shard
	Rows      int // rows of the shard; 1 over Once

	stage *Stage
	host  Host
	lists []*Lists
}

// Has tells whether the task has an input array, "frame.array".
func (t *Task) Has(name string) bool {
	_, ok := t.host.Open(name)
	return ok
}

// F32 returns a whole input array, "frame.array": the task's own rows where
// the stage bound the frame as aligned. A matrix comes row by row. The slice
// is the task's own.
func (t *Task) F32(name string) []float32 { return read[float32](t, name, "f32") }

// F64 is F32 for an array of float64.
func (t *Task) F64(name string) []float64 { return read[float64](t, name, "f64") }

// U32 is F32 for an array of uint32, such as the ids of users and items.
func (t *Task) U32(name string) []uint32 { return read[uint32](t, name, "u32") }

// I32 is F32 for an array of int32.
func (t *Task) I32(name string) []int32 { return read[int32](t, name, "i32") }

// U64 is F32 for an array of uint64, such as offsets.
func (t *Task) U64(name string) []uint64 { return read[uint64](t, name, "u64") }

// I64 is F32 for an array of int64, such as times.
func (t *Task) I64(name string) []int64 { return read[int64](t, name, "i64") }

// U8 is F32 for an array of bytes.
func (t *Task) U8(name string) []byte { return read[byte](t, name, "u8") }

func (t *Task) open(name, dtype string) Input {
	in, ok := t.host.Open(name)
	if !ok {
		mistake[int]("stage " + t.Stage + " has no input " + name)
	}
	if dtype != "" && in.DType != dtype {
		mistake[int]("input " + name + " is " + in.DType + ", not " + dtype)
	}
	return in
}

func read[T number](t *Task, name, dtype string) []T {
	in := t.open(name, dtype)
	v := make([]T, in.Elements) // over 32 KiB it starts on a page, so the host can map
	breathe()
	if d, ok := in.Data.([]T); ok {
		copy(v, d)
	} else if len(v) > 0 {
		t.host.Read(in, 0, in.Elements, bytesOf(v))
	}
	return v
}

// ReadF32 copies elements of an input from the given one on to dst: the next
// rows of a large input into the memory of the last.
func (t *Task) ReadF32(dst []float32, name string, from int) {
	in := t.open(name, "f32")
	if from < 0 || from > in.Elements-len(dst) {
		mistake[int]("input " + name + " has no elements from " + text(from) + " to " + text(from+len(dst)))
	}
	if d, ok := in.Data.([]float32); ok {
		copy(dst, d[from:])
		return
	}
	// The host maps what is larger, which costs a page that is written to then
	// more than a copy of it.
	for part := range slices.Chunk(dst, 1<<13) {
		t.host.Read(in, from, len(part), bytesOf(part))
		from += len(part)
	}
}

// breathe lets the garbage collector in. A guest has one thread, and Go's
// collector works on it only when the program yields; one that allocates in a
// loop without yielding runs out of memory that is free.
func breathe() { runtime.Gosched() }

// Entries is a frame with entries in the guest's memory: row i has the
// entries from Offsets[i] to Offsets[i+1], both less Offsets[0].
type Entries struct {
	Offsets []uint64
	IDs     []uint32
	Values  []float32 // nil where no value array was asked for
}

// Entries reads the arrays ids and values of a frame, such as "item" and
// "value" of "targets". With values empty only ids are read.
func (t *Task) Entries(frame, ids, values string) Entries {
	e := Entries{Offsets: t.U64(frame + "." + abi.Offsets), IDs: t.U32(frame + "." + ids)}
	if values != "" {
		e.Values = t.F32(frame + "." + values)
	}
	return e
}

// Row returns the entries of row i, the task's first row being 0.
func (e Entries) Row(i int) (ids []uint32, values []float32) {
	lo, hi := e.Offsets[i]-e.Offsets[0], e.Offsets[i+1]-e.Offsets[0]
	if e.Values != nil {
		values = e.Values[lo:hi:hi]
	}
	return e.IDs[lo:hi:hi], values
}

// Len returns the number of entries of row i.
func (e Entries) Len(i int) int { return int(e.Offsets[i+1] - e.Offsets[i]) }

// WriteF32 appends to an output array, "frame.array".
func (t *Task) WriteF32(name string, v []float32) { write(t, name, "f32", v) }

// WriteF64 is WriteF32 for an array of float64.
func (t *Task) WriteF64(name string, v []float64) { write(t, name, "f64", v) }

// WriteU32 is WriteF32 for an array of uint32.
func (t *Task) WriteU32(name string, v []uint32) { write(t, name, "u32", v) }

// WriteI32 is WriteF32 for an array of int32.
func (t *Task) WriteI32(name string, v []int32) { write(t, name, "i32", v) }

// WriteU64 is WriteF32 for an array of uint64.
func (t *Task) WriteU64(name string, v []uint64) { write(t, name, "u64", v) }

// WriteI64 is WriteF32 for an array of int64.
func (t *Task) WriteI64(name string, v []int64) { write(t, name, "i64", v) }

// WriteU8 is WriteF32 for an array of bytes.
func (t *Task) WriteU8(name string, v []byte) { write(t, name, "u8", v) }

func write[T number](t *Task, name, dtype string, v []T) {
	a, ok := t.stage.declares(name)
	if !ok {
		mistake[int]("stage " + t.Stage + " declares no output " + name)
	}
	if a.DType != dtype {
		mistake[int]("output " + name + " is declared as " + a.DType + ", not " + dtype)
	}
	if len(v) > 0 {
		t.host.Write(name, bytesOf(v))
	}
	breathe()
}

// Log notes something for whoever runs the module. The parts, strings and
// numbers, are joined by blanks.
func (t *Task) Log(parts ...any) { t.host.Log(infoLevel, join(parts)) }

// Debug is Log for what only the author of the module wants to see.
func (t *Task) Debug(parts ...any) { t.host.Log(debugLevel, join(parts)) }

// Warn is Log for what the user should know.
func (t *Task) Warn(parts ...any) { t.host.Log(warnLevel, join(parts)) }

// Progress tells that done rows of total are through.
func (t *Task) Progress(done, total int) { t.host.Progress(done, total) }

// Fail ends the task, and the run, with a message.
func (t *Task) Fail(parts ...any) { panic(Failure(join(parts))) }

func join(parts []any) string {
	var s string
	for i, p := range parts {
		if i > 0 {
			s += " "
		}
		s += text(p)
	}
	return s
}

// text is fmt.Sprint for strings and numbers; fmt itself would add half a
// megabyte to every module.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case error:
		return v.Error()
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint8:
		return strconv.FormatUint(uint64(v), 10)
	case uint32:
		return strconv.FormatUint(uint64(v), 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case float64:
		if math.IsNaN(v) {
			return "NaN"
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return "?"
}
