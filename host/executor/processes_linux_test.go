package executor

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox"
	w "rechost/host/sandbox/rewrite/wasmenc"
	"rechost/host/task"
)

// A worker that somebody killed while it had nothing to do is replaced, also
// where the next thing it was to be told of is an array.
func TestKilledWhileIdle(t *testing.T) {
	dir := folder(t.TempDir())
	a := dir.put(t, []float32{1, 2, 3})
	for _, in := range [][]task.Input{nil, {{Name: "in.a", Array: a, Rows: 3}}} {
		p := executorWith(t, "processes", Options{Workers: 1, Limits: testLimits, Arrays: dir}).(*processes)
		if err := p.Run(context.Background(), tasksOf(t, stageFresh, 1, nil, 1), drop); err != nil {
			t.Fatal(err)
		}
		p.started.Wait()
		w := p.slots[0].w
		syscall.Kill(w.cmd.Process.Pid, syscall.SIGKILL)
		<-w.ended
		if err := p.Run(context.Background(), tasksOf(t, stageFresh, 1, in, 1), drop); err != nil {
			t.Errorf("with %d inputs: %v", len(in), err)
		}
	}
}

// A task whose worker somebody kills is tried once more, and costs itself when
// that happens again; the next one gets another worker.
func TestKilledWorker(t *testing.T) {
	told := 0
	e := executorWith(t, "processes", Options{Workers: 2, Limits: testLimits, Failed: func(*task.Task, task.Diagnosis, error) { told++ }})
	p := e.(*processes)
	if _, err := e.Describe(context.Background()); err != nil {
		t.Fatal(err)
	}
	p.started.Wait()
	killed := 0
	kill := func(n int) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan bool)
		go func() {
			defer close(ended)
			first := map[int]int{} // one that has computed so much more is in the loop, on a busy machine too
			for ; killed < n && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
				for pid, ticks := range processorTime() {
					if old, ok := first[pid]; !ok {
						first[pid] = ticks
					} else if ticks >= old+30 && killed < n {
						syscall.Kill(pid, syscall.SIGKILL)
						delete(first, pid)
						killed++
					}
				}
			}
		}()
		return func() { cancel(); <-ended }
	}
	stop := kill(2)
	err := e.Run(context.Background(), tasksOf(t, stageLoop, 1, nil, 1), drop)
	stop()
	if killed != 2 {
		t.Errorf("given up after %d workers", killed)
	}
	wantFault(t, err, fault.Failed, "guest.wasm: stage users, shard 1 of 1: its worker process was killed by somebody else (SIGKILL)")
	if told != 1 { // it may be the task's memory
		t.Errorf("told of it %d times", told)
	}
	if err := e.Run(context.Background(), tasksOf(t, stageFresh, 4, nil, 1), drop); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// processorTime is the time that each child of this process has computed, in
// hundredths of a second.
func processorTime() map[int]int {
	used := map[int]int{}
	children, _ := filepath.Glob("/proc/self/task/*/children")
	for _, c := range children {
		b, _ := os.ReadFile(c)
		for _, f := range strings.Fields(string(b)) {
			stat, _ := os.ReadFile("/proc/" + f + "/stat")
			_, rest, ok := strings.Cut(string(stat), ") ")
			if v := strings.Fields(rest); ok && len(v) > 12 {
				var pid, ticks int
				fmt.Sscan(f, &pid)
				fmt.Sscan(v[11], &ticks)
				used[pid] = ticks
			}
		}
	}
	return used
}

// orphan starts a process that starts a worker with a busy guest, under what
// sh is told before, and gives it and the worker's number.
func orphan(t *testing.T, before string) (cmd *exec.Cmd, pid int) {
	t.Helper()
	wasm := filepath.Join(t.TempDir(), "guest.wasm")
	if err := os.WriteFile(wasm, goGuest(t), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("/bin/sh", "-c", before+`exec "$0" orphan-drill`, exe)
	cmd.Env = append(os.Environ(), "DRILL_WASM="+wasm, "DRILL_CACHE="+filepath.Join(codeCache(), "processes"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	return cmd, pid
}

// Where less is allowed than a worker would allow itself, it works under that.
func TestLowerLimits(t *testing.T) {
	_, pid := orphan(t, "ulimit -n 300 && ulimit -t 900 && ")
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Max open files": "300", "Max cpu time": "900", "Max core file size": "0"} {
		_, rest, _ := strings.Cut(string(b), name)
		if v := strings.Fields(rest); len(v) < 2 || v[0] != want || v[1] != want {
			t.Errorf("%s: %q, want %s twice", name, v[:min(2, len(v))], want)
		}
	}
}

// Workers do not outlive the host, however it ends.
func TestWorkersDieWithTheHost(t *testing.T) {
	cmd, pid := orphan(t, "")
	cmd.Process.Kill()
	cmd.Wait()
	for range 200 {
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(b, []byte(") Z ")) {
			return // dead, and whoever adopted it has not asked yet
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("worker %d lives on", pid)
}

// orphanDrill starts a worker with a busy guest and waits to be killed.
func orphanDrill() {
	wasm, err := os.ReadFile(os.Getenv("DRILL_WASM"))
	if err == nil {
		var e Executor
		e, err = NewProcesses(Options{Module: wasm, Name: "guest.wasm", Limits: testLimits, Cache: os.Getenv("DRILL_CACHE")})
		if err == nil {
			if _, err = e.Describe(context.Background()); err == nil {
				fmt.Println(e.(*processes).slots[0].w.cmd.Process.Pid)
				e.Run(context.Background(), []task.Task{{Stage: "users", Index: stageLoop, Shards: 1, Config: []byte("{}")}}, drop)
			}
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// An entry of the code cache that was changed is found out and made again.
func TestDamagedCache(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "code")
	run := func(e Executor, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := e.Run(context.Background(), tasksOf(t, 0, 2, nil, 0), drop); err != nil {
			t.Error(err)
		}
	}
	o := Options{Module: module(nil, nil, ""), Name: "g.wasm", Workers: 2, Limits: testLimits, Cache: cache}
	both := func() {
		t.Helper()
		run(NewProcesses(o))
		g, err := NewGoroutines(o)
		run(g, err)
	}
	entries := func(f func(name string, b []byte)) (n int) {
		filepath.WalkDir(cache, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.HasPrefix(filepath.Base(filepath.Dir(name)), "wazero-") {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				n++
				f(name, b)
			}
			return nil
		})
		return n
	}
	both()
	if n := entries(func(name string, b []byte) {
		b[len(b)/2] ^= 1
		os.WriteFile(name, b, 0o600)
	}); n == 0 {
		t.Fatal("nothing was cached")
	}
	both()
	entries(func(name string, b []byte) { os.WriteFile(name, b[:len(b)/3], 0o600) })
	both()
	entries(func(name string, b []byte) { os.Remove(name) })
	both()
	// What a worker meets whose folder another one has removed to make it anew:
	// it can neither use nor make it.
	removed := func(f func(folder string) error) {
		folders, err := filepath.Glob(filepath.Join(cache, "wazero-code-*"))
		if err != nil || len(folders) == 0 {
			t.Fatal(folders, err)
		}
		for _, d := range folders {
			if err := cmp.Or(os.RemoveAll(d), f(d)); err != nil {
				t.Fatal(err)
			}
		}
		both()
	}
	for range 3 {
		removed(func(string) error { return nil })
		removed(func(d string) error { return os.WriteFile(d, nil, 0o600) })
	}
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := NewProcesses(o)
	wantFault(t, err, fault.Failed, "mode 0700")
}

// module is a small module whose parts are code; nil is as it should be.
func module(start, initialize []byte, imported string) []byte {
	var m w.Module
	none, number, unary := m.Type(nil, nil), m.Type(nil, []byte{w.I32}), m.Type([]byte{w.I32}, []byte{w.I32})
	if imported != "" {
		m.ImportFunc("env", imported, none)
	}
	m.Memory(1, -1)
	m.ExportMemory()
	m.ExportFunc(abi.ExportABI, m.Func(number, nil, w.I32Const(abi.Version)))
	m.ExportFunc(abi.ExportDescribe, m.Func(number, nil, w.I32Const(0)))
	m.ExportFunc(abi.ExportPlan, m.Func(number, nil, w.I32Const(0)))
	m.ExportFunc(abi.ExportRun, m.Func(unary, nil, w.I32Const(0)))
	if start != nil {
		m.Start(m.Func(none, nil, start))
	}
	if initialize != nil {
		m.ExportFunc(abi.ExportInitialize, m.Func(none, nil, initialize))
	}
	return m.Bytes()
}

func TestLoopsBeforeRun(t *testing.T) {
	limits := testLimits
	limits.Deadline = 700 * time.Millisecond
	forever := w.Loop(w.Void, w.Br(0))
	for name, wasm := range map[string][]byte{"start": module(forever, nil, ""), "_initialize": module(nil, forever, "")} {
		for _, kind := range []string{"goroutines", "processes"} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				o := Options{Module: wasm, Name: "g.wasm", Limits: limits}
				e, err := Executor(nil), error(nil)
				if kind == "processes" {
					e, err = NewProcesses(o)
				} else {
					e, err = NewGoroutines(o)
				}
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				_, err = e.Describe(context.Background())
				wantFault(t, err, fault.Limit, "g.wasm: ", "still running after 700ms")
				_, err = e.Plan(context.Background(), []byte("{}"))
				wantFault(t, err, fault.Limit, "g.wasm: ", "still running after 700ms")
				if hint := fault.HintOf(err); hint != "allow more with --deadline" { // there are no shards yet
					t.Errorf("hint %q", hint)
				}
			})
		}
	}
}

// Compiling is bounded in address space, which --memory raises; the error names
// the limit, and nobody but the one who compiles is under it.
func TestCompilingHasLimitedRoom(t *testing.T) {
	e, err := NewProcesses(Options{Module: goGuest(t), Name: "guest.wasm", Workers: 1, Limits: testLimits, Cache: filepath.Join(t.TempDir(), "code")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p := e.(*processes)
	limit := func(w *workerProcess) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", w.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "Max address space")
		return strings.Join(strings.Fields(rest)[:2], " ")
	}
	err = p.with(context.Background(), 0, func(w *workerProcess) error {
		if got := limit(w); got != "unlimited unlimited" {
			t.Errorf("a worker for guests may have %s bytes of address space", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w, err := spawn(p.path, &p.spent)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.compiles = compileRoom(p.options.Limits)
	if _, err := p.greet(context.Background(), w); err != nil {
		t.Fatal(err)
	}
	var soft, hard int64
	if _, err := fmt.Sscan(limit(w), &soft, &hard); err != nil || soft != hard || soft < w.compiles || soft > w.compiles+8<<30 {
		t.Errorf("a worker that compiles may have %d and %d bytes of address space: %v", soft, hard, err)
	}
	if err := sandbox.ClearCache(p.options.Cache); err != nil {
		t.Fatal(err)
	}
	p.room = 16 << 20
	_, err = p.compile(context.Background())
	wantFault(t, err, fault.Limit, "compiling it takes more than 16 MiB of address space (RLIMIT_AS)")
	if hint := fault.HintOf(err); hint != "allow more with --memory 32MiB" {
		t.Errorf("hint %q", hint)
	}
	for want, l := range map[int64]task.Limits{2 << 30: {Memory: 200 << 20}, 3 << 30: {Memory: 3 << 30}} {
		if got := compileRoom(l); got != want {
			t.Errorf("room of %d MiB with --memory %d MiB", got>>20, l.Memory>>20)
		}
	}
}

// A disk that is full while the module is compiled is no failure of the task
// that came first, and clearing the cache would not help.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small disk can be had here: %v", err)
	}
	defer unix.Unmount(dir, 0)
	for _, f := range []func(Options) (Executor, error){NewProcesses, NewGoroutines} {
		e, err := f(Options{Module: goGuest(t), Name: "g.wasm", Cache: filepath.Join(dir, "code"), Workers: 1, Limits: testLimits})
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Describe(context.Background())
		place := "g.wasm: "
		if _, ok := e.(*processes); ok {
			place += "load: "
		}
		if want := place + "cannot keep compiled code in " + dir; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s…", err, want)
		}
		wantFault(t, err, fault.Failed, "no space left on device", "rechost store prune", "--no-cache")
		e.Close()
	}
}

func TestRefusedModule(t *testing.T) {
	e, err := NewProcesses(Options{Module: module(nil, nil, "system"), Name: "g.wasm", Workers: 3, Limits: testLimits})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, err = e.Describe(context.Background())
	wantFault(t, err, fault.Module, "g.wasm: load: imports env.system, which modules are not given")
	err = e.Run(context.Background(), tasksOf(t, 0, 5, nil, 1), drop)
	wantFault(t, err, fault.Module, "g.wasm: load: imports env.system")
}

// A worker that says what it must not is killed, and nothing it sent is used.
func TestLyingWorker(t *testing.T) {
	good := func(n int) *os.File {
		f, err := sealed("output", func(x io.Writer) error { _, err := x.Write(make([]byte, n)); return err })
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	unsealed, err := newMemfd("output")
	if err != nil {
		t.Fatal(err)
	}
	unsealed.Write(make([]byte, 40))
	passwd, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	out := func(i int, size int64) *reply { return &reply{Kind: msgOutput, Output: i, Size: size} }
	odd, err := sealed("output", func(x io.Writer) error { _, err := x.Write(bytes.Repeat([]byte{0xff}, 40)); return err })
	if err != nil {
		t.Fatal(err)
	}
	raw := func(b []byte, fds ...int) func(fd int) {
		return func(fd int) { unix.Sendmsg(fd, b, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL) }
	}
	say := func(m *reply, f *os.File) func(fd int) { return func(fd int) { send(fd, m, f) } }
	done := func(n int) func(fd int) {
		return say(&reply{Kind: msgDone, Log: slices.Repeat([]string{"x"}, n)}, nil)
	}
	for _, x := range []struct {
		name string
		lie  []func(fd int)
	}{
		{"unsealed result", []func(int){say(out(0, 40), unsealed)}},
		{"a file of its own", []func(int){say(out(0, 40), passwd)}},
		{"a socket", []func(int){func(fd int) {
			if own, err := unix.Dup(fd); err == nil {
				send(fd, out(0, 40), os.NewFile(uintptr(own), "self"))
			}
		}}},
		{"too short", []func(int){say(out(0, 36), good(36))}},
		{"other size than announced", []func(int){say(out(0, 40), good(80))}},
		{"negative size", []func(int){say(out(0, -40), good(40))}},
		{"wrong number", []func(int){say(out(1, 40), good(40))}},
		{"negative number", []func(int){say(out(-1, 40), good(40))}},
		{"twice", []func(int){say(out(0, 40), good(40)), say(out(0, 40), good(40))}},
		{"done without results", []func(int){say(&reply{Kind: msgDone}, nil)}},
		{"done with a descriptor", []func(int){say(out(0, 40), good(40)), say(&reply{Kind: msgDone}, good(1))}},
		{"ready again", []func(int){say(&reply{Kind: msgReady}, nil)}},
		{"no kind", []func(int){say(&reply{}, nil)}},
		{"not JSON", []func(int){raw([]byte("j{"))}},
		{"deep JSON", []func(int){raw(append([]byte("j"), bytes.Repeat([]byte("["), maxInline)...))}},
		{"empty", []func(int){raw([]byte{}, int(passwd.Fd()))}},
		{"unknown form", []func(int){raw([]byte("x{}"))}},
		{"another NaN", []func(int){say(out(0, 40), odd)}},
		{"more messages than the limit", []func(int){say(out(0, 40), good(40)), done(int(testLimits.Log/logMost) + 1)}},
		{"a negative time", []func(int){say(out(0, 40), good(40)), say(&reply{Kind: msgDone, Stats: task.Stats{Guest: -1}}, nil)}},
		{"a long log", []func(int){say(out(0, 40), good(40)), say(&reply{Kind: msgDone, Log: []string{strings.Repeat("x", int(replyMost(testLimits.Log)))}}, nil)}},
		{"a field of the host's", []func(int){say(out(0, 40), good(40)), raw([]byte(`j{"kind":"done","index":1}`))}},
		{"enclosed in a file", []func(int){raw([]byte("m"), int(passwd.Fd()))}},
		{"enclosed in nothing", []func(int){raw([]byte("m"))}},
		{"too long", []func(int){raw(append([]byte("j"), make([]byte, 2*maxInline)...))}},
		{"many descriptors", []func(int){raw([]byte("j{}"), 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2)}},
		{"hangs up", []func(int){func(fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) }}},
		{"says nothing", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := &processes{options: Options{Name: "g.wasm", Limits: testLimits}, compiling: newLock(), slots: []slot{{lock: newLock()}}}
			p.options.Limits.Deadline = 900 * time.Millisecond
			p.closing, p.close = context.WithCancel(context.Background())
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pair[1])
			cmd := exec.Command("/bin/sleep", "60")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Skip(err)
			}
			liar := &workerProcess{cmd: cmd, host: os.NewFile(uintptr(pair[0]), "host"), ended: make(chan struct{}), started: time.Now(), sent: map[digest.Digest]idle{}}
			go func() { cmd.Wait(); close(liar.ended) }()
			p.slots[0].w = liar
			go func() {
				receiveMessage(pair[1]) // the task
				for _, lie := range x.lie {
					lie(pair[1])
				}
			}()
			err = p.Run(context.Background(), tasksOf(t, 0, 1, nil, 10), func(int, Result) error {
				t.Error("a result was taken")
				return nil
			})
			if err == nil || !strings.HasPrefix(err.Error(), "g.wasm: stage users, shard 1 of 1: ") {
				t.Errorf("error %v", err)
			}
			t.Log(err)
			if p.slots[0].w != nil {
				t.Error("the worker was kept")
			}
			select {
			case <-liar.ended:
			case <-time.After(2 * time.Second):
				t.Error("the worker lives")
			}
		})
	}
}

// A worker that is ready has no environment, and no descriptor but its socket,
// /dev/null twice, the pipe for its last words and the poller of its runtime,
// whatever the host had open when it started. The poller is there before the
// locks: the collector's first timer, which may come at any time, would have it
// made behind them, and die.
func TestWhatAWorkerHolds(t *testing.T) {
	left := map[int]string{}
	for i := range escapes {
		if e := &escapes[i]; e.left != nil {
			fd, drop, err := e.leave()
			if err != nil {
				t.Fatal(err)
			}
			defer drop()
			left[fd] = e.name
		}
	}
	if len(left) != 5 {
		t.Fatalf("left open: %v", left)
	}
	o := Options{Workers: 1, Limits: testLimits, Arrays: folder(t.TempDir()), Interpreter: true}
	e := executorWith(t, "processes", o) // the interpreter opens no file
	err := e.(*processes).with(context.Background(), 0, func(w *workerProcess) error {
		proc := fmt.Sprintf("/proc/%d/", w.cmd.Process.Pid)
		open, err := os.ReadDir(proc + "fd")
		if err != nil {
			t.Skipf("a locked worker cannot be looked into: %v", err)
		}
		var list []string
		for _, d := range open {
			name, _ := os.Readlink(proc + "fd/" + d.Name())
			name, _, _ = strings.Cut(name, ":[") // a number, or one of the kernel's kinds
			list = append(list, name)
		}
		slices.Sort(list)
		if want := []string{"/dev/null", "/dev/null", "anon_inode", "anon_inode", "pipe", "socket"}; !slices.Equal(list, want) {
			t.Errorf("a worker that is ready holds %q", list)
		}
		if b, err := os.ReadFile(proc + "environ"); err != nil || len(b) > 0 {
			t.Errorf("its environment is %q, %v", b, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Without /proc the same descriptors are closed.
func TestCloseUnlisted(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "close-drill")
	for range 3 { // 3, where a worker has its socket, and two that nobody needs
		f, err := newMemfd("inherited")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	out, err := cmd.CombinedOutput()
	if want := "3 is open, 4 is closed, 5 is closed, its own is open"; err != nil || string(out) != want {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
}

// closeDrill inherits three descriptors, and opens one as Go does.
func closeDrill() {
	own, err := newMemfd("own")
	if err == nil {
		err = closeUnlisted()
	}
	if err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	state := func(fd int) string {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			return "closed"
		}
		return "open"
	}
	fmt.Printf("3 is %s, 4 is %s, 5 is %s, its own is %s", state(3), state(4), state(5), state(int(own.Fd())))
	os.Exit(0)
}

// A result is what its memfd holds, whole.
func TestManyAndEmptyOutputs(t *testing.T) {
	f, err := sealed("x", func(x io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := mapOutput(f, 0, 100, task.Output{Rows: 0, DType: array.F32})
	if err != nil || b == nil || len(b) != 0 {
		t.Errorf("an empty output: %v, %v", b, err)
	}
	if _, err := mapOutput(f, 0, 100, task.Output{Rows: 1, DType: array.F32}); err == nil {
		t.Error("a missing row was taken")
	}
}

func BenchmarkTask(b *testing.B) {
	e := newExecutor(b, "processes", 1, testLimits, nil)
	tasks := tasksOf(b, stageFresh, 1, nil, 1)
	for b.Loop() {
		if err := e.Run(context.Background(), tasks, func(_ int, r Result) error { r.Release(); return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSpawn is from nothing to the first answer, with the code cached.
func BenchmarkSpawn(b *testing.B) {
	newExecutor(b, "processes", 1, testLimits, nil).Describe(context.Background())
	for b.Loop() {
		e := newExecutor(b, "processes", 1, testLimits, nil)
		if _, err := e.Describe(context.Background()); err != nil {
			b.Fatal(err)
		}
		e.Close()
	}
}
