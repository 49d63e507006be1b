//go:build !cgo

package executor

import (
	"context"
	"strings"
	"testing"

	"rechost/host/fault"
)

// Whatever a guest that broke out asks of the kernel is refused, on the thread
// that loaded the filter and on others.
func TestEscape(t *testing.T) {
	dir := folder(t.TempDir())
	input := dir.put(t, make([]float32, 5000))
	e := newExecutor(t, "processes", 1, testLimits, dir)
	if w := strings.Join(e.Walls(), ", "); !strings.Contains(w, wallSeccomp) || !strings.Contains(w, wallLandlock) {
		t.Skipf("this kernel's walls are %s", w)
	}
	o := e.(*processes).options
	for i, name := range Attempts() {
		for _, second := range []bool{false, true} {
			if testing.Short() && (i%8 != 0 || second) {
				continue
			}
			a, err := Drill(context.Background(), o, name, second, input)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, second thread %v: %s by %s", name, second, a.Answer, a.Wall)
			if !a.Refused || a.Wall == "" {
				t.Errorf("%s, second thread %v: %s", name, second, a.Answer)
			}
		}
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
		if err := send(int(w.host.Fd()), &message{Kind: msgDrill, Name: Attempts()[0]}, nil); err != nil {
			return err
		}
		_, err := e.(*processes).answer(w, replyPage)
		return err
	})
	if fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), errLies.Error()) {
		t.Errorf("error %v", err)
	}
	if _, err := Drill(context.Background(), e.(*processes).options, "no such thing", false, folder(t.TempDir()).put(t, nil)); fault.CodeOf(err) != fault.Usage {
		t.Errorf("error %v", err)
	}
}
