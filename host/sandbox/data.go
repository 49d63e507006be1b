package sandbox

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"rechost/guest/abi"
	"rechost/host/fault"
)

const (
	maxName    = 1 << 10 // bytes of an input's or output's name
	maxMessage = 4 << 10 // bytes of a message of "fail" that are shown
	maxLine    = 8 << 10 // bytes of a log message
)

// dataFuncs are the functions of abi.DataModule; package abi documents them.
var dataFuncs = map[string]hostFunc{
	abi.FnConfigSize:  {nil, []valueType{i32}, configSize},
	abi.FnConfigRead:  {[]valueType{i32}, nil, configRead},
	abi.FnDescribe:    {[]valueType{i32, i32}, nil, describe},
	abi.FnPlan:        {[]valueType{i32, i32}, nil, plan},
	abi.FnInputOpen:   {[]valueType{i32, i32}, []valueType{i32}, inputOpen},
	abi.FnInputInfo:   {[]valueType{i32, i32}, nil, inputInfo},
	abi.FnInputRead:   {[]valueType{i32, i64, i64, i32}, nil, inputRead},
	abi.FnOutputWrite: {[]valueType{i32, i32, i32, i32}, nil, outputWrite},
	abi.FnLog:         {[]valueType{i32, i32, i32}, nil, logMessage},
	abi.FnProgress:    {[]valueType{i64, i64}, nil, progress},
	abi.FnFail:        {[]valueType{i32, i32}, nil, failMessage},
	abi.FnRefuse:      {[]valueType{i32, i32}, nil, refuse},
}

// prepare checks what the host itself gave, and makes the buffers.
func (c *call) prepare(t Call) error {
	c.times.functions = make([]timer, len(c.module.provided))
	c.guest.seed(t.Seed)
	for _, in := range t.Inputs {
		m := in.Array.Meta
		if in.First < 0 || in.Rows < 0 || in.First > m.Rows-in.Rows {
			return fault.New(fault.Failed, "input %s: rows %d to %d of an array of %d", in.Name, in.First, in.First+in.Rows, m.Rows)
		}
	}
	limit := c.limits.Output
	for i, o := range t.Outputs {
		var sink io.Writer
		if t.Sinks != nil {
			sink = t.Sinks[i]
		}
		b, err := newOutput(o, sink, limit)
		if err != nil {
			return err
		}
		limit -= max(b.want, 0)
		c.outputs = append(c.outputs, b)
	}
	c.outputLeft = c.limits.Output
	return nil
}

func configSize(c *call, stack []uint64) { stack[0] = uint64(len(c.config)) }

func configRead(c *call, stack []uint64) {
	copy(c.bytes("config_read", uint32(stack[0]), uint64(len(c.config))), c.config)
}

func describe(c *call, stack []uint64) {
	c.emit(describing, abi.FnDescribe, abi.ExportDescribe, abi.MaxDescription, stack)
}

func plan(c *call, stack []uint64) {
	c.emit(planning, abi.FnPlan, abi.ExportPlan, abi.MaxPlan, stack)
}

// emit takes the JSON that a phase is for, once.
func (c *call) emit(p phase, fn, export string, most int, stack []uint64) {
	if c.phase != p {
		c.fail("%s: called outside %s", fn, export)
	}
	if c.emitted != nil {
		c.fail("%s: called twice", fn)
	}
	c.emitted = []byte(c.text(fn, uint32(stack[0]), uint32(stack[1]), most))
}

func inputOpen(c *call, stack []uint64) {
	name := c.text("input_open: name", uint32(stack[0]), uint32(stack[1]), maxName)
	for h, o := range c.open {
		if o.Name == name {
			stack[0] = uint64(h)
			return
		}
	}
	for _, in := range c.inputs {
		if in.Name == name {
			w := int64(max(in.Array.Meta.Width, 1))
			c.open = append(c.open, &opened{Input: in, first: int64(in.First) * w, n: int64(in.Rows) * w})
			stack[0] = uint64(len(c.open) - 1)
			return
		}
	}
	none := int32(-1)
	stack[0] = uint64(uint32(none))
}

func inputInfo(c *call, stack []uint64) {
	in := c.input("input_info", int32(stack[0]))
	b := c.bytes("input_info: result", uint32(stack[1]), 32)
	m := in.Array.Meta
	for i, v := range []uint64{uint64(m.DType), uint64(in.Rows), uint64(m.Width), uint64(in.n)} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
}

func inputRead(c *call, stack []uint64) {
	in := c.input("input_read", int32(stack[0]))
	first, n, ptr := stack[1], stack[2], uint32(stack[3])
	if n > uint64(in.n) || first > uint64(in.n)-n {
		c.fail("input_read: %d elements from %d on of input %s, which has %d", n, first, in.Name, in.n)
	}
	size := uint64(in.Array.Meta.DType.Size())
	c.bytes("input_read: destination", ptr, n*size)
	if n == 0 {
		return
	}
	// In pieces, so that a copy of gigabytes lets the scheduler in. Those that
	// are mapped end with a page, so that what is mapped is one range.
	off := (uint64(in.first) + first) * size
	for left := n * size; left > 0; {
		piece := min(left, readPiece)
		if c.mem.mappable(ptr, int64(off)) {
			piece = min(left, mapPiece-uint64(ptr)%uint64(pageSize))
		}
		if err := in.Array.read(c.mem, ptr, int64(off), int(piece)); err != nil {
			c.end(fault.New(fault.Failed, "input %s: %v", in.Name, err))
		}
		ptr, off, left = ptr+uint32(piece), off+piece, left-piece
		if left > 0 {
			c.pause()
		}
	}
}

const (
	readPiece = 1 << 20  // bytes that are copied in well below a millisecond
	mapPiece  = 16 << 20 // bytes, whole pages, whose old pages are thrown away in as much
)

func outputWrite(c *call, stack []uint64) {
	nptr, nlen := uint32(stack[0]), uint64(uint32(stack[1]))
	if nlen > maxName {
		c.fail("output_write: name: %d bytes, longer than %d", nlen, maxName)
	}
	name := c.bytes("output_write: name", nptr, nlen)
	p := c.bytes("output_write: data", uint32(stack[2]), uint64(uint32(stack[3])))
	if c.phase != running {
		c.fail("output_write: called outside %s", abi.ExportRun)
	}
	for i := range c.outputs {
		o := &c.outputs[i]
		if o.Name != string(name) {
			continue
		}
		if o.want >= 0 && o.written+int64(len(p)) > o.want {
			c.fail("output_write: more than the %d rows that output %s must have", o.Rows, o.Name)
		}
		if c.outputLeft -= int64(len(p)); c.outputLeft < 0 {
			c.end(tooMuchOutput(c.limits.Output))
		}
		o.room(len(p), c.pause)
		for len(p) > 0 {
			n := min(len(p), readPiece)
			if err := o.write(p[:n]); err != nil {
				c.end(fault.New(fault.Failed, "output %s: %v", o.Name, err))
			}
			if p = p[n:]; len(p) > 0 {
				c.pause()
			}
		}
		return
	}
	c.fail("output_write: the stage has no output %q", clean(string(name)))
}

func logMessage(c *call, stack []uint64) {
	level := uint32(stack[0])
	names := []string{"debug: ", "info: ", "warning: "}
	if level >= uint32(len(names)) {
		c.fail("log: no level %d: 0 debug, 1 info, 2 warning", level)
	}
	c.logged(int64(uint32(stack[2])), 1)
	c.guest.addLog(names[level] + c.text("log: message", uint32(stack[1]), uint32(stack[2]), maxLine))
}

// logged counts n bytes of log, stdout or stderr. Each message and each line
// counts a few bytes more, for what it costs to keep.
func (c *call) logged(n int64, lines int) {
	c.guest.logBytes += n + 16*int64(lines)
	if c.guest.logBytes > c.limits.Log {
		c.end(fault.Lim("more than %s of log, stdout and stderr", size(c.limits.Log)).
			WithHint("allow more with --log-limit"))
	}
}

func progress(c *call, stack []uint64) {
	done, total := int64(stack[0]), int64(stack[1])
	if done < 0 || total < 0 || done > total {
		c.fail("progress: %d of %d", done, total)
	}
}

func failMessage(c *call, stack []uint64) {
	c.lastMessage(fault.Module, abi.FnFail, "failed without a message", stack)
}

func refuse(c *call, stack []uint64) {
	if c.phase != planning {
		c.fail("%s: called outside %s", abi.FnRefuse, abi.ExportPlan)
	}
	c.lastMessage(fault.Usage, abi.FnRefuse, "refuses what is asked of it, without a message", stack)
}

// lastMessage ends the call with the guest's own words, or with none if it has
// none. It does not return.
func (c *call) lastMessage(code fault.Code, fn, none string, stack []uint64) {
	b := c.bytes(fn+": message", uint32(stack[0]), uint64(uint32(stack[1])))
	s := strings.TrimSpace(fault.Clean(string(b[:min(len(b), maxMessage+1)]), maxMessage))
	if s == "" {
		s = none
	}
	c.said = true
	c.end(fault.New(code, "%s", s))
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.4gGiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.4gMiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.4gKiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%dB", n)
}
