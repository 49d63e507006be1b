package host

import (
	"context"
	"sync"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/plan"
	"rechost/host/recs"
)

// read reads, indexes, and puts the frames that the host provides into the
// store.
func (s *session) read(ctx context.Context) error {
	if err := s.index(ctx); err != nil {
		return err
	}
	t := time.Now()
	s.progress(Event{Phase: "index"})
	if err := s.chooseTargets(); err != nil {
		return err
	}
	if err := s.chooseCandidates(ctx); err != nil {
		return err
	}
	if err := s.putFrames(); err != nil {
		return err
	}
	s.times.Index = seconds(time.Since(t))
	s.progress(Event{Phase: "index", End: true})
	return nil
}

// index reads the data into the matrix.
func (s *session) index(ctx context.Context) error {
	t := time.Now()
	s.progress(Event{Phase: "read"})
	o := s.job.Data
	o.Workers = s.job.Workers
	var err error
	if s.set, err = interactions.Open(s.job.Paths, o); err != nil {
		return err
	}
	if r := s.set.Report(); s.job.Module != "" { // else nothing is written
		err := recs.CheckName(r.User.Name, abi.OverUsers, "recommendations", recs.Score.Name, recs.Rank.Name)
		if err == nil {
			err = recs.CheckName(r.Item.Name, abi.OverItems, "recommendations", recs.Score.Name, recs.Rank.Name)
		}
		if err != nil {
			return err
		}
	}
	s.matrix, err = matrix.Build(ctx, s.set, matrix.Options{Duplicates: s.job.Duplicates, Workers: s.job.Workers})
	if err != nil {
		return err
	}
	s.times.Read = seconds(time.Since(t))
	s.progress(Event{Phase: "read", Done: s.set.Parts(), Total: s.set.Parts(), End: true})
	return nil
}

func (s *session) chooseTargets() error {
	if s.job.ForUsers == "" {
		s.targets.Users = make([]uint32, s.matrix.Users.Len())
		for i := range s.targets.Users {
			s.targets.Users[i] = uint32(i)
		}
		return nil
	}
	var err error
	if s.targets, err = recs.ReadIDs(s.job.ForUsers, s.job.ForUsersColumn, &s.matrix.Users); err != nil {
		return err
	}
	if note := s.targets.Missing(s.job.ForUsers); note != "" {
		s.tell(fault.Clean(note, 300))
	}
	return nil
}

func (s *session) chooseCandidates(ctx context.Context) (err error) {
	if s.job.Candidates == "" {
		return nil
	}
	if s.candidates, err = recs.ReadCandidates(ctx, s.job.Candidates, s.matrix); err != nil {
		return err
	}
	for _, note := range s.candidates.Notes(s.job.Candidates, s.targets.Users) {
		s.tell(fault.Clean(note, 300))
	}
	return nil
}

// candidatesRead is what the summary tells of candidates.
func (s *session) candidatesRead() *CandidatesRead {
	c := s.candidates
	if c == nil {
		return nil
	}
	return &CandidatesRead{ForAll: c.ForAll, Rows: c.Read, LeftOut: c.LeftOut, Unknown: c.Unknown, Pairs: len(c.Items), Without: c.Without(s.targets.Users)}
}

// putFrames stores the frames that the host provides and cuts them into shards.
func (s *session) putFrames() error {
	m := s.matrix
	t := m.ByUser
	all := len(s.targets.Users) == m.ByUser.Rows()
	if !all {
		t = subset(&m.ByUser, s.targets.Users)
	}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		first error
	)
	s.env = plan.Env{
		abi.ByUser:  {Extent: abi.OverUsers, Frame: array.Frame{Rows: m.ByUser.Rows(), Arrays: map[string]array.Column{}}},
		abi.ByItem:  {Extent: abi.OverItems, Frame: array.Frame{Rows: m.ByItem.Rows(), Arrays: map[string]array.Column{}}},
		abi.Targets: {Extent: abi.OverTargets, Frame: array.Frame{Rows: t.Rows(), Arrays: map[string]array.Column{}}},
	}
	if c := s.candidates; c != nil {
		b := plan.Bound{Extent: abi.Candidates, Frame: array.Frame{Rows: 1, Arrays: map[string]array.Column{}}}
		if !c.ForAll {
			b.Extent, b.Rows = abi.OverTargets, t.Rows()
		}
		s.env[abi.Candidates] = b
	}
	put := func(typ array.DType, rows int, data []byte, entry bool, where ...[2]string) {
		wg.Go(func() {
			meta, err := s.store.Put(array.Meta{DType: typ, Rows: rows}, data)
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
			for _, w := range where {
				s.env[w[0]].Arrays[w[1]] = array.Column{Meta: meta, PerEntry: entry}
			}
		})
	}
	csr := func(c *matrix.CSR, index string, frames ...string) {
		at := func(name string) (w [][2]string) {
			for _, f := range frames {
				w = append(w, [2]string{f, name})
			}
			return w
		}
		put(array.U64, len(c.Offsets), array.BytesOf(c.Offsets), false, at(abi.Offsets)...)
		put(array.U32, len(c.Index), array.BytesOf(c.Index), true, at(index)...)
		put(array.F32, len(c.Value), array.BytesOf(c.Value), true, at("value")...)
	}
	if all {
		csr(&m.ByUser, "item", abi.ByUser, abi.Targets)
	} else {
		csr(&m.ByUser, "item", abi.ByUser)
		csr(&t, "item", abi.Targets)
	}
	csr(&m.ByItem, "user", abi.ByItem)
	if m.Times && s.granted(abi.Time) {
		put(array.I64, len(m.ByUser.Time), array.BytesOf(m.ByUser.Time), true, [2]string{abi.ByUser, "time"})
	}
	if c := s.candidates; c != nil {
		offsets, items := c.Offsets, c.Items
		if !c.ForAll && !all {
			offsets, items = c.Of(s.targets.Users)
		}
		put(array.U64, len(offsets), array.BytesOf(offsets), false, [2]string{abi.Candidates, abi.Offsets})
		put(array.U32, len(items), array.BytesOf(items), true, [2]string{abi.Candidates, "item"})
	}
	put(array.U32, len(s.targets.Users), array.BytesOf(s.targets.Users), false, [2]string{abi.Targets, "user"})
	wg.Wait()
	if first != nil {
		return first
	}
	shards := s.job.Shards
	if shards == 0 {
		shards = matrix.DefaultShards(m.ByUser.Entries())
	}
	s.shape = plan.Shape{Shards: shards, Cuts: map[string][]int{
		abi.OverUsers:   bounds(m.ByUser.Cut(shards)),
		abi.OverItems:   bounds(m.ByItem.Cut(shards)),
		abi.OverTargets: bounds(t.Cut(shards)),
	}}
	return nil
}

func bounds(shards []matrix.Shard) []int {
	b := []int{0}
	for _, s := range shards {
		b = append(b, s.First+s.Rows)
	}
	return b
}

// subset is the matrix of some rows of c, in their order.
func subset(c *matrix.CSR, rows []uint32) matrix.CSR {
	t := matrix.CSR{Offsets: make([]uint64, 1, len(rows)+1)}
	for _, r := range rows {
		index, value := c.Row(int(r))
		t.Index = append(t.Index, index...)
		t.Value = append(t.Value, value...)
		t.Offsets = append(t.Offsets, uint64(len(t.Index)))
	}
	return t
}
