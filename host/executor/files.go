package executor

import (
	"os"
	"sync"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/sandbox"
)

// files are the arrays that are open, each once.
type files struct {
	arrays Arrays

	mu   sync.Mutex
	open map[digest.Digest]*sandbox.Array
}

func (f *files) get(m array.Meta) (*sandbox.Array, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.open[m.Digest]; ok && a.Meta == m {
		return a, nil
	}
	file, err := os.Open(f.arrays.Path(m.Digest))
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot open an input: %v", err)
	}
	a, err := sandbox.OpenArray(file, m)
	if err != nil {
		file.Close()
		return nil, fault.New(fault.Failed, "cannot use an input: %v", err)
	}
	if f.open == nil {
		f.open = map[digest.Digest]*sandbox.Array{}
	}
	if old := f.open[m.Digest]; old == nil {
		f.open[m.Digest] = a
	}
	return a, nil
}

func (f *files) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.open {
		a.Close()
	}
	f.open = nil
}
