package doctor

import (
	"context"
	"os"
	"regexp"
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
