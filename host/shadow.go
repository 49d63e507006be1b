package host

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rechost/host/capsule"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/plan"
	"rechost/host/task"
)

// A shadowed task runs on both of wazero's engines, which share no code that
// generates or interprets instructions, so a mistake of one shows as different
// bytes.

// shadowed counts the tasks of a run that both engines ran.
type shadowed struct {
	drawn bool // at least one was drawn
	same  int  // tasks with the same bytes from both
}

// shadowPatience is how much longer than the deadline a shadow may take: the
// interpreter is 8 to 50 times slower than what the compiler makes.
const shadowPatience = 100

// shadowOptions are for the executor of the other engine.
func (s *session) shadowOptions() executor.Options {
	o := s.options(!s.job.Interpreter)
	o.Limits = o.Limits.WithDefaults()
	o.Limits.Deadline = min(o.Limits.Deadline, 24*time.Hour) * shadowPatience
	o.Failed = func(t *task.Task, _ task.Diagnosis, err error) {
		s.fallen.mu.Lock()
		defer s.fallen.mu.Unlock()
		if old := s.fallen.t; old == nil || t.Shard < old.Shard {
			s.fallen.t, s.fallen.err = t, err
		}
	}
	return o
}

// fallen is the shadow that failed, of several the one of the first shard.
type fallen struct {
	mu  sync.Mutex
	t   *task.Task
	err error
}

// drawShadow picks those of a turn's n tasks that the other engine runs too:
// one at least in a run.
func (s *session) drawShadow(o *outcome, n int) []bool {
	if s.shadow == nil {
		return make([]bool, n)
	}
	picked := draw(n, s.job.Shadow, !o.shadow.drawn)
	o.shadow.drawn = o.shadow.drawn || n > 0
	return picked
}

// shadowTurn runs the picked tasks of a turn on the other engine and compares.
// frames are the turn's where the journal had them, otherwise nil.
func (s *session) shadowTurn(ctx context.Context, turn *plan.Turn, picked []bool, recorded []manifest.Task, frames []plan.Bound, o *outcome) error {
	var drawn []task.Task
	var at []int
	for i, t := range turn.Tasks {
		if picked[i] {
			drawn, at = append(drawn, t), append(at, i)
		}
	}
	if len(drawn) == 0 {
		return nil
	}
	s.ran.Store(true)
	again, err := s.repeat(ctx, s.shadow, turn, drawn, at, recorded, frames)
	o.shadow.same += again.rerun
	d := again.difference
	switch code := fault.CodeOf(err); {
	case d != nil:
	case err == nil:
		return nil
	case code == fault.Limit:
		// The engines do not take the same time or stack.
		stage, why := turn.Stage.Name, ": "+err.Error()
		if s.job.QuietGuest {
			stage, why = fmt.Sprintf("stage %d", turn.Index+1), ""
		}
		o.logged += int64(len(why)) // it may have a number of the guest's
		s.tell(fmt.Sprintf("%s of %s were compared with the other engine, which then hit a limit%s", count(again.rerun, "task"), stage, why))
		return nil
	case code == fault.Module:
		// It ended well on one engine only.
		d = &Difference{What: "task", Stage: turn.Stage.Name, Turn: turn.Iteration, Element: -1, Was: "outputs", Is: err.Error()}
		if t := s.fallen.t; t != nil {
			d.Shard = t.Shard
			again.at = slices.IndexFunc(turn.Tasks, func(x task.Task) bool { return x.ID == t.ID })
		}
	default:
		return err
	}
	return s.alarm(turn, d, again, recorded)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// alarm saves the task whose engines differ and is the failure of the run.
func (s *session) alarm(turn *plan.Turn, d *Difference, again repetition, recorded []manifest.Task) error {
	hint := "one of wazero's engines computes wrongly: nothing was written; please report it; with --salt TEXT a run trusts nothing that the store remembers"
	seen := fault.New(fault.Differs, "%s: %s: the %s gave %s, the %s %s", filepath.Base(s.job.Module), d.Place(),
		engineFolder(s.job.Interpreter), d.Was, engineFolder(!s.job.Interpreter), d.Is)
	if again.at >= 0 && again.at < len(turn.Tasks) {
		t := &turn.Tasks[again.at]
		dir := cmp.Or(s.job.SaveFailures, filepath.Join(filepath.Dir(s.job.Out), DefaultFailures))
		s.save(dir, t, s.job.Interpreter, capsule.Seen{
			Why: capsule.Differs, Code: fault.Differs, Error: seen.Msg, Outputs: recordOf(recorded, t), Others: again.outputs})
		s.tellSaved()
	}
	if s.job.QuietGuest { // names and numbers are the module's words
		seen.Msg = fmt.Sprintf("%s: stage %d of %d: wazero's engines gave different bytes", filepath.Base(s.job.Module), turn.Index+1, len(s.plan.Stages))
	}
	return seen.WithHint("%s", hint)
}
