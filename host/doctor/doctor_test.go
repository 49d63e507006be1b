package doctor

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rechost/host/executor"
)

func TestMain(m *testing.M) {
	if executor.IsWorker() {
		executor.WorkerMain()
	}
	os.Exit(m.Run())
}

// What does not stand says why, and what to do: a binary built with cgo has no
// locks on any kernel.
func TestWallsSayWhy(t *testing.T) {
	if !executor.HasProcesses {
		t.Skip("this system has no workers")
	}
	l, err := newLab(context.Background(), Processes, t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	walls := l.walls()
	if len(walls) != 4 {
		t.Fatalf("walls: %v", walls)
	}
	for _, w := range walls {
		switch cgo := strings.Contains(w.Means, "CGO_ENABLED=0"); {
		case w.Stands != (w.Means == ""):
			t.Errorf("%s: stands %v, means %q", w.Name, w.Stands, w.Means)
		case !w.Stands && cgo == executor.Confines:
			t.Errorf("%s: %s", w.Name, w.Means)
		case !executor.Confines && w.Stands && (w.Name == "seccomp" || strings.HasPrefix(w.Name, "Landlock")):
			t.Errorf("%s stands in a binary with cgo", w.Name)
		}
	}
}

// Every attack ends as it must, with both executors.
func TestAttacks(t *testing.T) {
	watchdog := time.AfterFunc(4*time.Minute, func() { panic("the suite hangs") })
	defer watchdog.Stop()
	without := false // this system, or a binary built with cgo, lacks walls
	o := Options{Deadline: 300 * time.Millisecond, Progress: func(x Row) {
		if !x.Held && !(x.Kind == escape && without) {
			t.Errorf("%s: %s: %s: wanted %s; %s", x.Executor, x.Kind, x.Attack, x.Want, x.Happened)
		}
	}}
	if executor.HasProcesses {
		l, err := newLab(context.Background(), Processes, t.TempDir(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range l.walls() {
			if !w.Stands {
				without = true
				t.Logf("no %s here: the escape drill is not held against it", w.Name)
			}
		}
		l.close()
	} else {
		o.Executors = []string{Goroutines}
	}
	if testing.Short() {
		o.Only = regexp.MustCompile("loop in|table|recursion|pages|output_write|clock|flipped|truncated|socket|files that others|1 GiB")
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	walls := map[string]int{}
	for _, x := range r.Rows {
		if x.Held && x.Wall == "" {
			t.Errorf("%s: %s: %s: no wall is named", x.Executor, x.Kind, x.Attack)
		}
		walls[x.Wall]++
	}
	t.Logf("%d modules, %d rows, %d held, %.1f s", r.Modules, len(r.Rows), r.Held(), r.Seconds)
	t.Log(walls)
	for _, f := range r.System {
		t.Log(f)
	}
}

// Guests can be on the interpreter, in every executor; what is for compiled
// code is left out, and named.
func TestInterpreter(t *testing.T) {
	o := Options{Deadline: 300 * time.Millisecond, Interpreter: true, Executors: []string{Goroutines},
		Only: regexp.MustCompile("loop in run|operands at once|recursion without end|called without end|a flipped bit")}
	if executor.HasProcesses {
		o.Executors = append(o.Executors, Processes)
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Rows {
		if !x.Held {
			t.Errorf("%s: %s: %s: wanted %s; %s", x.Executor, x.Kind, x.Attack, x.Want, x.Happened)
		}
		if x.Attack == "recursion without end" && !strings.Contains(x.Happened, "2000 nested calls") {
			t.Errorf("%s: the interpreter did not run it: %s", x.Executor, x.Happened)
		}
	}
	if n := len(r.Rows); n != 5*len(o.Executors) || r.Engine != "interpreter" {
		t.Errorf("%d rows on the %s", n, r.Engine)
	}
	if want := []string{caches + ": a flipped bit in the middle", caches + ": a flipped bit at the end"}; !slices.Equal(r.Left, want) {
		t.Errorf("left out: %q, want %q", r.Left, want)
	}
}
