package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

// An escape is one thing that a guest which has broken out of wazero's code
// might ask of the kernel. try gives nil where the kernel let it.
type escape struct {
	name string
	try  func() error
	// left makes what the host has open by mistake when the worker starts. The
	// attempt is then to use it.
	left func() (fd int, err error)
	by   string       // wall, where it is not seccomp
	also []unix.Errno // that refuse it, besides EPERM and EACCES
	// compiling is the wall, where it is another one as long as the module is not
	// loaded, or needed.
	compiling string
}

// drill is what a worker is for, if it is not for guests.
type drill string

const (
	drillGuest     drill = "guest"     // locked in as for one
	drillCompiling drill = "compiling" // locked in as to compile, with nothing loaded
)

// needed marks what a worker that compiles has to do itself.
const needed = "-"

// parent is asked for while a worker may.
var parent = os.Getppid()

const (
	bySeals    = "seals"
	byReadOnly = "descriptor open for reading only"
	byEmpty    = "empty environment"
	byClosing  = "descriptors closed at start"
)

// escapes only ask: where a wall is missing, none of them does harm. That of
// the parent is signal 0, a limit that is read, a trace that does not stop it.
var escapes = []escape{
	{name: "find a variable in its environment", by: byEmpty, compiling: byEmpty, also: []unix.Errno{unix.ENODATA}, try: func() error {
		if len(os.Environ()) > 0 {
			return nil
		}
		return unix.ENODATA
	}},
	leftOpen("an eventfd", func() (int, error) { return unix.Eventfd(1, 0) }),
	leftOpen("an epoll", func() (int, error) { return unix.EpollCreate1(0) }),
	leftOpen("a pipe", func() (int, error) {
		var p [2]int
		err := unix.Pipe2(p[:], 0)
		unix.Close(p[1])
		return p[0], err
	}),
	leftOpen("a file", func() (int, error) { return unix.Open("/etc/passwd", unix.O_RDONLY, 0) }),
	leftOpen("a socket", func() (int, error) { return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) }),
	{name: "open /etc/passwd", compiling: wallLandlock, try: func() error { return opened(unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)) }},
	{name: "openat a folder", compiling: needed, try: func() error { return opened(unix.Openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_CLOEXEC, 0)) }},
	{name: "openat2", try: func() error {
		return opened(unix.Openat2(unix.AT_FDCWD, "/etc/passwd", &unix.OpenHow{Flags: unix.O_CLOEXEC}))
	}},
	{name: "create a file", compiling: wallLandlock, try: func() error { return opened(unix.Open("/tmp", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)) }},
	{name: "reopen a descriptor through /proc", compiling: wallLandlock, try: func() error { return opened(unix.Open("/proc/self/fd/1", unix.O_RDWR|unix.O_CLOEXEC, 0)) }},
	{name: "read the parent's environment", compiling: wallLandlock, try: func() error {
		return opened(unix.Open(fmt.Sprintf("/proc/%d/environ", parent), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	}},
	{name: "stat", compiling: needed, try: func() error { var st unix.Stat_t; return unix.Stat("/etc/passwd", &st) }},
	{name: "read a link", try: func() error { _, err := unix.Readlink("/proc/self/exe", make([]byte, 100)); return err }},
	{name: "change the folder", try: func() error { return unix.Chdir("/") }},
	{name: "rename and unlink", compiling: needed, try: func() error {
		if err := unix.Rename("/nothing-of-this-name", "/nor-this"); !refuses(err) {
			return nil
		}
		return unix.Unlink("/nothing-of-this-name")
	}},
	{name: "make a folder", compiling: wallLandlock, try: func() error {
		const dir = "/tmp/rechost-drill"
		err := unix.Mkdir(dir, 0o700)
		if err == nil {
			unix.Rmdir(dir)
		}
		return err
	}},
	{name: "socket", try: func() error { return opened(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)) }},
	{name: "socket to a local service", try: func() error { return opened(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)) }},
	{name: "socketpair", try: func() error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err }},
	{name: "connect", try: func() error { return unix.Connect(hostFD, &unix.SockaddrUnix{Name: "/run/nothing"}) }},
	{name: "bind", try: func() error { return unix.Bind(hostFD, &unix.SockaddrUnix{Name: "@rechost-drill"}) }},
	{name: "listen", try: func() error { return unix.Listen(hostFD, 1) }},
	{name: "ptrace the parent", try: func() error {
		const seize = 0x4206 // does not stop it
		return asked(unix.SYS_PTRACE, seize, uintptr(parent), 0, 0)
	}},
	{name: "read the parent's memory", try: func() error { return parentMemory(unix.SYS_PROCESS_VM_READV) }},
	{name: "write the parent's memory", try: func() error { return parentMemory(unix.SYS_PROCESS_VM_WRITEV) }},
	{name: "kill the parent", try: func() error { return unix.Kill(parent, 0) }},
	{name: "kill the parent's thread", try: func() error { return unix.Tgkill(parent, parent, 0) }},
	{name: "the parent's limits", try: func() error {
		var l unix.Rlimit
		return unix.Prlimit(parent, unix.RLIMIT_NOFILE, nil, &l)
	}},
	{name: "raise its own limits", try: func() error { return unix.Prlimit(0, unix.RLIMIT_CPU, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}, nil) }},
	{name: "pidfd_open the parent", try: func() error { return opened(unix.PidfdOpen(parent, 0)) }},
	{name: "fork", try: func() error { return child(unix.SYS_CLONE, uintptr(unix.SIGCHLD)) }},
	{name: "clone into new namespaces", try: func() error { return child(unix.SYS_CLONE, uintptr(unix.CLONE_NEWUSER|unix.CLONE_NEWNET|unix.SIGCHLD)) }},
	{name: "clone3", try: func() error { return asked(unix.SYS_CLONE3, 0, 0, 0, 0) }},
	{name: "execve", try: func() error { return unix.Exec("/bin/true", []string{"true"}, nil) }},
	{name: "unshare", try: func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{name: "setns", try: func() error { return unix.Setns(0, 0) }},
	{name: "mount", try: func() error { return unix.Mount("none", "/nothing-of-this-name", "tmpfs", 0, "") }},
	{name: "chroot", try: func() error { return unix.Chroot("/") }},
	{name: "setuid", try: func() error { return asked(unix.SYS_SETUID, 0, 0, 0, 0) }},
	{name: "bpf", try: func() error { return asked(unix.SYS_BPF, 0, 0, 0, 0) }},
	{name: "perf_event_open", try: func() error { return asked(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0) }},
	{name: "io_uring", try: func() error { return asked(unix.SYS_IO_URING_SETUP, 1, 0, 0, 0) }},
	{name: "userfaultfd", try: func() error { return asked(unix.SYS_USERFAULTFD, 0, 0, 0, 0) }},
	{name: "keyctl", try: func() error { return asked(unix.SYS_KEYCTL, 0, 0, 0, 0) }},
	{name: "map executable memory", compiling: needed, try: func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	}},
	{name: "make memory executable", compiling: needed, try: func() error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return fmt.Errorf("no memory for the attempt: %v", err)
		}
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	}},
	{name: "map shared memory of no file", try: func() error { return mapped(unix.MAP_ANON | unix.MAP_SHARED) }},
	{name: "map memory that grows as a stack does", try: func() error { return mapped(unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_GROWSDOWN) }},
	{name: "duplicate a descriptor", try: func() error { return opened(unix.Dup(hostFD)) }},
	{name: "make itself dumpable", try: func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{name: "load another filter", compiling: needed, try: func() error { return asked(unix.SYS_SECCOMP, 1, 0, 0, 0) }},
	{name: "ioctl on its descriptors", try: func() error { return asked(unix.SYS_IOCTL, 0, unix.TIOCGWINSZ, uintptr(unsafe.Pointer(new(int32))), 0) }},
	{name: "write to an array's file", by: byReadOnly, also: []unix.Errno{unix.EBADF}, try: func() error {
		return onFile(false, func(fd int) error { _, err := unix.Write(fd, []byte("x")); return err })
	}},
	{name: "truncate an array's file", by: byReadOnly, also: []unix.Errno{unix.EINVAL, unix.EBADF}, try: func() error {
		return onFile(false, func(fd int) error { return unix.Ftruncate(fd, 4096) })
	}},
	{name: "map an array's file shared, for writing", by: byReadOnly, try: func() error {
		return onFile(false, func(fd int) error {
			_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		})
	}},
	{name: "write to a sealed memfd", by: bySeals, try: func() error {
		return onFile(true, func(fd int) error { _, err := unix.Write(fd, []byte("x")); return err })
	}},
	{name: "truncate a sealed memfd", by: bySeals, try: func() error {
		return onFile(true, func(fd int) error { return unix.Ftruncate(fd, 0) })
	}},
	{name: "grow a sealed memfd", by: bySeals, try: func() error {
		return onFile(true, func(fd int) error { return unix.Ftruncate(fd, 1<<20) })
	}},
	{name: "map a sealed memfd shared, for writing", by: bySeals, try: func() error {
		return onFile(true, func(fd int) error {
			_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		})
	}},
	{name: "add a seal to a sealed memfd", by: bySeals, try: func() error {
		return onFile(true, func(fd int) error {
			_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
			return err
		})
	}},
}

// leftOpen is an attempt to use a descriptor that the host has open without
// FD_CLOEXEC, so that every process it starts inherits it.
func leftOpen(what string, open func() (int, error)) escape {
	return escape{name: "use " + what + " that the host left open", left: open, by: byClosing, compiling: byClosing, also: []unix.Errno{unix.EBADF}}
}

// leftFrom is the least number that such a descriptor is given: the worker's
// own are below.
const leftFrom = 200

// leave opens what the worker is to find, and returns its number.
func (e *escape) leave() (fd int, drop func(), err error) {
	if e.left == nil {
		return 0, func() {}, nil
	}
	low, err := e.left()
	if err == nil {
		defer unix.Close(low)
		fd, err = unix.FcntlInt(uintptr(low), unix.F_DUPFD, leftFrom)
	}
	if err != nil {
		return 0, nil, fault.New(fault.Failed, "cannot %s: %v", e.name, err)
	}
	return fd, func() { unix.Close(fd) }, nil
}

func refuses(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }

// opened closes what an attempt got.
func opened(fd int, err error) error {
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// mapped asks for memory of a kind that RLIMIT_DATA does not count.
func mapped(flags int) error {
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err == nil {
		err = unix.Munmap(b)
	}
	return err
}

// asked makes a system call by number. One that the kernel took, if only to
// find its arguments wrong, was not refused.
func asked(call, a, b, c, d uintptr) error {
	_, _, e := syscall.RawSyscall6(call, a, b, c, d, 0, 0)
	if e == 0 {
		return nil
	}
	return e
}

// child makes a process, which ends at once.
func child(call, flags uintptr) error {
	pid, _, e := syscall.RawSyscall6(call, flags, 0, 0, 0, 0, 0)
	switch {
	case e != 0:
		return e
	case pid == 0:
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

// parentMemory reads or writes nothing: permission is checked first.
func parentMemory(call uintptr) error {
	b := make([]byte, 1)
	local := unix.Iovec{Base: &b[0]}
	local.SetLen(1)
	remote := unix.RemoteIovec{Base: 0, Len: 1}
	return asked(call, uintptr(parent), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)))
}

// onFile finds an array that the worker holds, a sealed memfd or a file of the
// store, as a guest that broke out would.
func onFile(sealed bool, f func(fd int) error) error {
	for fd := hostFD + 1; fd < 100; fd++ {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
		if isSealed := err == nil && seals&allSeals == allSeals; isSealed == sealed {
			return f(fd)
		}
	}
	return errors.New("the worker has no such descriptor")
}

// Attempts is what Drill knows.
func Attempts() (list []Try) {
	for _, e := range escapes {
		list = append(list, Try{Name: e.name})
		threads := e.left == nil && e.by != byEmpty // what differs is filters
		if threads {
			list = append(list, Try{Name: e.name, Second: true})
		}
		if e.compiling != needed {
			list = append(list, Try{Name: e.name, Compiling: true, Second: threads})
		}
	}
	return list
}

func escapeNamed(name string) *escape {
	for i := range escapes {
		if escapes[i].name == name {
			return &escapes[i]
		}
	}
	return nil
}

// play is the worker's part: it is locked in as for a guest, holds what a guest
// would be given, and now its own code makes an attempt. With Second, on a
// thread that did not exist when the locks were put on.
func play(request *message) *reply {
	e := escapeNamed(request.Name)
	if e == nil {
		return failure(errLies, false)
	}
	var err error
	switch {
	case e.left != nil:
		var st unix.Stat_t
		err = unix.Fstat(request.Left, &st)
	case !request.Second:
		err = e.try()
	default:
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // and never unlock: the thread ends with it
			// Others are busy or locked, so this one is new; in any case it is
			// not the one that loaded the filter.
			err = e.try()
		}()
		<-done
	}
	m := &reply{Kind: msgDone, Errno: -1}
	var errno unix.Errno
	switch {
	case err == nil:
		m.Errno = 0
	case errors.As(err, &errno):
		m.Errno = int(errno)
	default:
		m.Log = []string{err.Error()}
	}
	return m
}

// Drill starts a worker as for a guest of o.Module, hands it the array input,
// as a file of o.Arrays and as a sealed memfd, and lets it try t from the inside. A worker that was not told in its first
// message that it is one for drills does not know how.
func Drill(ctx context.Context, o Options, t Try, input array.Meta) (a Attempt, err error) {
	e := escapeNamed(t.Name)
	if e == nil || t.Compiling && e.compiling == needed {
		return a, fault.Use("there is no attempt %q", t)
	}
	o.Workers = 1
	what := drillGuest
	if t.Compiling {
		what, o.Cache = drillCompiling, "" // an empty folder, which the worker may write to
	}
	left, drop, err := e.leave()
	if err != nil {
		return a, err
	}
	defer drop()
	x, err := newProcesses(o, what)
	if err != nil {
		return a, err
	}
	defer x.Close()
	p := x.(*processes)
	var w *workerProcess
	var m *reply
	err = p.with(ctx, 0, func(x *workerProcess) error {
		w = x
		if err := w.handOver(input, o.Arrays); err != nil {
			return err
		}
		copied, err := sealedCopy(o.Arrays.Path(input.Digest))
		if err != nil {
			return err
		}
		defer copied.Close()
		other := input
		other.Digest = digest.Of([]byte(t.Name)) // a second name for it
		if err := send(int(w.host.Fd()), &message{Kind: msgArray, Meta: other}, copied); err != nil {
			return w.died(err)
		}
		if err := send(int(w.host.Fd()), &message{Kind: msgDrill, Name: t.Name, Second: t.Second, Left: left}, nil); err != nil {
			return w.died(err)
		}
		m, err = p.answer(w, replyPage)
		return err
	})
	if err == nil {
		return e.judge(m, t.Compiling), nil
	}
	if w == nil || ctx.Err() != nil {
		return a, err
	}
	<-w.ended
	if s, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGSYS {
		return Attempt{"killed (SIGSYS)", wallSeccomp, true}, nil
	}
	return Attempt{Answer: fault.Clean(err.Error(), 300)}, nil
}

func (e *escape) judge(m *reply, compiling bool) Attempt {
	errno := unix.Errno(m.Errno)
	switch {
	case m.Kind != msgDone || m.Errno < 0:
		text := "no answer"
		if len(m.Log) > 0 {
			text = fault.Clean(m.Log[0], 300)
		}
		return Attempt{Answer: text}
	case m.Errno == 0:
		return Attempt{Answer: "the kernel let it"}
	}
	a := Attempt{Answer: fault.Clean(errno.Error(), 100), Wall: wallSeccomp, Refused: refuses(errno)}
	for _, also := range e.also {
		a.Refused = a.Refused || errno == also
	}
	if e.by != "" {
		a.Wall = e.by
	}
	if compiling && e.compiling != "" {
		a.Wall = e.compiling
	}
	if !a.Refused {
		a.Wall = ""
		a.Answer = "the kernel took it, and found: " + a.Answer
	}
	return a
}

func sealedCopy(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return sealed("array", func(to io.Writer) error { _, err := io.Copy(to, f); return err })
}
