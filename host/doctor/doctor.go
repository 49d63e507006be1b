// Package doctor attacks the sandbox on the machine where it is to be used,
// and tells which walls stood.
//
//	r, err := doctor.Run(ctx, doctor.Options{Executors: []string{"processes"}})
//	fmt.Println(len(r.Rows), r.Fell)
//
// An attack is a hostile module, written instruction by instruction with
// wasmenc, and what must become of it: refused before anything runs, trapped,
// stopped at a limit, or harmless with a result that is checked. It runs
// through package executor, as a job's module would, under small limits. After
// each one an honest stage of the same module and an honest module next to it
// must still give what they should.
//
// The escape drill goes one step further: it assumes that the first wall has
// fallen. Host code in a worker that is locked in as for a guest asks the
// kernel for what a guest must not get.
//
// # Notes
//
//   - Attacks run one after the other: some change GOMAXPROCS or call the
//     collector, for the whole process.
//   - A hole is an attack that did not end as it must. A wall that this system
//     cannot give is not a hole but lacking, and Fell names it all the same.
//   - Being late is judged by processor time and by trying again, so that a busy
//     machine is no hole; see late.go.
package doctor

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"rechost/host/executor"
	"rechost/host/fault"
)

// Names of the executors, as host.Job has them.
const (
	Processes  = "processes"
	Goroutines = "goroutines"
)

// DefaultDeadline is how long a guest that never ends is let run.
const DefaultDeadline = time.Second

// Options say what is examined.
type Options struct {
	Executors []string       // Processes, Goroutines, or both; both when empty
	Only      *regexp.Regexp // attacks whose "kind: name" it matches; nil is all
	// Interpreter runs guests on wazero's interpreter instead of its compiler.
	Interpreter bool
	Deadline    time.Duration // of guests that never end; 0 is DefaultDeadline
	Store       string        // folder whose modes are reported; "" is none
	Worker      string        // binary that is started as a worker; "" is this program's own
	Progress    func(Row)     // called after each attack; may be nil
}

// Report is what an examination found.
type Report struct {
	Engine  string   `json:"engine"` // compiler or interpreter, of guests
	System  []Fact   `json:"system"`
	Walls   []Wall   `json:"walls"`
	Rows    []Row    `json:"attacks"`
	Left    []string `json:"left_out,omitempty"` // attacks, as "kind: name", for which the engine has nothing
	Modules int      `json:"modules"`            // hostile modules that were tried, each once an executor
	Fell    []Wall   `json:"fell,omitempty"`
	Seconds float64  `json:"seconds"`
}

// Fact is something about the machine.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Means string `json:"means,omitempty"` // where it is not as it should be
}

// Wall is something that stands, or should, between a guest and the machine.
type Wall struct {
	Executor string `json:"executor"`
	Name     string `json:"name"`
	Stands   bool   `json:"stands"`
	Means    string `json:"means,omitempty"` // what follows if it does not stand
}

// Row is one attack on one executor.
type Row struct {
	Kind     string  `json:"kind"`
	Attack   string  `json:"attack"`
	Executor string  `json:"executor"`
	Tries    int     `json:"tries"` // modules, or calls
	Want     string  `json:"want"`
	Happened string  `json:"happened"`
	Wall     string  `json:"wall"` // which stopped it; "" if none did
	Held     bool    `json:"held"`
	Seconds  float64 `json:"seconds"`
}

// Held counts the rows that ended as they must.
func (r *Report) Held() (n int) {
	for _, x := range r.Rows {
		if x.Held {
			n++
		}
	}
	return n
}

// Run examines this machine. The error is for what kept it from doing so; what
// it found, good or bad, is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	start := time.Now()
	if len(o.Executors) == 0 {
		o.Executors = []string{Processes, Goroutines}
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Deadline < 0 {
		return nil, fault.Use("a deadline of %v is none", o.Deadline)
	}
	r := &Report{Engine: "compiler", System: system(o.Store)}
	attacks := slices.DeleteFunc(all(), func(a attack) bool {
		return o.Only != nil && !o.Only.MatchString(a.kind+": "+a.name)
	})
	if o.Interpreter {
		r.Engine = "interpreter"
		attacks = slices.DeleteFunc(attacks, func(a attack) bool {
			if a.cached {
				r.Left = append(r.Left, a.kind+": "+a.name)
			}
			return a.cached
		})
	}
	scratch, err := os.MkdirTemp("", "rechost-doctor-")
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot make a scratch folder: %v", err)
	}
	defer os.RemoveAll(scratch)
	for _, kind := range o.Executors {
		if kind == Processes && !executor.HasProcesses {
			r.fell(Wall{Executor: kind, Name: "worker processes", Means: noProcesses})
			continue
		}
		l, err := newLab(ctx, kind, scratch, o)
		if err != nil {
			return nil, err
		}
		err = r.examine(ctx, l, attacks, o)
		l.close()
		if err != nil {
			return nil, err
		}
	}
	if len(r.Rows) == 0 && len(r.Left) > 0 {
		return nil, fault.Use("all attacks that match %q are for compiled code, which the interpreter has not", o.Only).
			WithHint("leave out --engine interpreter")
	}
	if len(r.Rows) == 0 && o.Only != nil && len(r.Fell) == 0 {
		return nil, fault.Use("no attack matches %q", o.Only).WithHint("rechost doctor --only loops")
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

const noProcesses = "this system cannot lock a process in as rechost needs it: run only modules that you trust, with --executor goroutines"

// examine attacks one executor.
func (r *Report) examine(ctx context.Context, l *lab, attacks []attack, o Options) error {
	for _, w := range l.walls() {
		if r.Walls = append(r.Walls, w); !w.Stands {
			r.fell(w)
		}
	}
	note := func(x Row) {
		r.Rows = append(r.Rows, x)
		if !x.Held {
			r.fell(Wall{Executor: x.Executor, Name: wallOfKind(x.Kind), Means: x.Kind + ": " + x.Attack + ": " + x.Happened})
		}
		if o.Progress != nil {
			o.Progress(x)
		}
	}
	for _, a := range attacks {
		if a.on != "" && a.on != l.kind || a.once && len(r.Rows) > 0 && r.Rows[0].Executor != l.kind {
			continue
		}
		x := l.try(ctx, a)
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Modules += a.count()
		note(x)
	}
	if l.kind == Processes {
		return drill(ctx, l, o, note)
	}
	return nil
}

func (r *Report) fell(w Wall) { r.Fell = append(r.Fell, w) }

// wallOfKind is the wall that an attack of a kind is aimed at.
func wallOfKind(kind string) string { return fmt.Sprintf("against %s", kind) }
