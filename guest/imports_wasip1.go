//go:build wasip1

package guest

import (
	"unsafe"

	"rechost/guest/abi"
)

//go:wasmimport rechost config_size
func configSize() int32

//go:wasmimport rechost config_read
func configRead(ptr unsafe.Pointer)

//go:wasmimport rechost describe
func importDescribe(ptr unsafe.Pointer, n int32)

//go:wasmimport rechost plan
func importPlan(ptr unsafe.Pointer, n int32)

//go:wasmimport rechost input_open
func inputOpen(name unsafe.Pointer, n int32) int32

//go:wasmimport rechost input_info
func inputInfo(handle int32, ptr unsafe.Pointer)

//go:wasmimport rechost input_read
func inputRead(handle int32, first, n int64, ptr unsafe.Pointer)

//go:wasmimport rechost output_write
func outputWrite(name unsafe.Pointer, n int32, ptr unsafe.Pointer, bytes int32)

//go:wasmimport rechost log
func importLog(level int32, ptr unsafe.Pointer, n int32)

//go:wasmimport rechost progress
func importProgress(done, total int64)

//go:wasmimport rechost fail
func importFail(ptr unsafe.Pointer, n int32)

//go:wasmimport rechost refuse
func importRefuse(ptr unsafe.Pointer, n int32)

//go:wasmexport rechost_abi
func exportABI() int32 { return abi.Version }

// exportResume is there for its name: it allows the host to begin calls where
// the runtime has started, with the same seeds for maps and for the global
// functions of math/rand in every task.
//
//go:wasmexport rechost_resume
func exportResume() {}

//go:wasmexport rechost_describe
func exportDescribe() int32 {
	return export(func(m *Module) error {
		b, err := m.DescribeJSON()
		if err == nil {
			importDescribe(unsafe.Pointer(unsafe.SliceData(b)), int32(len(b)))
		}
		return err
	})
}

//go:wasmexport rechost_plan
func exportPlan() int32 {
	return export(func(m *Module) error {
		b, err := m.PlanJSON(config())
		if r, ok := err.(Refusal); ok {
			importRefuse(unsafe.Pointer(unsafe.StringData(string(r))), int32(len(r)))
		}
		if err == nil {
			importPlan(unsafe.Pointer(unsafe.SliceData(b)), int32(len(b)))
		}
		return err
	})
}

//go:wasmexport rechost_run
func exportRun(stage int32) int32 {
	return export(func(m *Module) error { return m.RunJSON(config(), int(stage), sandbox{}) })
}

// export runs an export's body. An error becomes a call of fail; the trace of
// a panic goes to stderr, where the host finds file and line.
func export(body func(m *Module) error) int32 {
	err := error(Failure("the program registers no module: call guest.Register in init"))
	if registered != nil {
		err = body(registered)
	}
	if err == nil {
		return 0
	}
	msg := err.Error()
	importFail(unsafe.Pointer(unsafe.StringData(msg)), int32(len(msg)))
	return 1
}

func config() []byte {
	b := make([]byte, configSize())
	if len(b) > 0 {
		configRead(unsafe.Pointer(unsafe.SliceData(b)))
	}
	return b
}

// sandbox is the Host behind the imports.
type sandbox struct{}

func (sandbox) Open(name string) (Input, bool) {
	h := inputOpen(unsafe.Pointer(unsafe.StringData(name)), int32(len(name)))
	if h < 0 {
		return Input{}, false
	}
	var info [4]uint64
	inputInfo(h, unsafe.Pointer(&info))
	if info[0] >= uint64(len(abi.DTypes)) {
		mistake[int]("input " + name + " has an element type unknown to this module")
	}
	return Input{Handle: h, DType: abi.DTypes[info[0]], Rows: int(info[1]), Width: int(info[2]), Elements: int(info[3])}, true
}

func (sandbox) Read(in Input, first, n int, dst []byte) {
	inputRead(in.Handle, int64(first), int64(n), unsafe.Pointer(unsafe.SliceData(dst)))
}

func (sandbox) Write(name string, data []byte) {
	outputWrite(unsafe.Pointer(unsafe.StringData(name)), int32(len(name)), unsafe.Pointer(unsafe.SliceData(data)), int32(len(data)))
}

func (sandbox) Log(level int, msg string) {
	importLog(int32(level), unsafe.Pointer(unsafe.StringData(msg)), int32(len(msg)))
}

func (sandbox) Progress(done, total int) { importProgress(int64(done), int64(total)) }
