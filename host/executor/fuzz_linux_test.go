package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox"
	"rechost/host/task"
)

// letters reads messages from fuzzed bytes: a byte for the form, one for the
// length in pieces of 4, one for the size of the memfd that goes along.
type letters []byte

func (l *letters) next() byte {
	if len(*l) == 0 {
		return 0
	}
	b := (*l)[0]
	*l = (*l)[1:]
	return b
}

func (l *letters) take(n int) []byte {
	n = min(n, len(*l))
	b := (*l)[:n]
	*l = (*l)[n:]
	return b
}

// Forms of a letter: bits.
const (
	enclosedForm = 1 << iota // text in a memfd of its own, as long messages are
	withFile                 // a memfd goes along
	unsealedFile             // which is not sealed
	twoFiles                 // or is there twice
)

// post sends one letter to fd and reports whether there was one.
func (l *letters) post(t *testing.T, fd int) bool {
	if len(*l) == 0 {
		return false
	}
	form, length, size := l.next(), l.next(), l.next()
	text := bytes.TrimRight(l.take(4*int(length)), " ")
	var files []*os.File
	memfd := func(b []byte, sealIt bool) {
		f, err := newMemfd("fuzz")
		if err == nil {
			_, err = f.Write(b)
		}
		if err == nil && sealIt {
			err = seal(f)
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	b := append([]byte{inline}, text...)
	if form&enclosedForm != 0 {
		memfd(text, form&unsealedFile == 0)
		b = []byte{enclosed}
	}
	if form&withFile != 0 {
		memfd(make([]byte, size), form&unsealedFile == 0)
	}
	var rights []byte
	if len(files) > 0 {
		fds := []int{}
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
		if form&twoFiles != 0 {
			fds = append(fds, fds[0])
		}
		rights = unix.UnixRights(fds...)
	}
	err := unix.Sendmsg(fd, b, rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	for _, f := range files {
		f.Close()
	}
	return err == nil // else it is full, or the other end is gone
}

// write puts a message into letters.
func (l *letters) write(f *testing.F, form, size byte, m any) {
	b, err := json.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	for len(b)%4 != 0 {
		b = append(b, ' ') // post leaves these out
	}
	*l = append(append(*l, form, byte(len(b)/4), size), b...)
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

func socketPair(t *testing.T) [2]int {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// FuzzReplies is the host's side of the protocol: whatever a worker says, a
// task ends with results of the shapes asked for or with an error in clean
// words, and no descriptor is left.
func FuzzReplies(f *testing.F) {
	gone := exec.Command("/bin/true")
	if err := gone.Run(); err != nil {
		f.Skip(err)
	}
	outputs := []task.Output{{Name: "out.y", DType: array.F32, Rows: 4}, {Name: "out.n", DType: array.U64, Width: 2, Rows: -1}}
	var good, wrong, told, emitted, ready letters
	good.write(f, withFile, 16, &reply{Kind: msgOutput, Output: 0, Size: 16})
	good.write(f, withFile, 32, &reply{Kind: msgOutput, Output: 1, Size: 32})
	good.write(f, enclosedForm, 0, &reply{Kind: msgDone, Log: []string{"info: \x1b[2J"}, Stats: task.Stats{Memory: 1}})
	wrong.write(f, withFile|unsealedFile, 16, &reply{Kind: msgOutput, Size: 16})
	told.write(f, 0, 0, &reply{Kind: msgFailed, Code: fault.Limit, Error: "x\x07", Hint: "y"})
	emitted.write(f, 0, 0, &reply{Kind: msgDone, Emitted: []byte(`{"name":"x"}`)})
	ready.write(f, 0, 0, &reply{Kind: msgReady, Walls: []string{wallProcess, "\x1b[1mrlimits"}})
	for ask := range byte(4) {
		for _, l := range []letters{good, wrong, told, emitted, ready} {
			f.Add(ask, []byte(l))
		}
	}
	f.Add(byte(0), []byte{twoFiles | withFile, 1, 4, 'n', 'u', 'l', 'l'})
	clean := func(t *testing.T, s string) {
		if fault.Clean(s, len(s)) != s {
			t.Errorf("not clean: %q", s)
		}
	}
	f.Fuzz(func(t *testing.T, ask byte, said []byte) {
		before := descriptors(t)
		pair := socketPair(t)
		l := letters(said)
		for l.post(t, pair[1]) {
		}
		unix.Shutdown(pair[1], unix.SHUT_WR)
		p := &processes{options: Options{Name: "g.wasm", Limits: testLimits}, compiling: newLock(), slots: []slot{{lock: newLock()}}}
		p.closing, p.close = context.WithCancel(context.Background())
		liar := &workerProcess{cmd: gone, host: os.NewFile(uintptr(pair[0]), "host"), ended: make(chan struct{}), started: time.Now(), sent: map[digest.Digest]idle{}}
		close(liar.ended)
		p.slots[0].w = liar

		begin := time.Now()
		var err error
		switch ask % 4 {
		case 0:
			err = p.Run(context.Background(), []task.Task{{Stage: "users", Shards: 1, Outputs: outputs}}, func(_ int, r Result) error {
				defer r.Release()
				if len(r.Data) != 2 || len(r.Data[0]) != 16 || len(r.Data[1])%16 != 0 {
					t.Errorf("%d results of %v bytes", len(r.Data), r.Data)
				}
				for _, s := range r.Log {
					clean(t, s)
				}
				return nil
			})
		case 1:
			_, err = p.Describe(context.Background())
		case 2:
			var b []byte
			if b, err = p.Plan(context.Background(), nil); len(b) > abi.MaxPlan {
				t.Errorf("a plan of %d bytes", len(b))
			}
		case 3:
			if p.module, err = newMemfd("module"); err != nil {
				t.Fatal(err)
			}
			_, err = p.greet(context.Background(), liar)
			p.module.Close()
			for _, w := range p.walls {
				clean(t, w)
			}
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("it took %v", d)
		}
		if err != nil {
			clean(t, err.Error())
			clean(t, fault.HintOf(err))
			if c := fault.CodeOf(err); c != fault.Module && c != fault.Limit && c != fault.Failed {
				t.Errorf("code %d: %v", c, err)
			}
		}
		unix.Close(pair[1])
		liar.close()
		if n := descriptors(t); n != before {
			t.Errorf("%d descriptors, %d before", n, before)
		}
	})
}

// FuzzRequests is the worker's side: it believes its host, but whatever comes
// it does not panic, answers every request in the protocol, and opens nothing
// for good but the arrays that it was handed.
func FuzzRequests(f *testing.F) {
	m, err := sandbox.Load(context.Background(), module(nil, nil, ""), sandbox.Options{
		Name: "g.wasm", Limits: sandbox.Limits(testLimits), Interpreter: true,
	})
	if err != nil {
		f.Fatal(err)
	}
	meta := array.Meta{DType: array.U8, Rows: 8, Digest: digest.Of([]byte("eight"))}
	var run, asks letters
	run.write(f, withFile, 8, &message{Kind: msgArray, Meta: meta})
	run.write(f, 0, 0, &message{Kind: msgRun, Inputs: []task.Input{{Name: "x.y", Array: meta, First: 2, Rows: 6}},
		Outputs: []task.Output{{Name: "o.y", DType: array.F32, Rows: -1}, {Name: "o.z", DType: array.I64, Width: 3}}, Threads: 1})
	run.write(f, 0, 0, &message{Kind: msgRun, Drop: []digest.Digest{meta.Digest}})
	asks.write(f, enclosedForm, 0, &message{Kind: msgPlan, Config: []byte(`{}`)})
	asks.write(f, 0, 0, &message{Kind: msgDescribe})
	asks.write(f, 0, 0, &message{Kind: msgDrill, Name: "open"})
	f.Add([]byte(run))
	f.Add([]byte(asks))
	f.Fuzz(func(t *testing.T, said []byte) {
		before := descriptors(t)
		in, out := socketPair(t), socketPair(t)
		w := &workerState{host: out[1], module: m, limits: testLimits, open: map[digest.Digest]*sandbox.Array{}}
		for l := letters(said); l.post(t, in[1]); {
			request, file, err := receiveMessage(in[0])
			if err != nil {
				break // the worker ends
			}
			if file != nil && request.Kind == msgArray {
				file = padded(t, file)
			}
			err = w.serve(request, file)
			if err != nil {
				if file != nil {
					file.Close() // it goes with the worker
				}
				break
			}
			if request.Kind != msgArray {
				answered(t, out[0], len(request.Outputs))
			}
		}
		for _, a := range w.open {
			a.Close()
		}
		for _, fd := range []int{in[0], in[1], out[0], out[1]} {
			unix.Close(fd)
		}
		if n := descriptors(t); n != before {
			t.Errorf("%d descriptors, %d before", n, before)
		}
	})
}

// padded puts an array's header before what a file holds, so that the fuzzer
// need not find it.
func padded(t *testing.T, f *os.File) *os.File {
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := sealed("array", func(x io.Writer) error {
		_, err := x.Write(append(array.Meta{DType: array.U8, Rows: len(b)}.Header(), b...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// answered reads the answer to one request: results in their order, then done,
// or a failure.
func answered(t *testing.T, fd, outputs int) {
	for n := 0; ; n++ {
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
		m, file, err := receiveReply(fd, replyMost(testLimits.Log))
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if file != nil {
			file.Close()
		}
		switch {
		case m.Kind == msgFailed && file == nil:
			if m.Error == "" {
				t.Error("a failure without a word")
			}
			return
		case m.Kind == msgOutput && file != nil && m.Output == n && n < outputs:
		case m.Kind == msgDone && file == nil && (n == outputs || n == 0):
			return
		default:
			t.Fatalf("answered with %s as number %d of %d", m.Kind, n, outputs)
		}
	}
}
