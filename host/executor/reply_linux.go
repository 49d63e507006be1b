package executor

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"

	"rechost/host/fault"
	"rechost/host/task"
)

// reply is every message of a worker; which fields count follows from Kind. It
// has nothing that an honest worker's host does not look at.
type reply struct {
	Kind string `json:"kind"`

	// ready
	Walls []string `json:"walls,omitempty"`

	// output
	Output int   `json:"output,omitempty"`
	Size   int64 `json:"size,omitempty"`

	// done
	Stats   task.Stats `json:"stats,omitzero"`
	Log     []string   `json:"log,omitempty"`
	Emitted []byte     `json:"emitted,omitempty"`
	Errno   int        `json:"errno,omitempty"` // of a drill; -1 is none

	// failed; of a task with Stats and Log
	Code  fault.Code `json:"code,omitempty"`
	Error string     `json:"error,omitempty"`
	Hint  string     `json:"hint,omitempty"`
	Stale bool       `json:"stale,omitempty"` // the compiled code was not in the cache
	Trace []string   `json:"trace,omitempty"`
}

// What a reply may come to, in bytes of JSON: a page for everything of fixed
// length, and what was asked for.
const (
	replyPage = 256 << 10
	// A byte of a log that is no UTF-8 takes three once it is cleaned, and no
	// byte takes more; see logMost for what goes around each message.
	logGrowth = 3
	logMost   = 16 // bytes that a message is charged besides its own
)

// replyMost is the most bytes of a reply to a task, whose log may have so many
// bytes.
func replyMost(log int64) int64 {
	if log > (math.MaxInt64-replyPage)/logGrowth {
		return math.MaxInt64
	}
	return logGrowth*log + replyPage
}

// emittedMost is the most bytes of a reply that carries so many bytes of a
// description or plan, which JSON writes in base64.
func emittedMost(n int64) int64 { return (n+2)/3*4 + replyPage }

// receiveReply reads a worker's next message, of at most so many bytes, and the
// descriptor that came with it, or nil.
func receiveReply(fd int, most int64) (*reply, *os.File, error) {
	b, file, err := receive(fd, most)
	if err != nil {
		return nil, nil, err
	}
	r, err := parseReply(b)
	if err != nil {
		if file != nil {
			file.Close()
		}
		return nil, nil, err
	}
	return r, file, nil
}

func parseReply(b []byte) (*reply, error) {
	if !plainJSON(b) {
		return nil, errLies
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	r := new(reply)
	if err := d.Decode(r); err != nil || d.InputOffset() != int64(len(b)) {
		return nil, errLies
	}
	return r, nil
}

// plainJSON reports whether b has the outline of a reply: an object whose names
// are lower-case letters and _, each there once, with lists and objects in it
// but none in those. encoding/json believes in the last of two equal names, takes
// Kind for kind, and follows nesting far; what lies between is left to it.
func plainJSON(b []byte) bool {
	var open []byte       // brackets
	var names [2][]string // of the objects that are open
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '{', '[':
			if len(open) == 2 || len(open) == 0 && c == '[' {
				return false
			}
			names[len(open)] = nil
			open = append(open, c)
		case '}', ']':
			if len(open) == 0 || open[len(open)-1] != c-2 { // '[' and ']', '{' and '}' are two apart
				return false
			}
			open = open[:len(open)-1]
			if len(open) == 0 {
				return i == len(b)-1
			}
		case '"':
			from := i + 1
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if i+1 >= len(b) || len(open) == 0 {
				return false
			}
			if b[i+1] != ':' {
				continue
			}
			name, seen := string(b[from:min(i, from+20)]), &names[len(open)-1]
			if bytes.ContainsFunc(b[from:i], func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) || slices.Contains(*seen, name) {
				return false
			}
			*seen = append(*seen, name)
		case ' ', '\t', '\r', '\n':
			return false // json.Marshal writes none, and a name's colon follows at once
		}
	}
	return false
}
