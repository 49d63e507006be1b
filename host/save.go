package host

import (
	"path/filepath"
	"runtime"
	"sync"

	"rechost/host/array"
	"rechost/host/capsule"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/plan"
	"rechost/host/task"
)

// saves is what became of the tasks that were to be saved. Executors save from
// several goroutines; the run tells of it from its own.
type saves struct {
	mu    sync.Mutex
	notes []Event
}

// saveFailed saves a task that an executor says failed.
func (s *session) saveFailed(t *task.Task, _ task.Diagnosis, err error) {
	if t.Phase != task.Running {
		t = s.asked(t.Phase, t.Config)
	}
	s.save(s.job.SaveFailures, t, s.job.Interpreter, capsule.Seen{Why: capsule.Failed, Code: fault.CodeOf(err), Error: err.Error(), Hint: fault.HintOf(err)})
}

// saveRefused saves a task whose outputs were refused, where the job asks for
// that.
func (s *session) saveRefused(t *task.Task, outputs plan.Parts, err error) {
	if s.job.SaveFailures != "" && fault.CodeOf(err) == fault.Module {
		s.save(s.job.SaveFailures, t, s.job.Interpreter, capsule.Seen{
			Why: capsule.Refused, Code: fault.CodeOf(err), Error: err.Error(), Hint: fault.HintOf(err), Outputs: outputs})
	}
}

// asked is what the module is asked before there are tasks, as a task.
func (s *session) asked(p task.Phase, config []byte) *task.Task {
	t := &task.Task{ID: s.question(p, config), Phase: p, Config: config}
	if p == task.Describing {
		t.Config = []byte("{}")
	}
	return t
}

// refuse is the error of a description or plan that was refused, and saves what
// it is the answer to where the job asks for that.
func (s *session) refuse(p task.Phase, config, text []byte, err error) error {
	err = s.blame(err)
	s.saveRefused(s.asked(p, config), plan.Parts{textMeta(text)}, err)
	return err
}

// textMeta is a description or a plan as an output.
func textMeta(text []byte) array.Meta {
	m := array.Meta{DType: array.U8, Rows: len(text)}
	m.Digest = digestOf(m, text)
	return m
}

// save saves a task into the folder dir, and notes where, or why not: the run
// fails for its own reason either way.
func (s *session) save(dir string, t *task.Task, interpreter bool, seen capsule.Seen) {
	path, err := capsule.Save(dir, capsule.Capsule{
		Module:      capsule.Module{Name: filepath.Base(s.job.Module)},
		Versions:    manifest.Versions(Version(), moduleVersion("github.com/tetratelabs/wazero"), runtime.Version()),
		Executor:    s.job.Executor,
		Engine:      engineName(interpreter),
		Interpreter: interpreter,
		Limits:      s.job.Limits.WithDefaults(),
		Seen:        seen,
	}, t, s.wasm, s.store)
	place := t.Place()
	if s.job.QuietGuest && t.Phase == task.Running { // the names of stages are the module's words
		place, path = "a task", filepath.Join(dir, "…")
	}
	if err != nil && s.job.QuietGuest { // it names the folder, by the stage
		err = fault.Cause(err)
	}
	note := place + " was saved, with the private data that it was given: rechost replay " + path
	if t.Phase != task.Running {
		note = "what was asked of the module was saved: rechost replay " + path
	}
	if err != nil {
		note = place + " was not saved: " + err.Error()
	}
	s.saves.mu.Lock()
	s.saves.notes = append(s.saves.notes, Event{Note: note, Alert: err != nil})
	s.saves.mu.Unlock()
}

// tellSaved tells of what was saved since it was last called.
func (s *session) tellSaved() {
	s.saves.mu.Lock()
	notes := s.saves.notes
	s.saves.notes = nil
	s.saves.mu.Unlock()
	for _, e := range notes {
		s.note(e)
	}
}

// shapes are the arrays that a task gave, as the store would name them. The
// executor has seen to it that they are whole rows.
func shapes(t *task.Task, data [][]byte) plan.Parts {
	var list plan.Parts
	for k, b := range data[:min(len(data), len(t.Outputs))] {
		m := array.Meta{DType: t.Outputs[k].DType, Width: t.Outputs[k].Width}
		m.Rows = len(b) / m.RowBytes()
		m.Digest = digestOf(m, b)
		list = append(list, m)
	}
	return list
}

// recordOf is what is recorded of a task's outputs.
func recordOf(tasks []manifest.Task, t *task.Task) (list plan.Parts) {
	for _, r := range tasks {
		if r.ID == t.ID {
			list = nil
			for _, o := range r.Outputs {
				list = append(list, o.Meta)
			}
		}
	}
	return list
}
