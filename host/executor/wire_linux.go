package executor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/task"
)

// The protocol between host and worker: JSON messages over a SOCK_SEQPACKET
// pair, each with at most one descriptor. What is long, and all data, travels
// as sealed memfds: their content cannot change or shrink under a reader.
//
//	host    hello + module                         worker  ready | failed
//	host    array + file, …, run | plan | describe  worker  output + memfd, …, done | failed
//
// The worker's side believes the host. The host believes nothing: types,
// counts, order, sizes and seals are checked, no more is read than was asked
// for, and a worker that says anything else is killed.

// message is every message of the host; which fields count follows from Kind.
// A worker's are replies.
type message struct {
	Kind string `json:"kind"`

	// hello
	Name        string      `json:"name,omitempty"`
	Limits      task.Limits `json:"limits,omitzero"`
	CacheDir    string      `json:"cache_dir,omitempty"`
	Prepared    string      `json:"prepared,omitempty"` // see sandbox.Options
	Compile     int64       `json:"compile,omitempty"`  // bytes of address space for compiling and putting the code into CacheDir; 0: it lies there
	Interpreter bool        `json:"interpreter,omitempty"`
	Places      bool        `json:"places,omitempty"`
	CPU         uint64      `json:"cpu,omitempty"`     // hard limit, seconds
	Drill       drill       `json:"drill,omitempty"`   // the worker is for Drill
	Kernels     string      `json:"kernels,omitempty"` // form, see kernel.Use

	// array
	Meta array.Meta `json:"meta,omitzero"`

	// run, plan, describe
	Index   int             `json:"index,omitempty"`
	ID      digest.Digest   `json:"id,omitzero"`
	Config  []byte          `json:"config,omitempty"`
	Inputs  []task.Input    `json:"inputs,omitempty"`
	Outputs []task.Output   `json:"outputs,omitempty"`
	Threads int             `json:"threads,omitempty"` // that one kernel may use; in hello, GOMAXPROCS
	Drop    []digest.Digest `json:"drop,omitempty"`    // arrays that will not be used again

	// drill: Name, and
	Second bool `json:"second,omitempty"` // on another thread
	Left   int  `json:"left,omitempty"`   // descriptor that the host had open, see escape
}

// The kinds of message.
const (
	msgHello    = "hello"
	msgReady    = "ready"
	msgArray    = "array"
	msgRun      = "run"
	msgPlan     = "plan"
	msgDescribe = "describe"
	msgOutput   = "output"
	msgDone     = "done"
	msgFailed   = "failed"
	msgDrill    = "drill" // answered by workers for drills only
)

const (
	maxInline = 32 << 10 // longer messages travel as a memfd
	inline    = 'j'
	enclosed  = 'm'
)

// send writes one message. file goes along if it is not nil; a message with a
// file is short.
func send[M message | reply](fd int, m *M, file *os.File) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // nobody's browser reads it, and a log would grow sixfold
	err := e.Encode(m)
	if err != nil {
		return err
	}
	b := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	kind := byte(inline)
	if len(b) > maxInline {
		if file != nil {
			return fmt.Errorf("a message of %d bytes with a descriptor", len(b))
		}
		if file, err = sealed("message", func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
			return err
		}
		defer file.Close()
		kind, b = enclosed, nil
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	for {
		err = unix.Sendmsg(fd, append([]byte{kind}, b...), rights, nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

var errLies = errors.New("not a message of the protocol")

// receive reads one message and the descriptor that came with it, or nil. A
// message that came as a memfd may have most bytes.
func receive(fd int, most int64) ([]byte, *os.File, error) {
	buf := make([]byte, 1+maxInline+1)
	oob := make([]byte, unix.CmsgSpace(4*8))
	var n, oobn, flags int
	for {
		var err error
		n, oobn, flags, _, err = unix.Recvmsg(fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		break
	}
	file, err := oneFile(oob[:oobn])
	if err != nil {
		return nil, nil, err
	}
	if n == 0 && file == nil {
		return nil, nil, io.EOF
	}
	b, enclosed, err := text(buf[:n], file, flags, most)
	if (err != nil || enclosed) && file != nil {
		file.Close()
		file = nil
	}
	return b, file, err
}

// text takes the text out of a datagram, or out of the file that came with it.
func text(b []byte, file *os.File, flags int, most int64) (text []byte, isEnclosed bool, err error) {
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || len(b) == 0 {
		return nil, false, errLies
	}
	switch {
	case b[0] == inline:
		return b[1:], false, nil
	case b[0] != enclosed || len(b) > 1 || file == nil:
		return nil, false, errLies
	}
	size, err := checkSealed(file)
	if err != nil {
		return nil, true, err
	}
	if size > most {
		return nil, true, fmt.Errorf("a message of %d bytes, more than %d", size, most)
	}
	text = make([]byte, size)
	if _, err := file.ReadAt(text, 0); err != nil {
		return nil, true, err
	}
	return text, true, nil
}

// receiveMessage reads one message of the host, and the descriptor that came
// with it, or nil.
func receiveMessage(fd int) (*message, *os.File, error) {
	b, file, err := receive(fd, math.MaxInt64)
	if err != nil {
		return nil, nil, err
	}
	m := new(message)
	if err := json.Unmarshal(b, m); err != nil {
		if file != nil {
			file.Close()
		}
		return nil, nil, errLies
	}
	return m, file, nil
}

// oneFile takes the descriptor out of control data; more than one is a lie.
func oneFile(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	controls, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, errLies
	}
	var fds []int
	for i := range controls {
		if x, err := unix.ParseUnixRights(&controls[i]); err == nil {
			fds = append(fds, x...)
		}
	}
	if len(fds) == 1 && len(controls) == 1 {
		return os.NewFile(uintptr(fds[0]), "received"), nil
	}
	for _, x := range fds {
		unix.Close(x)
	}
	return nil, errLies
}

const allSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL

// newMemfd makes an empty memfd that cannot be executed, where the kernel
// (6.3) knows that.
func newMemfd(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func seal(f *os.File) error {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, allSeals); err != nil {
		return fmt.Errorf("cannot seal: %w", err)
	}
	return nil
}

// sealed makes a memfd with the content that fill writes.
func sealed(name string, fill func(io.Writer) error) (*os.File, error) {
	f, err := newMemfd(name)
	if err != nil {
		return nil, err
	}
	if err = fill(f); err == nil {
		err = seal(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// checkSealed returns the size of a memfd that nobody can change any more.
func checkSealed(f *os.File) (int64, error) {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || seals&allSeals != allSeals {
		return 0, fmt.Errorf("a descriptor that is not a sealed memfd")
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size < 0 {
		return 0, fmt.Errorf("a descriptor that is not a file")
	}
	return st.Size, nil
}
