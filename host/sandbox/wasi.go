package sandbox

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"rechost/host/fault"
)

// Errors of WASI preview 1, https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno.
const (
	errnoSuccess = 0
	errnoBadf    = 8
	errnoInval   = 28
	errnoSpipe   = 70
)

// wasiFuncs are the functions of WASI preview 1 that the runtimes of Go,
// TinyGo, Rust and C link. There is no file but stdin, which is empty, stdout
// and stderr, which go to the log; so every function of files answers that
// the descriptor is bad, by one rule. Sockets do not exist at all.
var wasiFuncs = map[string]hostFunc{
	"args_get":          {two, one, succeed},
	"args_sizes_get":    {two, one, noStrings},
	"environ_get":       {two, one, succeed},
	"environ_sizes_get": {two, one, noStrings},
	"clock_res_get":     {two, one, clockRes},
	"clock_time_get":    {[]valueType{i32, i64, i32}, one, clockTime},
	"random_get":        {two, one, randomGet},
	"sched_yield":       {nil, one, succeed},
	"proc_exit":         {one, nil, procExit},
	"poll_oneoff":       {four, one, pollOneoff},

	"fd_write":              {four, one, fdWrite},
	"fd_read":               {four, one, fdRead},
	"fd_close":              {one, one, badUnlessStd(errnoSuccess)},
	"fd_seek":               {[]valueType{i32, i64, i32, i32}, one, badUnlessStd(errnoSpipe)},
	"fd_tell":               {two, one, badUnlessStd(errnoSpipe)},
	"fd_fdstat_get":         {two, one, fdstatGet},
	"fd_fdstat_set_flags":   {two, one, badUnlessStd(errnoSuccess)},
	"fd_filestat_get":       {two, one, filestatGet},
	"fd_prestat_get":        {two, one, bad},
	"fd_prestat_dir_name":   {[]valueType{i32, i32, i32}, one, bad},
	"fd_advise":             {[]valueType{i32, i64, i64, i32}, one, bad},
	"fd_allocate":           {[]valueType{i32, i64, i64}, one, bad},
	"fd_datasync":           {one, one, bad},
	"fd_sync":               {one, one, bad},
	"fd_filestat_set_size":  {[]valueType{i32, i64}, one, bad},
	"fd_filestat_set_times": {[]valueType{i32, i64, i64, i32}, one, bad},
	"fd_pread":              {[]valueType{i32, i32, i32, i64, i32}, one, bad},
	"fd_pwrite":             {[]valueType{i32, i32, i32, i64, i32}, one, bad},
	"fd_readdir":            {[]valueType{i32, i32, i32, i64, i32}, one, bad},
	"fd_renumber":           {two, one, bad},

	"path_create_directory":   {[]valueType{i32, i32, i32}, one, bad},
	"path_filestat_get":       {[]valueType{i32, i32, i32, i32, i32}, one, bad},
	"path_filestat_set_times": {[]valueType{i32, i32, i32, i32, i64, i64, i32}, one, bad},
	"path_link":               {[]valueType{i32, i32, i32, i32, i32, i32, i32}, one, bad},
	"path_open":               {[]valueType{i32, i32, i32, i32, i32, i64, i64, i32, i32}, one, bad},
	"path_readlink":           {[]valueType{i32, i32, i32, i32, i32, i32}, one, bad},
	"path_remove_directory":   {[]valueType{i32, i32, i32}, one, bad},
	"path_rename":             {[]valueType{i32, i32, i32, i32, i32, i32}, one, bad},
	"path_symlink":            {[]valueType{i32, i32, i32, i32, i32}, one, bad},
	"path_unlink_file":        {[]valueType{i32, i32, i32}, one, bad},
}

var (
	one  = []valueType{i32}
	two  = []valueType{i32, i32}
	four = []valueType{i32, i32, i32, i32}
)

// guestState is what WASI keeps for an instance.
type guestState struct {
	random   *rand.ChaCha8
	drawn    bool   // there were bytes of it
	now      uint64 // monotonic clock, ns
	log      [][]string
	lines    [2][]byte // unfinished lines of stdout and stderr
	stderr   []byte    // its tail, for the error
	logBytes int64
}

const (
	stderrKept = 64 << 10
	// epoch is what the wall clock shows at the start of every call, ns:
	// 2000-01-01 00:00 UTC.
	epoch = 946684800 * 1_000_000_000
	// tick is how far a reading moves the clocks, ns. A clock that stood still
	// would keep Go's collector from ever ending a slice of its work.
	tick = 1000
)

func (g *guestState) seed(s [32]byte) { g.random = rand.NewChaCha8(s) }

func (g *guestState) addLog(s string) {
	last := len(g.log) - 1
	if last < 0 || len(g.log[last]) == cap(g.log[last]) {
		g.log = append(g.log, make([]string, 0, min(16<<(2*len(g.log)), 4096)))
		last++
	}
	g.log[last] = append(g.log[last], fault.Clean(s, maxLine+16))
}

// said is all that was logged.
func (g *guestState) said() []string { return slices.Concat(g.log...) }

// output takes what the guest wrote to stdout (0) or stderr (1).
func (g *guestState) output(which int, p []byte) {
	if which == 1 {
		g.stderr = append(g.stderr, p...)
		if len(g.stderr) > 2*stderrKept {
			g.stderr = append([]byte(nil), g.stderr[len(g.stderr)-stderrKept:]...)
		}
	}
	g.lines[which] = append(g.lines[which], p...)
	for {
		b := g.lines[which]
		n := bytes.IndexByte(b, '\n')
		if n < 0 && len(b) < maxLine {
			return
		}
		line := b
		if n >= 0 {
			line = b[:n]
			g.lines[which] = b[n+1:]
		} else {
			g.lines[which] = nil
		}
		g.addLog([]string{"stdout: ", "stderr: "}[which] + string(line))
	}
}

// finish ends lines that the guest did not.
func (g *guestState) finish() {
	for i, b := range g.lines {
		if len(b) > 0 {
			g.output(i, []byte("\n"))
		}
	}
}

func succeed(_ *call, stack []uint64) { stack[0] = errnoSuccess }

func bad(_ *call, stack []uint64) { stack[0] = errnoBadf }

// badUnlessStd answers errno for stdin, stdout and stderr.
func badUnlessStd(errno uint64) func(*call, []uint64) {
	return func(_ *call, stack []uint64) {
		if uint32(stack[0]) > 2 {
			errno := uint64(errnoBadf)
			stack[0] = errno
			return
		}
		stack[0] = errno
	}
}

func noStrings(c *call, stack []uint64) {
	c.putU32("args_sizes_get: count", uint32(stack[0]), 0)
	c.putU32("args_sizes_get: size", uint32(stack[1]), 0)
	stack[0] = errnoSuccess
}

func (c *call) putU32(what string, ptr, v uint32) {
	binary.LittleEndian.PutUint32(c.bytes(what, ptr, 4), v)
}

func (c *call) putU64(what string, ptr uint32, v uint64) {
	binary.LittleEndian.PutUint64(c.bytes(what, ptr, 8), v)
}

func clockRes(c *call, stack []uint64) {
	if uint32(stack[0]) > 3 {
		stack[0] = errnoInval
		return
	}
	c.putU64("clock_res_get", uint32(stack[1]), tick)
	stack[0] = errnoSuccess
}

// clockTime reads a clock that only the guest's own readings and sleeps move,
// so it says nothing of the machine and is the same in every run.
func clockTime(c *call, stack []uint64) {
	id := uint32(stack[0])
	if id > 3 {
		stack[0] = errnoInval
		return
	}
	t := c.guest.now
	if id == 0 {
		t += epoch
	}
	c.guest.sleepUntil(c.guest.now + tick)
	c.putU64("clock_time_get", uint32(stack[2]), t)
	stack[0] = errnoSuccess
}

func (g *guestState) sleepUntil(t uint64) {
	if t > g.now {
		g.now = min(t, math.MaxInt64-epoch)
	}
}

func randomGet(c *call, stack []uint64) {
	b := c.bytes("random_get", uint32(stack[0]), uint64(uint32(stack[1])))
	c.guest.drawn = true
	for len(b) > 0 {
		n := min(len(b), 1<<18)
		c.guest.random.Read(b[:n])
		if b = b[n:]; len(b) > 0 {
			c.pause()
		}
	}
	stack[0] = errnoSuccess
}

func procExit(c *call, stack []uint64) {
	c.exited = true
	c.end(fault.Mod("exited with status %d%s", uint32(stack[0]), c.guest.lastWords()))
}

// pollOneoff never waits: a sleep moves the guest's clock to its end, and a
// descriptor is always ready.
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#poll_oneoff
func pollOneoff(c *call, stack []uint64) {
	in, out, n, count := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	const subscription, event = 48, 32
	if n == 0 || n > 4096 {
		stack[0] = errnoInval
		return
	}
	subs := append([]byte(nil), c.bytes("poll_oneoff: subscriptions", in, uint64(n)*subscription)...)
	events := c.bytes("poll_oneoff: events", out, uint64(n)*event)
	c.bytes("poll_oneoff: count", count, 4)
	wake := uint64(math.MaxUint64)
	ready := false
	until := make([]uint64, n)
	for k := range until {
		s := subs[k*subscription:][:subscription]
		if s[8] != 0 {
			ready = true
			continue
		}
		t := binary.LittleEndian.Uint64(s[24:])
		switch {
		case binary.LittleEndian.Uint16(s[40:])&1 == 0: // relative
			t = c.guest.now + min(t, math.MaxInt64)
		case binary.LittleEndian.Uint32(s[16:]) == 0: // absolute, wall clock
			t -= min(t, epoch)
		}
		until[k] = t
		wake = min(wake, t)
	}
	if !ready {
		c.guest.sleepUntil(wake)
	}
	got := uint32(0)
	for k := range until {
		s := subs[k*subscription:][:subscription]
		if s[8] == 0 && until[k] > c.guest.now {
			continue
		}
		e := events[got*event:][:event]
		clear(e)
		copy(e, s[:8])
		e[10] = s[8]
		if s[8] != 0 && binary.LittleEndian.Uint32(s[16:]) > 2 {
			e[8] = errnoBadf
		}
		got++
	}
	c.putU32("poll_oneoff: count", count, got)
	stack[0] = errnoSuccess
}

// fdWrite writes to stdout or stderr: iovecs of (pointer, length).
func fdWrite(c *call, stack []uint64) {
	fd, iov, n, result := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3])
	if fd != 1 && fd != 2 {
		stack[0] = errnoBadf
		return
	}
	if n > 1024 {
		stack[0] = errnoInval
		return
	}
	vec := append([]byte(nil), c.bytes("fd_write: iovecs", iov, uint64(n)*8)...)
	var total uint64
	for k := uint32(0); k < n; k++ {
		p := c.bytes("fd_write: data", binary.LittleEndian.Uint32(vec[k*8:]), uint64(binary.LittleEndian.Uint32(vec[k*8+4:])))
		lines := 1
		for part := range slices.Chunk(p[:min(int64(len(p)), c.limits.Log)], readPiece) {
			lines += bytes.Count(part, []byte("\n"))
			c.pause()
		}
		c.logged(int64(len(p)), lines)
		for part := range slices.Chunk(p, maxLine/8) { // which may be as many lines
			c.guest.output(int(fd-1), part)
			c.pause()
		}
		total += uint64(len(p))
	}
	c.putU32("fd_write: result", result, uint32(total))
	stack[0] = errnoSuccess
}

// fdRead finds stdin empty.
func fdRead(c *call, stack []uint64) {
	if uint32(stack[0]) != 0 {
		stack[0] = errnoBadf
		return
	}
	c.putU32("fd_read: result", uint32(stack[3]), 0)
	stack[0] = errnoSuccess
}

// fdstatGet says that stdin, stdout and stderr are character devices.
func fdstatGet(c *call, stack []uint64) {
	fd := uint32(stack[0])
	if fd > 2 {
		stack[0] = errnoBadf
		return
	}
	b := c.bytes("fd_fdstat_get", uint32(stack[1]), 24)
	clear(b)
	b[0] = 2                                   // character device
	binary.LittleEndian.PutUint64(b[8:], 1<<6) // right to fd_write
	if fd == 0 {
		binary.LittleEndian.PutUint64(b[8:], 1<<1) // right to fd_read
	}
	stack[0] = errnoSuccess
}

func filestatGet(c *call, stack []uint64) {
	if uint32(stack[0]) > 2 {
		stack[0] = errnoBadf
		return
	}
	b := c.bytes("fd_filestat_get", uint32(stack[1]), 64)
	clear(b)
	b[16] = 2 // character device
	stack[0] = errnoSuccess
}
