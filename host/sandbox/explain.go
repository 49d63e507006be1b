package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

// explain makes the error of a guest call that did not return: whose fault,
// what, and where.
func (c *call) explain(err error) error {
	what, frames := c.splitTrace(err.Error())
	if c.failure != nil {
		var f *fault.Error
		if errors.As(c.failure, &f) && f.Code == fault.Module && !c.said && !c.exited {
			return fault.Mod("%s%s", f.Msg, in(frames))
		}
		return c.failure
	}
	if e := c.ctx.Err(); e != nil && (errors.Is(err, e) || errors.Is(err, context.Canceled)) {
		return e
	}
	if root(err).Error() == "stack overflow" { // a start function's has other words before it
		return c.overflow(in(frames))
	}
	what = strings.TrimPrefix(what, "wasm error: ")
	return fault.Mod("%s%s%s", fault.Clean(what, 500), in(frames), c.guest.lastWords())
}

// root is the error that all others wrap.
func root(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return err
}

// overflow is the error of a guest whose calls are nested deeper than the
// engine's own bound, which is not ours to set. where names the place in the
// code.
func (c *call) overflow(where string) error {
	if c.module.interpreter {
		return fault.Lim("stack overflow: more than the %d nested calls that the interpreter takes%s%s", interpreterFrames, where, c.guest.lastWords()).
			WithHint("no flag raises it; --engine compiler counts no calls, its stack may come to %s", size(StackReserve))
	}
	return fault.Lim("stack overflow: calls nested too deep for a stack that is full at %s at the latest%s%s", size(StackReserve), where, c.guest.lastWords()).
		WithHint("no flag raises it: the module's recursion must be less deep, or keep less on the stack")
}

// splitTrace takes wazero's error apart: what happened, and the names of the
// functions that were active, innermost first. It keeps the lines about where
// in c.trace.
func (c *call) splitTrace(s string) (what string, frames []string) {
	what, trace, _ := strings.Cut(s, "\nwasm stack trace:\n")
	if n := strings.Index(what, "wasm error: "); n >= 0 {
		what = what[n:] // without "module[…] function[…] failed: " before it
	}
	what = strings.TrimSuffix(what, " (recovered by wazero)")
	for line := range strings.Lines(trace) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			break // a Go trace of the host follows
		}
		if strings.HasPrefix(line, "\t\t") {
			if at, ok := c.module.instruction(line); ok {
				if n := len(c.trace); n > 0 {
					head, _, _ := strings.Cut(c.trace[n-1], " at 0x") // of the function
					c.trace[n-1] = fmt.Sprintf("%s at %#x", head, at)
				}
				if len(frames) == 1 && !strings.HasSuffix(frames[0], ")") {
					frames[0] += fmt.Sprintf(" (at %#x)", at)
				}
			}
			if c.module.offsets != nil {
				continue
			}
			// A source position, from DWARF: "0x1f: /home/me/als.c:88:3 (inlined)".
			c.trace = append(c.trace, "  "+fault.Clean(strings.TrimSpace(line), maxFrame))
			if n := len(frames); n > 0 && !strings.Contains(frames[n-1], " (") {
				if m := position.FindStringSubmatch(line); m != nil {
					frames[n-1] += " (" + path.Base(m[1]) + ":" + m[2] + ")"
				}
			}
			continue
		}
		line = strings.TrimPrefix(strings.TrimSpace(line), ".")
		name, at := line, 0
		if n := strings.LastIndexByte(line, '('); n > 0 {
			name = line[:n]
		}
		if number, ok := strings.CutPrefix(name, "$"); ok {
			name, at = c.module.original(number)
			line = name + line[1+len(number):]
		}
		if at > 0 {
			line += fmt.Sprintf(" at %#x", at)
		}
		if name != "" {
			c.trace = append(c.trace, fault.Clean(line, maxFrame))
		}
		if name != "" && !strings.HasPrefix(name, "...") {
			frames = append(frames, name)
		}
	}
	return what, frames
}

// original is what the module itself calls the function of this number, which
// the host's own imports may have moved, and where in the file its body begins.
func (m *Module) original(number string) (name string, at int) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return "$" + number, 0
	}
	imported := 0
	for _, i := range m.info.Imports {
		if i.Kind == rewrite.Func {
			imported++
		}
	}
	if n >= imported {
		if m.cooperative {
			n--
		}
		if m.limits.Fuel > 0 {
			n--
		}
	}
	if n < imported || n-imported >= len(m.bodies) {
		return fmt.Sprintf("$%d", n), 0
	}
	return fmt.Sprintf("$%d", n), m.bodies[n-imported]
}

// bodies finds where each function's body begins in a module that Check let
// pass.
func bodies(wasm []byte) (list []int) {
	const sectionCode = 10
	for at := 8; at < len(wasm); {
		size, n := binary.Uvarint(wasm[at+1:])
		start := at + 1 + n
		if n <= 0 || uint64(len(wasm)-start) < size {
			return nil
		}
		if wasm[at] != sectionCode {
			at = start + int(size)
			continue
		}
		count, n := binary.Uvarint(wasm[start:])
		for pos := start + n; n > 0 && uint64(len(list)) < count && pos < len(wasm); {
			var length uint64
			length, n = binary.Uvarint(wasm[pos:])
			list = append(list, pos)
			pos += n + int(min(length, uint64(len(wasm))))
		}
		return list
	}
	return nil
}

var position = regexp.MustCompile(`([^\s:]+):(\d+)(?::\d+)?`)

// in says where: the innermost frames, without the host functions.
func in(frames []string) string {
	var s []string
	for _, f := range frames {
		if strings.HasPrefix(f, dataModule+".") || strings.HasPrefix(f, numModule+".") || strings.HasPrefix(f, wasiModule+".") {
			continue
		}
		if s = append(s, fault.Clean(f, 120)); len(s) == maxFrames {
			break
		}
	}
	if len(s) == 0 {
		return ""
	}
	return " in " + strings.Join(s, " < ")
}

const (
	maxFrames = 4   // of a message
	maxFrame  = 500 // bytes of one in a trace
)

// A Go panic's trace on stderr, as the runtime writes it.
var (
	goPanic = regexp.MustCompile(`(?m)^(?:panic|fatal error): .*$`)
	goFrame = regexp.MustCompile(`(?m)^(\S+)\(.*\)\n\t(\S+\.go):(\d+)`)
)

// lastWords is what the guest wrote to stderr at the end: of a Go panic the
// message and the line, of anything else its last lines.
func (g *guestState) lastWords() string {
	text := g.stderr
	if len(text) > stderrKept {
		text = text[len(text)-stderrKept:]
	}
	s := string(text)
	if at := goPanic.FindStringIndex(s); at != nil {
		words := strings.TrimSpace(s[at[0]:at[1]])
		for _, m := range goFrame.FindAllStringSubmatch(s[at[1]:], 50) {
			if m[1] == "panic" || strings.HasPrefix(m[1], "runtime.") || strings.Contains(m[2], "/src/runtime/") {
				continue
			}
			words += fmt.Sprintf(" in %s (%s:%s)", m[1], path.Base(m[2]), m[3])
			break
		}
		return ": " + fault.Clean(words, 1000)
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	lines := strings.Split(s, "\n")
	if len(lines) > maxLines {
		lines = append([]string{"…"}, lines[len(lines)-maxLines:]...)
	}
	return "; stderr ends with:\n" + fault.Clean(strings.Join(lines, "\n"), 4000)
}

const maxLines = 20
