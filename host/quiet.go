package host

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"rechost/host/fault"
)

// A module that was told of the data can put some of it into every word that it
// chooses: its messages, the text of its errors, the numbers in them. With
// Job.QuietGuest none of these leaves; that a run failed, how and in which stage
// does.

// beforeStages is session.at while the module plans.
const beforeStages = -1

// guestError is a failure whose text an executor wrote: some of it may be the
// guest's, whatever its code.
type guestError struct{ error }

func (e guestError) Unwrap() error { return e.error }

// ofGuest marks an executor's error.
func (s *session) ofGuest(err error) error {
	if err == nil || !s.job.QuietGuest {
		return err
	}
	return guestError{err}
}

// hush puts a fixed text in place of an error in which a guest that was told of
// the data may have had a word. Its code stays.
func (s *session) hush(err error) error {
	code := fault.CodeOf(err)
	var of guestError
	switch {
	case err == nil || !s.job.QuietGuest || !s.told.Load() || code == fault.Interrupted:
		return err
	case code != fault.Module && code != fault.Limit && !errors.As(err, &of):
		return err // of the host's own work
	}
	place := "plan"
	if at := s.at.Load(); at != beforeStages {
		place = fmt.Sprintf("stage %d of %d", at+1, len(s.plan.Stages))
	}
	return fault.New(code, "%s: %s: %s", filepath.Base(s.job.Module), place, hushed(code)).WithHint(hushHint)
}

const hushHint = "what the module said of it is dropped; without --quiet-guest it is shown"

// hushed says as much of a failure as its code does.
func hushed(code fault.Code) string {
	switch code {
	case fault.Usage:
		return "the module refuses what is asked of it"
	case fault.Module:
		return "the module misbehaved"
	case fault.Limit:
		return "a limit was hit"
	case fault.Differs:
		return "wazero's engines gave different bytes"
	}
	return "its tasks could not be run"
}

// hush drops the module's words from what is said of a replay: messages, texts
// of errors, names of functions, stages and arrays, and the configuration, which
// a capsule may have from anybody.
func (v *Replayed) hush() {
	seen, t := &v.Saved.Seen, &v.Saved.Task
	seen.Error, seen.Hint = hushed(seen.Code), ""
	t.Config = nil
	if t.Stage != "" {
		t.Stage = strconv.Itoa(t.Index + 1)
	}
	for i := range t.Inputs {
		t.Inputs[i].Name = strconv.Itoa(i + 1)
	}
	for i := range t.Outputs {
		t.Outputs[i].Name = strconv.Itoa(i + 1)
	}
	for i := range v.Runs {
		r := &v.Runs[i]
		if r.Error != "" {
			r.Error, r.Hint = hushed(r.Code), hushHint
		}
		r.Trace, r.Log = nil, nil
		for k := range r.Outputs {
			r.Outputs[k].Name = strconv.Itoa(k + 1)
		}
	}
	if v.Code == fault.Differs && len(v.Runs) == 2 { // it has an element, or an error
		v.Verdict = "the engines differ again"
	}
}

// label names a stage for people: by the plan's name, or by its place where
// the module's words are dropped.
func (s *session) label(index int, name string) string {
	if s.job.QuietGuest {
		return strconv.Itoa(index + 1)
	}
	return name
}
