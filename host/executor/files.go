package executor

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"sync"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox"
)

// maxOpenArrays is how many array files are open at a time: in this process, or
// in a worker. Those of the tasks at hand are, however many.
const maxOpenArrays = 512

// maxIdleBytes is how many bytes of arrays stay open, and so mapped, for tasks
// that may come, beside those of the tasks at hand.
const maxIdleBytes = 32 << 20

// idle is an array that is open and no task uses.
type idle struct {
	digest digest.Digest
	bytes  int64
	used   uint64 // when it was last used, by some clock
}

// excess picks of the idle arrays, of so many that are open, those to close:
// the ones used longest ago until the others are few and small enough.
func excess(all []idle, open, most int) (picked []digest.Digest) {
	slices.SortFunc(all, func(a, b idle) int {
		return cmp.Or(cmp.Compare(a.used, b.used), bytes.Compare(a.digest[:], b.digest[:]))
	})
	var total int64
	for _, x := range all {
		total += x.bytes
	}
	for _, x := range all {
		if total <= maxIdleBytes && open <= most {
			break
		}
		picked = append(picked, x.digest)
		total, open = total-x.bytes, open-1
	}
	return picked
}

// files are arrays that are open, each once, for as many tasks as want it. Of
// those that no task uses the ones used last stay open: the next task reads
// much the same as the one before.
type files struct {
	arrays Arrays
	most   int // that stay open

	mu    sync.Mutex
	open  map[digest.Digest]*openFile
	clock uint64
}

type openFile struct {
	*sandbox.Array
	users int
	used  uint64 // when it was last asked for, by the clock
}

// get opens an array for a task, which gives it back.
func (f *files) get(m array.Meta) (*sandbox.Array, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock++
	if x := f.open[m.Digest]; x != nil && x.Meta == m {
		x.users++
		x.used = f.clock
		return x.Array, nil
	}
	file, err := os.Open(f.arrays.Path(m.Digest))
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot open an input: %v", err)
	}
	a, err := sandbox.OpenArray(file, m)
	if err != nil { // so is one that is open already, with another shape
		file.Close()
		return nil, fault.New(fault.Failed, "cannot use an input: %v", err)
	}
	if f.open == nil {
		f.open = map[digest.Digest]*openFile{}
	}
	f.open[m.Digest] = &openFile{Array: a, users: 1, used: f.clock}
	f.shrink()
	return a, nil
}

// give takes an array back.
func (f *files) give(a *sandbox.Array) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.open[a.Meta.Digest]; x != nil {
		x.users--
	}
	f.shrink()
}

// shrink closes what is too much and not in use.
func (f *files) shrink() {
	var all []idle
	for d, x := range f.open {
		if x.users == 0 {
			all = append(all, idle{d, x.Meta.Bytes(), x.used})
		}
	}
	for _, d := range excess(all, len(f.open), f.most) {
		f.open[d].Close()
		delete(f.open, d)
	}
}

func (f *files) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.open {
		a.Close()
	}
	f.open = nil
}
