//go:build !cgo

package executor

import (
	"context"
	"strings"
	"testing"

	"rechost/host/fault"
)

// Whatever a guest that broke out asks of the kernel is refused, on the thread
// that loaded the filter and on others; so is what a module that took over the
// compiler asks, but for what compiling takes.
func TestEscape(t *testing.T) {
	dir := folder(t.TempDir())
	input := dir.put(t, make([]float32, 5000))
	e := newExecutor(t, "processes", 1, testLimits, dir)
	if w := strings.Join(e.Walls(), ", "); !strings.Contains(w, wallSeccomp) || !strings.Contains(w, wallLandlock) {
		t.Skipf("this kernel's walls are %s", w)
	}
	o := e.(*processes).options
	compiling := 0
	for i, x := range Attempts() {
		if x.Compiling {
			compiling++
		}
		if testing.Short() && i%16 != 0 {
			continue
		}
		a, err := Drill(context.Background(), o, x, input)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: %s by %s", x, a.Answer, a.Wall)
		if !a.Refused || a.Wall == "" {
			t.Errorf("%v: %s", x, a.Answer)
		}
	}
	if compiling < 40 {
		t.Errorf("only %d attempts are made while compiling", compiling)
	}
	if err := e.Run(context.Background(), tasksOf(t, stageFresh, 1, nil, 1), drop); err != nil {
		t.Errorf("the parent is not well: %v", err)
	}
	o.RequireIsolation = true
	strict, err := NewProcesses(o)
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	if _, err := strict.Describe(context.Background()); err != nil {
		t.Errorf("with full isolation required: %v", err)
	}
}

// A worker that serves guests does not answer to drills.
func TestNoDrillForGuests(t *testing.T) {
	e := newExecutor(t, "processes", 1, testLimits, folder(t.TempDir()))
	err := e.(*processes).with(context.Background(), 0, func(w *workerProcess) error {
		if err := send(int(w.host.Fd()), &message{Kind: msgDrill, Name: escapes[0].name}, nil); err != nil {
			return err
		}
		_, err := e.(*processes).answer(w, replyPage)
		return err
	})
	if fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), errLies.Error()) {
		t.Errorf("error %v", err)
	}
	if _, err := Drill(context.Background(), e.(*processes).options, Try{Name: "no such thing"}, folder(t.TempDir()).put(t, nil)); fault.CodeOf(err) != fault.Usage {
		t.Errorf("error %v", err)
	}
}
