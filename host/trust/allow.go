package trust

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rechost/host/fault"
	"rechost/host/task"
)

// Executors and Columns are what an entry can allow. The pairs of user and item
// are no column to be allowed: every module gets them.
var (
	Executors = []string{"processes", "goroutines"}
	Columns   = []string{"value", "time"}
)

// Allow is the most that a module may be given. A limit that is not there is
// the default of rechost; fuel that is not there leaves metering to the run.
type Allow struct {
	Executors []string `json:"executors"`
	Columns   []string `json:"columns"`
	Isolation bool     `json:"isolation,omitempty"` // every wall of the worker processes must stand
	Memory    Size     `json:"memory,omitempty"`
	Deadline  Span     `json:"deadline,omitempty"`
	Log       Size     `json:"log,omitempty"`
	Output    Size     `json:"output,omitempty"`
	Calls     Count    `json:"calls,omitempty"` // of host functions, by a task
	Fuel      Count    `json:"fuel,omitempty"`  // of a task, which must then be metered
}

// Count is a number of calls, or of instructions.
type Count int64

// UnmarshalJSON reads a whole number of at least 1: a 0 could be read as none
// at all, or as any.
func (c *Count) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("calls and fuel are whole numbers of at least 1, not %s", fault.Clean(string(b), 40))
	}
	*c = Count(n)
	return nil
}

// Size is a number of bytes. Its text form is a whole number of at most 15
// digits and B, or of at most 6 and KiB, MiB, GiB or TiB: "512MiB".
type Size int64

var (
	sizeForm = regexp.MustCompile(`^(?:([1-9][0-9]{0,14})(B)|([1-9][0-9]{0,5})(KiB|MiB|GiB|TiB))$`)
	spanForm = regexp.MustCompile(`^([1-9][0-9]{0,5}h)?([1-9][0-9]{0,5}m)?([1-9][0-9]{0,5}s)?$`)
	units    = []string{"B", "KiB", "MiB", "GiB", "TiB"}
)

// UnmarshalText reads the text form and nothing else.
func (s *Size) UnmarshalText(b []byte) error {
	m := sizeForm.FindSubmatch(b)
	if m == nil {
		return fmt.Errorf("a size is written as \"512MiB\", not %q", fault.Clean(string(b), 40))
	}
	n, err := strconv.ParseInt(string(m[1])+string(m[3]), 10, 64)
	if err != nil {
		return err
	}
	*s = Size(n << (10 * slices.Index(units, string(m[2])+string(m[4]))))
	return nil
}

// MarshalText gives the text form, where the size has one.
func (s Size) MarshalText() ([]byte, error) {
	text := s.String()
	if !sizeForm.MatchString(text) {
		return nil, fmt.Errorf("%d bytes have no text form", int64(s))
	}
	return []byte(text), nil
}

// String is the text form: in the largest unit that leaves no fraction, or in
// bytes where that takes too many digits.
func (s Size) String() string {
	n, unit := s, 0
	for unit < len(units)-1 && n > 0 && n%1024 == 0 {
		n /= 1024
		unit++
	}
	if n > 999999 {
		n, unit = s, 0
	}
	return strconv.FormatInt(int64(n), 10) + units[unit]
}

// Span is a duration of whole seconds. Its text form is "1h30m", "10m", "45s".
type Span time.Duration

// UnmarshalText reads the text form and nothing else.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || !spanForm.Match(b) {
		return fmt.Errorf("a time is written as \"10m\" or \"1h30m\", not %q", fault.Clean(string(b), 40))
	}
	*s = Span(d)
	return nil
}

// MarshalText gives the text form.
func (s Span) MarshalText() ([]byte, error) {
	text := s.String()
	if !spanForm.MatchString(text) || text == "" {
		return nil, fmt.Errorf("%v is not a whole number of seconds above 0", time.Duration(s))
	}
	return []byte(text), nil
}

// String is the text form; of what has none, that of a time.Duration.
func (s Span) String() string {
	d, text := time.Duration(s), ""
	if d%time.Second != 0 {
		return d.String()
	}
	for _, u := range []struct {
		unit   time.Duration
		letter string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.unit; n > 0 {
			text += strconv.FormatInt(int64(n), 10) + u.letter
			d -= n * u.unit
		}
	}
	return text
}

func (a Allow) check(place string) error {
	place += ".allow"
	if len(a.Executors) == 0 {
		return fault.Data("%s names no executors: they are %s", place, strings.Join(Executors, ", "))
	}
	if a.Columns == nil {
		return fault.Data("%s has no columns: [] for the pairs of user and item alone, else of %s", place, strings.Join(Columns, ", "))
	}
	for _, l := range []struct {
		name        string
		list, known []string
	}{{"executors", a.Executors, Executors}, {"columns", a.Columns, Columns}} {
		for i, x := range l.list {
			if !slices.Contains(l.known, x) {
				return fault.Data("%s: there are no %s %q: they are %s", place, l.name, fault.Clean(x, 40), strings.Join(l.known, ", "))
			}
			if slices.Contains(l.list[:i], x) {
				return fault.Data("%s.%s has %s twice", place, l.name, x)
			}
		}
	}
	return nil
}

// Limits are the largest that are allowed, defaults filled in. Fuel of 0 is any.
func (a Allow) Limits() task.Limits {
	return task.Limits{
		Memory: int64(a.Memory), Deadline: time.Duration(a.Deadline), Log: int64(a.Log), Output: int64(a.Output),
		Calls: int64(a.Calls), Fuel: int64(a.Fuel),
	}.WithDefaults()
}

// Ask is what a run gives a module.
type Ask struct {
	Executor string
	Columns  []string // beyond user and item: of Columns
	Limits   task.Limits
	// Isolation says that the run refuses to go on where a wall is missing.
	Isolation bool
}

// Check refuses what is asked for beyond what the entry allows. Its error, of
// code fault.Module, names all of it.
func (e Entry) Check(ask Ask) error {
	var over []string
	var hint []string
	say := func(flag, format string, a ...any) {
		over, hint = append(over, fmt.Sprintf(format, a...)), append(hint, flag)
	}
	if !slices.Contains(e.Allow.Executors, ask.Executor) {
		say("--executor "+e.Allow.Executors[0], "executor %s (allowed: %s)", fault.Clean(ask.Executor, 40), strings.Join(e.Allow.Executors, ", "))
	}
	if e.Allow.Isolation && !ask.Isolation {
		say("--require-isolation", "walls that may be missing")
	}
	for _, c := range ask.Columns {
		if !slices.Contains(e.Allow.Columns, c) {
			flag := "no --grant " + c
			if c == "value" {
				flag = "--no-value"
			}
			say(flag, "column %s", c)
		}
	}
	most, want := e.Allow.Limits(), ask.Limits.WithDefaults()
	for _, l := range []struct {
		flag, name string
		want, most int64
		text       func(int64) string
	}{
		{"memory", "memory", want.Memory, most.Memory, sizeText},
		{"deadline", "deadline", int64(want.Deadline), int64(most.Deadline), func(n int64) string { return Span(n).String() }},
		{"log-limit", "log", want.Log, most.Log, sizeText},
		{"output-limit", "output", want.Output, most.Output, sizeText},
		{"call-limit", "calls", want.Calls, most.Calls, func(n int64) string { return strconv.FormatInt(n, 10) }},
	} {
		if l.want > l.most {
			say("--"+l.flag+" "+l.text(l.most), "%s %s (allowed: %s)", l.name, l.text(l.want), l.text(l.most))
		}
	}
	switch {
	case most.Fuel == 0:
	case want.Fuel == 0:
		say(fmt.Sprintf("--fuel %d", most.Fuel), "fuel without end (allowed: %d)", most.Fuel)
	case want.Fuel > most.Fuel:
		say(fmt.Sprintf("--fuel %d", most.Fuel), "fuel %d (allowed: %d)", want.Fuel, most.Fuel)
	}
	if len(over) == 0 {
		return nil
	}
	return fault.Mod("%s: %s does not allow what is asked for: %s", e.module, e.file, strings.Join(over, "; ")).
		WithHint("ask for what it allows: %s", strings.Join(hint, " "))
}

func sizeText(n int64) string { return Size(n).String() }
