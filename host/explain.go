package host

import (
	"context"

	"rechost/guest/abi"
	"rechost/host/plan"
	"rechost/host/task"
)

// Explain reads the data, lets the module plan, and tells what Run would do.
// No task is run.
func Explain(ctx context.Context, job Job) (*Explanation, error) {
	if job.ForUsersColumn == "" {
		job.ForUsersColumn = job.Data.User
	}
	s, err := open(ctx, onlyLooking(job))
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	return s.explain()
}

func (s *session) explain() (*Explanation, error) {
	m := s.matrix
	x := &Explanation{
		Module: s.module, Parameters: s.values, Input: m.Read,
		Users: m.Users.Len(), Items: m.Items.Len(), Entries: m.ByUser.Entries(), Targets: len(s.targets.Users),
		Shards: s.shape.Shards, Columns: s.columns(), Plan: abi.Plan{Steps: s.plan.Steps, Emits: s.plan.Emits},
		Stages: make([]ExplainedStage, len(s.plan.Stages)),
	}
	env := plan.Env{}
	for n, b := range s.env {
		env[n] = b
	}
	unknown := map[string]bool{} // frames whose content the journal cannot tell
	err := walk(s.plan, func(index, iteration, _ int) error {
		st := &x.Stages[index]
		st.Stage, st.Index = *s.plan.Stages[index], index
		hidden := false
		for _, in := range st.Inputs {
			hidden = hidden || unknown[in.Frame]
		}
		turn, err := s.plan.Sketch(index, iteration, env, s.shape, s.source, hidden)
		if err != nil {
			return err
		}
		st.Turns++
		st.Shards = len(turn.Tasks)
		x.Tasks += len(turn.Tasks)
		if st.Turns == 1 {
			st.Rows, st.Bytes = turn.Rows, fed(turn.Tasks)
		}
		frames, joined := turn.Makes, false
		if !hidden {
			known := 0
			for _, t := range turn.Tasks {
				if _, ok := s.journal.Peek(t.ID); ok {
					known++
				}
			}
			st.Journal += known
			x.Known += known
			if known == len(turn.Tasks) {
				if f, ok := s.joined(turn, joinIdentity(turn.Tasks)); ok {
					frames, joined = f, true
				}
			}
		}
		st.Unknown = st.Unknown || hidden
		for i, b := range frames {
			name := st.Outputs[i].Frame
			env[name] = b
			unknown[name] = !joined
		}
		return nil
	}, func(until string) (bool, error) {
		if unknown[until] {
			return true, nil // the test cannot be told: every turn is counted
		}
		return s.more(&outcome{env: env}, until)
	})
	return x, err
}

// fed is the bytes of the tasks' inputs.
func fed(tasks []task.Task) int64 {
	var n int64
	for _, t := range tasks {
		for _, in := range t.Inputs {
			n += int64(in.Rows) * int64(in.Array.RowBytes())
		}
	}
	return n
}
