package sandbox

import (
	"bytes"
	"slices"

	"github.com/tetratelabs/wazero/experimental"

	"rechost/host/array"
)

const (
	wasmPage = 1 << 16
	maxPages = 65535 // at 65,536 wazero's compiler takes the memory's length for 0

	// reserve is the address space of one guest: whatever base a guest's 32-bit
	// address and 32-bit offset add up to lies within it, so that even an
	// access which escaped wazero's bounds check meets an inaccessible page.
	reserve = 8<<30 + wasmPage
)

// memory is the linear memory of one instance after the other. Its address
// space is reserved once and committed as a guest grows, so growing never
// copies and files can be mapped over parts of it. Where that cannot be had it
// is an ordinary slice, grown by copying.
type memory struct {
	bytes  []byte // what the guest has now
	mapped []span // parts of it that files lie over
	space  []byte // reserved address space, or nil
	limit  uint64 // bytes that a guest may have, kernels' space included
	denied uint64 // size that the guest asked for in vain, or 0

	shrinkTo int // bytes that Reallocate gives next, whatever it is asked for; or 0
}

func newMemory() *memory {
	return &memory{space: reserveSpace(reserve)}
}

// Allocate makes m the memory of a new instance; wazero calls it.
func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate gives the guest size bytes, or returns nil.
func (m *memory) Reallocate(size uint64) []byte {
	if m.shrinkTo != 0 {
		m.bytes, m.shrinkTo = m.bytes[:m.shrinkTo:m.shrinkTo], 0
		return m.bytes
	}
	if size > m.limit || size > maxPages*wasmPage {
		m.denied = max(m.denied, size)
		return nil
	}
	old := len(m.bytes)
	switch {
	case size <= uint64(old):
		m.bytes = m.bytes[:size]
	case m.space != nil:
		if err := commit(m.space[old:size]); err != nil {
			m.denied = max(m.denied, size)
			return nil
		}
		m.bytes = m.space[:size:size]
	default:
		b := make([]byte, size)
		for to, from := b, m.bytes; len(from) > 0; { // Go preempts this loop, but no copy
			n := copy(to, from[:min(len(from), readPiece)])
			to, from = to[n:], from[n:]
		}
		m.bytes = b
	}
	return m.bytes
}

// Free does nothing: reset is called when the instance has ended, however it
// ended.
func (m *memory) Free() {}

// reset makes m fit for the next instance: nothing that was in it is left, and
// none of it can be reached before the next guest has grown to it. It pauses.
func (m *memory) reset(limit int64, pause func()) error {
	used, mapped := m.bytes, m.mapped
	m.bytes, m.mapped, m.denied, m.shrinkTo, m.limit = nil, nil, 0, 0, uint64(max(limit, 0))
	switch {
	case m.space == nil || len(used) == 0:
		return nil
	case len(used) > keep:
		return discard(m.space[:len(used)])
	}
	if err := wipe(used, mapped, 0, pause); err != nil {
		return err
	}
	return conceal(used)
}

// wipe makes used[from:] zeros, and all of used that files are mapped over.
// Pages that are in memory already are cleared and kept: new ones would cost
// the next guest a fault each, which takes longer. It pauses.
func wipe(used []byte, mapped []span, from int, pause func()) error {
	zero := func(b []byte) {
		for part := range slices.Chunk(b, readPiece) {
			clear(part)
			pause()
		}
	}
	slices.SortFunc(mapped, func(a, b span) int { return a.from - b.from })
	for _, x := range mapped {
		if err := blank(used[x.from:x.to]); err != nil {
			return err
		}
		pause()
		if x.from > from {
			zero(used[from:x.from])
		}
		from = max(from, x.to)
	}
	zero(used[from:])
	return nil
}

// restore makes m's bytes those of the origin, of used, which it had before it was
// cut to its length. The others are zeros when the guest grows to them
// again. It pauses. After an error m must be closed.
func (m *memory) restore(used []byte, to *origin, pause func()) error {
	mapped, start := m.mapped, to.bytes
	m.mapped, m.denied = nil, 0
	switch {
	case m.space == nil:
	case len(used) > keep:
		// Only what start covers is worth keeping, and it has no files over it then.
		if err := discard(m.space[len(start):len(used)]); err != nil {
			return err
		}
		if err := wipe(used[:len(start)], within(mapped, len(start)), len(start), pause); err != nil {
			return err
		}
	default:
		if err := wipe(used, mapped, len(start), pause); err != nil {
			return err
		}
		if len(used) > len(start) {
			if err := conceal(used[len(start):]); err != nil {
				return err
			}
		}
	}
	// Most pages are as they were, and looking costs less than writing.
	for at := 0; at < len(start); at += comparePage {
		was := start[at:min(at+comparePage, len(start))]
		if to.blank[at/comparePage] {
			was = blankPage[:len(was)]
		}
		if is := used[at:][:len(was)]; !bytes.Equal(is, was) {
			copy(is, was)
		}
		if at%readPiece == readPiece-comparePage {
			pause()
		}
	}
	return nil
}

// origin is what memory is put back to.
type origin struct {
	bytes []byte
	blank []bool // by page: it is zeros, and need not be brought from memory to be compared
}

// newOrigin is an origin of b, which it keeps. It pauses.
func newOrigin(b []byte, pause func()) *origin {
	x := &origin{bytes: b}
	for page := range slices.Chunk(b, comparePage) {
		x.blank = append(x.blank, bytes.Equal(page, blankPage[:len(page)]))
		if len(x.blank)%(readPiece/comparePage) == 0 {
			pause()
		}
	}
	return x
}

// comparePage is the bytes that restore looks at at a time.
const comparePage = 4096

var blankPage [comparePage]byte

// within cuts the spans off at end.
func within(list []span, end int) []span {
	var cut []span
	for _, x := range list {
		if x.from < end {
			cut = append(cut, span{x.from, min(x.to, end)})
		}
	}
	return cut
}

// span is a range of bytes of the guest's memory.
type span struct{ from, to int }

// keep is the largest memory, in bytes, whose pages stay for the next guest. It
// is less in a test.
var keep = 32 << 20

func (m *memory) close() {
	if m.space != nil {
		releaseSpace(m.space)
	}
	m.space, m.bytes, m.mapped = nil, nil, nil
}

// mappable reports whether a file's bytes from off on can be mapped at ptr, as
// far as whole pages go.
func (m *memory) mappable(ptr uint32, off int64) bool {
	return m.space != nil && len(m.mapped) < mostMapped && (int64(ptr)-off-array.HeaderSize)%int64(pageSize) == 0
}

// mapsAt reports how a range of n bytes of a file at offset off, wanted at
// ptr, can be mapped: [head, tail) of it are whole pages that lie right.
func (m *memory) mapsAt(ptr uint32, off int64, n int) (head, tail int, ok bool) {
	page := pageSize
	if m.space == nil || len(m.mapped) >= mostMapped || (int64(ptr)-off)%int64(page) != 0 {
		return 0, 0, false
	}
	head = (page - int(ptr)%page) % page
	tail = n - (int(ptr)+n)%page
	return head, tail, tail-head >= leastMapped
}

// note remembers that a file lies over a range.
func (m *memory) note(x span) {
	if n := len(m.mapped); n > 0 && m.mapped[n-1].to == x.from {
		m.mapped[n-1].to = x.to
		return
	}
	m.mapped = append(m.mapped, x)
}

// mostMapped bounds the ranges that files lie over: Linux lets a process have
// 65,530 mappings in all, and one that has them cannot even allocate. Whatever
// a guest reads after that is copied.
const mostMapped = 4096

// leastMapped is the size from which mapping a file beats reading it: below,
// the page faults cost more than the copy.
const leastMapped = 64 << 10
