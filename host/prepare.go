package host

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/params"
	"rechost/host/plan"
	"rechost/host/task"
)

// prepare reads and indexes the data while the module is compiled, lets the
// module plan, and checks the plan.
func (s *session) prepare(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.tellSaved()
	described := make(chan error, 1)
	go func() {
		t := time.Now()
		err := s.describe(ctx)
		if err == nil {
			err = s.checkNeeds()
		}
		s.times.Plan = seconds(time.Since(t))
		if err != nil {
			cancel(err) // no need to read on
		}
		described <- err
	}()
	readErr := s.read(ctx)
	if readErr != nil {
		cancel(readErr)
	}
	if readErr == nil {
		s.progress(Event{Phase: "plan"})
	}
	if err := <-described; err != nil && (readErr == nil || context.Cause(ctx) == err) {
		return err
	}
	if readErr != nil {
		return readErr
	}
	if err := s.makePlan(ctx); err != nil {
		return err
	}
	s.progress(Event{Phase: "plan", End: true})
	return nil
}

// describe asks the module what it is and resolves its parameters.
func (s *session) describe(ctx context.Context) error {
	text, err := s.remembered(task.Describing, nil, func() ([]byte, error) { return s.exec.Describe(ctx) },
		func(b []byte) error { _, err := params.Parse(b); return err })
	if err != nil {
		return err
	}
	if s.desc, err = params.Parse(text); err != nil {
		return s.refuse(task.Describing, nil, text, err)
	}
	s.module.Name, s.module.Version = s.desc.Name, s.desc.Version
	s.values, err = params.Resolve(s.desc, s.job.Params)
	return err
}

// remembered returns what a module said when it was asked the same before, and
// asks it otherwise: like a task, the answer is a pure function of the module
// and the question. What is remembered is checked again like what is new.
// One that check refuses is forgotten.
func (s *session) remembered(p task.Phase, config []byte, ask func() ([]byte, error), check func([]byte) error) ([]byte, error) {
	id := s.question(p, config)
	if !s.distrustful {
		if b := s.store.Blob(id); b != nil {
			if check(b) == nil {
				return b, nil
			}
			s.store.DropBlob(id)
		}
	}
	s.ran.Store(true)
	b, err := ask()
	if err != nil {
		return nil, err
	}
	return b, s.store.PutBlob(id, b)
}

func isPlan(b []byte) error {
	_, err := plan.Parse(b)
	return err
}

// question is the identity of what the module is asked, and so of its answer.
func (s *session) question(p task.Phase, config []byte) digest.Digest {
	return digest.OfParts([]byte(string(p)+"\x00"+s.module.Digest.String()+strconv.Itoa(abi.Version)+"\x00"+s.job.Salt+"\x00"), config)
}

// makePlan lets the module plan for this data and checks what it planned.
func (s *session) makePlan(ctx context.Context) error {
	t := time.Now()
	if err := s.withhold(); err != nil {
		return err
	}
	s.told.Store(true)
	m := s.matrix
	s.source = plan.Source{
		Module: s.module.Digest,
		Salt:   s.job.Salt,
		Config: abi.Config{
			ABI: abi.Version, Parameters: s.values, Seed: s.job.Seed, Top: s.job.Top, KeepSeen: s.job.KeepSeen,
			Data: abi.Data{
				Users: m.Users.Len(), Items: m.Items.Len(), Interactions: m.ByUser.Entries(),
				Targets: len(s.targets.Users), Values: m.Values, Times: s.getsTimes(),
			},
		},
		Offsets: func(a array.Meta) ([]uint64, error) {
			b, release, err := s.store.Read(a)
			if err != nil {
				return nil, err
			}
			defer release()
			return append([]uint64(nil), array.View[uint64](b)...), nil
		},
	}
	switch {
	case s.candidates == nil:
	case s.candidates.ForAll:
		s.source.Config.Candidates = abi.ForAll
	default:
		s.source.Config.Candidates = abi.ForEach
	}
	config, err := json.Marshal(s.source.Config)
	if err != nil {
		return err
	}
	s.planText, err = s.remembered(task.Planning, config, func() ([]byte, error) {
		b, err := s.exec.Plan(ctx, config)
		return b, s.ofGuest(err)
	}, isPlan)
	if err != nil {
		return err
	}
	if s.plan, err = plan.Parse(s.planText); err != nil {
		return s.refuse(task.Planning, config, s.planText, err)
	}
	if err := s.plan.Check(s.env, s.shape); err != nil {
		return s.withheldHint(s.refuse(task.Planning, config, s.planText, err))
	}
	if err := s.checkEmits(); err != nil {
		return err
	}
	s.times.Plan += seconds(time.Since(t))
	return nil
}
