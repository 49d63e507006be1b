package doctor

import (
	"context"
	"regexp"
	"testing"
	"time"

	"rechost/host/executor"
	w "rechost/host/sandbox/rewrite/wasmenc"
)

// What is late by its own doing is told from what a busy machine, or a moment,
// held up.
func TestOnTime(t *testing.T) {
	const most = 300 * time.Millisecond
	idle, busy := func() float64 { return 1 }, func() float64 { return 1000 }
	var spent time.Duration
	for name, x := range map[string]struct {
		slow  func() float64
		f     func(call int)
		calls int
		late  string
	}{
		"at once":          {idle, func(int) {}, 1, "^$"},
		"computes":         {busy, func(int) { spent += 2 * most }, 1, "^took 600ms of processor time$"},
		"waits":            {idle, func(int) { time.Sleep(most + most/3) }, tries, "^took [^ ]+s$"},
		"is held up once":  {idle, func(call int) { time.Sleep(most * time.Duration(2-min(call, 2)) * 4 / 3) }, 2, "^$"},
		"computes at last": {idle, func(call int) { time.Sleep(most + most/3); spent += most / 2 * time.Duration(call) }, 3, "processor time$"},
		"a busy machine":   {busy, func(int) { time.Sleep(most + most/3) }, 1, "^$"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			late, err := onTime(most, func() time.Duration { return spent }, x.slow, func() error { calls++; x.f(calls); return nil })
			if err != nil || calls != x.calls || !regexp.MustCompile(x.late).MatchString(late) {
				t.Errorf("late: %q after %d calls, %v; want %s after %d", late, calls, err, x.late, x.calls)
			}
		})
	}
	if s := slowness(); s < 1 {
		t.Errorf("%g times slower than an idle machine", s)
	}
}

// A guest that should end and does not is a hole, however long it is waited for.
func TestEndlessIsAHole(t *testing.T) {
	for _, kind := range []string{Processes, Goroutines} {
		if kind == Processes && !executor.HasProcesses {
			continue
		}
		l, err := newLab(context.Background(), kind, t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		l.patience = 300 * time.Millisecond
		x := l.try(context.Background(), attack{kind: "test", name: "loops", want: mustGive("ends", byHost, nil),
			modules: []func() []byte{guest{attack: code(w.Loop(w.Void, w.Br(0)), trap)}.bytes}})
		if x.Held {
			t.Errorf("%s: %s", kind, x.Happened)
		}
	}
}
