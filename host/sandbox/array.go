package sandbox

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"rechost/host/array"
)

// Array is an array's file, open for calls to map. It may be used by several
// calls at a time.
type Array struct {
	Meta array.Meta
	file *os.File

	once   sync.Once
	mapped []byte // the whole file, read-only; kernels read it
	unmap  func()
	err    error

	noted sync.Once
	notes []atomic.Uint64 // of each whole stretch, what was found in it; 0 is nothing yet
}

// stretch is how many elements an array keeps a note of together.
const stretch = 1 << 12

// OpenArray takes over an array's file, which must be open for reading, hold
// an array of m's shape, and not be changed by anybody until it is closed: what
// was found in it is not looked for again.
func OpenArray(f *os.File, m array.Meta) (*Array, error) {
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("not a file")
	}
	if err != nil {
		return nil, fmt.Errorf("array %s: %w", m.Digest.Short(), err)
	}
	got, err := array.ReadHeader(io.NewSectionReader(f, 0, fi.Size()), fi.Size())
	if err != nil {
		return nil, fmt.Errorf("array %s: %w", m.Digest.Short(), err)
	}
	got.Digest = m.Digest
	if got != m {
		return nil, fmt.Errorf("array %s: the file has %s %dx%d, not %s %dx%d", m.Digest.Short(),
			got.DType, got.Rows, got.Width, m.DType, m.Rows, m.Width)
	}
	return &Array{Meta: m, file: f}, nil
}

// Close closes the file and unmaps it. No call may be using it.
func (a *Array) Close() error {
	if a.unmap != nil {
		a.unmap()
		a.unmap, a.mapped = nil, nil
	}
	return a.file.Close()
}

// data is the array's elements, not to be written: the pages belong to the
// file.
func (a *Array) data() ([]byte, error) {
	a.once.Do(func() {
		a.mapped, a.unmap, a.err = mapFile(a.file, array.HeaderSize+int(a.Meta.Bytes()))
	})
	if a.err != nil {
		return nil, a.err
	}
	return a.mapped[array.HeaderSize:], nil
}

// each goes through elements [from, to), of four bytes each, stretch by stretch,
// and hands over what find finds in each, until next says no. What was found in
// a whole stretch is kept for as long as the array is open, so find must depend
// on the elements alone, be the only one for arrays of this type, and not find
// 0. Elements beyond the range are not looked at. The array must be mapped.
func (a *Array) each(from, to int, find func(from, to int) uint64, next func(found uint64) bool) {
	a.noted.Do(func() { a.notes = make([]atomic.Uint64, (len(a.mapped)-array.HeaderSize)/4/stretch) })
	for from < to {
		end := min(from-from%stretch+stretch, to)
		whole := end-from == stretch
		var found uint64
		if whole {
			found = a.notes[from/stretch].Load()
		}
		if found == 0 {
			found = find(from, end)
			if whole {
				a.notes[from/stretch].Store(found)
			}
		}
		if !next(found) {
			return
		}
		from = end
	}
}

// read puts n bytes of the array's data from byte off on into the guest's
// memory at ptr; the caller has checked both ranges. Whole pages are mapped
// where they lie right, which takes no time and no memory; the rest is read.
func (a *Array) read(m *memory, ptr uint32, off int64, n int) error {
	off += array.HeaderSize
	dst := m.bytes[ptr : int(ptr)+n]
	head, tail, ok := m.mapsAt(ptr, off, n)
	if !ok {
		return a.readAt(dst, off)
	}
	if err := mapOver(dst[head:tail], a.file, off+int64(head)); err != nil {
		return a.readAt(dst, off)
	}
	m.note(span{int(ptr) + head, int(ptr) + tail})
	if err := a.readAt(dst[:head], off); err != nil {
		return err
	}
	return a.readAt(dst[tail:], off+int64(tail))
}

func (a *Array) readAt(b []byte, off int64) error {
	if len(b) == 0 {
		return nil
	}
	if n, err := a.file.ReadAt(b, off); n < len(b) {
		return fmt.Errorf("array %s: %w", a.Meta.Digest.Short(), err)
	}
	return nil
}
