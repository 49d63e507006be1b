package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
	"rechost/host/task"
)

// An attack is one row: a module, or several that must end alike.
type attack struct {
	kind, name string
	modules    []func() []byte // built when they are tried: some are large
	call       phase
	fuel       int64
	calls      int64  // limit; 0 is the default
	memory     int64  // limit; 0 is the lab's
	frames     int64  // limit of memory on the interpreter, whose stack takes more of it; 0 is as on the compiler
	endless    bool   // never ends by itself: gets Options.Deadline
	everywhere bool   // attacks before any stage, so that no honest stage can run in it
	oneThread  bool   // with GOMAXPROCS=1
	garbage    bool   // while the host collects garbage all the time
	on         string // the one executor that it is for; "" is both
	cached     bool   // is for compiled code, which the interpreter has not
	once       bool   // needs no guest, so that one executor is enough
	want       want

	// do takes the place of modules: an attack that is not, or not only, one
	// module run once.
	do    func(ctx context.Context, l *lab, a *attack) outcome
	tries int // of do
}

type phase int

const (
	running phase = iota
	describing
	planning
)

// count is how many modules or calls the attack consists of.
func (a *attack) count() int {
	if a.do != nil {
		return max(a.tries, 1)
	}
	return len(a.modules)
}

// end is how an attack ends.
type end int

const (
	harmless end = iota // it ran to its end, and what it gave back is as it must be
	refused             // before anything of it ran
	stopped             // by a trap, a host function or a check of what it gave back
	limited             // by a limit
	failed              // the host could not do its own part, and said so
	broken              // anything else
)

var endNames = map[end]string{
	harmless: "harmless", refused: "refused before it runs", stopped: "stopped", limited: "stopped at a limit",
	failed: "refused by the host", broken: "a hole",
}

// want is what must happen.
type want struct {
	ends  []end
	words []string // each in the error, where there is one; "a|b" is either
	check func(r reply) error
	gives string // what check expects, in words
	wall  string // which makes it harmless
	plain bool   // the error has no control characters
	most  int    // bytes of the error; 0 is any
}

func (w want) String() string {
	var s []string
	for _, e := range w.ends {
		t := endNames[e]
		if e == harmless && w.gives != "" {
			t += ": " + w.gives
		}
		s = append(s, t)
	}
	t := strings.Join(s, " or ")
	if len(w.words) > 0 {
		t += ": " + strings.ReplaceAll(strings.Join(w.words, ", "), "|", " or ")
	}
	if w.most > 0 {
		t += fmt.Sprintf(", in at most %d KiB", w.most>>10)
	}
	return t
}

// may reports whether an attack may end like that.
func (w want) may(e end) bool { return slices.Contains(w.ends, e) }

// reply is what an attack that ran to its end gave back.
type reply struct {
	data  [][]byte
	log   []string
	text  []byte // of describe or plan
	stats task.Stats
}

// outcome is what happened.
type outcome struct {
	end  end
	text string
	wall string
}

func mustRefuse(words ...string) want { return want{ends: []end{refused}, words: words} }
func mustStop(words ...string) want   { return want{ends: []end{stopped}, words: words} }
func mustLimit(words ...string) want  { return want{ends: []end{limited}, words: words} }

func mustGive(gives, wall string, check func(r reply) error) want {
	return want{ends: []end{harmless}, gives: gives, wall: wall, check: check}
}

// controls reports whether text holds what a terminal must not see.
func controls(s string) bool { return fault.Clean(s, len(s)) != s }

// judge names how a module ended. What it gave back, if it ended well, was
// checked before.
func (w want) judge(err error, wasm []byte, kind string) outcome {
	if err == nil {
		return outcome{harmless, "harmless", w.wall}
	}
	text := err.Error()
	o := outcome{text: text, end: broken}
	inCall := strings.Contains(text, ": stage ") || strings.Contains(text, ": describe: ") || strings.Contains(text, ": plan: ")
	switch code := fault.CodeOf(err); {
	case errors.Is(err, errWrongResult) || errors.Is(err, errSick):
		return o
	case code == fault.Module && !inCall, code == fault.Limit && !inCall:
		o.end, o.wall = refused, refuser(text, wasm)
	case code == fault.Module:
		o.end, o.wall = stopped, stopper(text)
	case code == fault.Limit:
		o.end, o.wall = limited, limiter(text, kind)
	case code == fault.Failed:
		o.end, o.wall = failed, "host's own checks"
	}
	if w.plain && controls(text) {
		return outcome{end: broken, text: fmt.Sprintf("%q", text)}
	}
	if w.most > 0 && len(text) > w.most {
		return outcome{end: broken, text: fmt.Sprintf("an error of %d bytes", len(text))}
	}
	for _, either := range w.words {
		if !slices.ContainsFunc(strings.Split(either, "|"), func(s string) bool { return strings.Contains(text, s) }) {
			o.wall, o.end = "", broken
		}
	}
	return o
}

// Walls, as the table names them.
const (
	byShape     = "shape check"
	byInterface = "interface check"
	byValidator = "engine's validation"
	byTrap      = "engine's traps"
	byHost      = "host functions"
	byParsing   = "host's parsing"
	byMemory    = "memory budget"
	byDeadline  = "deadline (SIGKILL)"
	byCounter   = "deadline (yield counter)"
	byFuel      = "fuel"
	byCalls     = "call limit"
	byLog       = "log limit"
	byOutput    = "output limit"
	byRlimits   = "rlimits"
	byProcess   = "process of its own"
	byFresh     = "own instance"
	byCopy      = "copy-on-write mapping"
	byWASI      = "empty WASI"
	byClean     = "cleaned text"
	byRewriter  = "rewriter"
	byOwner     = "private cache folder"
	byDigest    = "cache checks"
	byLists     = "check of lists"
	byFiles     = "checks of files"
)

func refuser(text string, wasm []byte) string {
	_, err := rewrite.Check(wasm, rewrite.Caps{})
	switch {
	case err != nil:
		return byShape
	case strings.Contains(text, stillRunning):
		return byDeadline
	case strings.Contains(text, "ran out of memory"):
		return byRlimits
	case strings.Contains(text, "not a valid module"):
		return byValidator
	case strings.Contains(text, "of memory"):
		return byMemory
	}
	return byInterface
}

// traps are wazero's words, internal/wasmruntime/errors.go.
var traps = []string{"out of bounds memory access", "invalid table access", "indirect call type mismatch",
	"integer divide by zero", "integer overflow", "invalid conversion", "unreachable", "out of bounds"}

func stopper(text string) string {
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("its worker process"):
		return byProcess
	case has("description"), has("the JSON"):
		return byParsing
	case slices.ContainsFunc(traps, has):
		return byTrap
	}
	return byHost
}

func limiter(text, kind string) string {
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has(stillRunning) && kind == Processes:
		return byDeadline
	case has(stillRunning):
		return byCounter
	case has("fuel"):
		return byFuel
	case has(calledTooOften):
		return byCalls
	case has(overflown):
		return byTrap
	case has("of output"):
		return byOutput
	case has("of log"):
		return byLog
	case has("processor time"), has("ran out of memory"):
		return byRlimits
	}
	return byMemory
}

var (
	errWrongResult = errors.New("it gave back what it must not")
	errSick        = errors.New("the host is not well afterwards")
)

func wrongResult(err error) error { return fmt.Errorf("%w: %w", errWrongResult, err) }
func sick(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", errSick, what, err)
}
