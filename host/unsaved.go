package host

import (
	"slices"
	"sync"
	"time"

	"rechost/host/executor"
	"rechost/host/plan"
)

// unsaved has what the tasks of a turn gave that is not in the store. When the
// turn ends it is joined, and the store has it in that form: a task's outputs by
// themselves are of use only to a run that is broken off within the turn. So
// those of short tasks are stored when the turn takes long, or fails, also in the
// shadows that follow: all but what is summed.
type unsaved struct {
	session *session
	turn    *plan.Turn

	mu      sync.Mutex
	results []executor.Result // whose data is in use
	outputs int
	bytes   int64 // whole pages
	parts   []unsavedPart
	timer   *time.Timer
}

type unsavedPart struct {
	metas plan.Parts
	data  [][]byte
}

const (
	// shortTask is the time up to which a task may be lost where a run is killed.
	shortTask = 100 * time.Millisecond
	// saveAfter is the time after which the outputs of short tasks are stored.
	saveAfter = time.Second
	// mostUnsaved is the bytes of data that are kept for a turn, and mostOutputs
	// the number of outputs: each is a mapping, and a process has 65,530.
	mostUnsaved = 64 << 20
	mostOutputs = 4096
)

const pageSize = 4096 // the least there is

// takes tells whether a task's outputs may be stored later. If so, they are
// valid until release.
func (u *unsaved) takes(r executor.Result) bool {
	n := int64(0)
	for _, b := range r.Data {
		n += int64(len(b)+pageSize-1) / pageSize * pageSize
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.turn.Tasks) < 2 || r.Stats.Guest+r.Stats.Kernel+r.Stats.Host > shortTask || u.bytes+n > mostUnsaved || u.outputs+len(r.Data) > mostOutputs {
		return false
	}
	u.results = append(u.results, r)
	u.bytes += n
	u.outputs += len(r.Data)
	return true
}

// add has a task's outputs stored later, whose digests are known by now.
func (u *unsaved) add(metas plan.Parts, data [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, unsavedPart{slices.Clone(metas), data})
	if u.timer == nil {
		u.timer = time.AfterFunc(saveAfter, u.save)
	}
}

// save stores what is not stored yet. Where it cannot be, the task is made
// again if need be.
func (u *unsaved) save() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, p := range u.parts {
		_ = u.session.keep(p.metas, p.data, nil)
	}
	u.parts, u.timer = nil, nil
}

// end gives the data up, and stores before what a failed turn would lose.
func (u *unsaved) end(err error) {
	if err != nil {
		u.save()
	}
	u.release()
}

// release gives the data up.
func (u *unsaved) release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.timer != nil {
		u.timer.Stop()
	}
	for i := range u.results {
		u.results[i].Release()
	}
	u.results, u.parts = nil, nil
}
