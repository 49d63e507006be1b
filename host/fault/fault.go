// Package fault is the one form in which every failure leaves rechost.
//
// An error says what happened and where in its message, what to type next in
// its hint, and carries the exit code the command line will end with. Only
// package cli prints it, once:
//
//	return fault.Data("%s: no column for users: the columns are %s", file, names).
//		WithHint("name it: rechost run --user %s …", names[0])
//
// Messages follow the house style: no capital, no full stop, the file or
// module first. Text that came from a guest, a worker or a file goes through
// Clean before it enters a message.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Code is the exit code of the rechost command.
type Code int

// The exit codes, one meaning each.
const (
	OK          Code = 0   // done
	Failed      Code = 1   // a path that is not there, or cannot be read or written; internal failure
	Usage       Code = 2   // the command line or a parameter is wrong
	BadData     Code = 3   // what an input file holds is wrong
	Module      Code = 4   // the module was refused or misbehaved
	Limit       Code = 5   // a limit was hit
	Differs     Code = 6   // verification found a difference
	Interrupted Code = 130 // stopped by the user
)

// Error is a failure with its exit code and the next thing to type.
type Error struct {
	Code Code
	Msg  string
	Hint string
	Err  error // cause, part of Msg already; kept for errors.Is
}

func (e *Error) Error() string { return e.Msg }
func (e *Error) Unwrap() error { return e.Err }

// WithHint returns e with the next thing to type.
func (e *Error) WithHint(format string, a ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, a...)
	return &c
}

// New makes an error of the given code. The last argument that is an error
// becomes the cause.
func New(code Code, format string, a ...any) *Error {
	e := &Error{Code: code, Msg: fmt.Sprintf(format, a...)}
	for _, x := range a {
		if err, ok := x.(error); ok {
			e.Err = err
		}
	}
	return e
}

// Data, Use, Mod and Lim are New with the code that their name says.
func Data(format string, a ...any) *Error { return New(BadData, format, a...) }

// Use reports a wrong command line or parameter.
func Use(format string, a ...any) *Error { return New(Usage, format, a...) }

// Mod reports a module that was refused or misbehaved.
func Mod(format string, a ...any) *Error { return New(Module, format, a...) }

// Lim reports a limit that was hit.
func Lim(format string, a ...any) *Error { return New(Limit, format, a...) }

// File reports that the system could not open, read or write the named file.
// Its code is Failed for every kind of file: BadData is about what a file
// holds. The message names the file once, in the user's words for it: not a
// temporary one's.
func File(name string, err error) *Error {
	return New(Failed, "%s: %v", name, Cause(err))
}

// Cause is what the system said, without the path that it was said of.
func Cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// NoRoom tells whether a disk or a quota is full.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// CodeOf returns the exit code for err: its own if an *Error is in its chain,
// Interrupted for a cancelled context, Failed otherwise, OK for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Failed
}

// HintOf returns the hint in err's chain, or "".
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Clean makes text from an untrusted source fit for a terminal and a log:
// valid UTF-8, no control characters but newline and tab, no bidirectional
// overrides, at most max bytes.
func Clean(s string, max int) string {
	cut := len(s) > max
	if cut {
		s = s[:max]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20 || r >= 0x7f && r < 0xa0, r == utf8.RuneError:
			return '\uFFFD'
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029:
			return '\uFFFD'
		}
		return r
	}, s)
	if cut {
		s += "…"
	}
	return s
}
