package sandbox

import (
	"io"
	"slices"

	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/kernel"
)

// outputBuffer takes what the guest writes to one output.
type outputBuffer struct {
	Output
	want    int64 // bytes it must come to, or -1
	written int64
	pending []byte    // not yet given to sink
	sink    io.Writer // nil: everything stays in pending
}

// flushAt is how much small writes add up to before they reach a sink.
const flushAt = 256 << 10

func newOutput(o Output, sink io.Writer, limit int64) (outputBuffer, error) {
	b := outputBuffer{Output: o, want: -1, sink: sink}
	if o.Rows < 0 {
		return b, nil
	}
	row := int64(max(o.Width, 1)) * int64(o.DType.Size())
	if int64(o.Rows) > limit/row {
		return b, tooMuchOutput(limit)
	}
	b.want = int64(o.Rows) * row
	if sink == nil {
		b.pending = make([]byte, 0, b.want)
	}
	return b, nil
}

// room makes room for n more bytes, where all of them stay here. It moves what
// there is in pieces, and pauses between them.
func (b *outputBuffer) room(n int, pause func()) {
	if b.sink != nil || cap(b.pending)-len(b.pending) >= n || len(b.pending) <= readPiece {
		return
	}
	old := b.pending
	b.pending = kernel.Space[byte](max(len(old)+n, len(old)/4*5))[:0]
	for part := range slices.Chunk(old, readPiece) {
		b.pending = append(b.pending, part...)
		pause()
	}
}

// write takes bytes of the guest's memory, which it does not keep.
func (b *outputBuffer) write(p []byte) error {
	b.written += int64(len(p))
	if b.sink == nil || len(b.pending)+len(p) < flushAt {
		b.pending = append(b.pending, p...)
		return nil
	}
	// An element may lie in several writes: it is completed before it is looked at.
	if n := len(b.pending) % b.DType.Size(); n > 0 {
		n = min(b.DType.Size()-n, len(p))
		if b.pending, p = append(b.pending, p[:n]...), p[n:]; len(b.pending)%b.DType.Size() > 0 {
			return nil
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	if whole := len(p) - len(p)%b.DType.Size(); whole >= flushAt && array.OddNaN(b.DType, p[:whole]) < 0 {
		if _, err := b.sink.Write(p[:whole]); err != nil {
			return err
		}
		p = p[whole:]
	}
	b.pending = append(b.pending, p...)
	return nil
}

// flush hands what is pending to the sink, with one NaN for all. Where there is
// no sink it stays.
func (b *outputBuffer) flush() error {
	array.OneNaN(b.DType, b.pending)
	if b.sink == nil || len(b.pending) == 0 {
		return nil
	}
	_, err := b.sink.Write(b.pending)
	b.pending = b.pending[:0]
	return err
}

// check reports whether what was written is what was asked for.
func (b *outputBuffer) check() error {
	row := int64(max(b.Width, 1)) * int64(b.DType.Size())
	switch {
	case b.written%row != 0:
		return fault.Mod("output %s: %d bytes are not whole rows of %d bytes", b.Name, b.written, row)
	case b.want >= 0 && b.written != b.want:
		return fault.Mod("output %s: %d rows written, %d wanted", b.Name, b.written/row, b.Rows)
	}
	return nil
}

func tooMuchOutput(limit int64) error {
	return fault.Lim("more than %s of output", size(limit)).
		WithHint("allow more with --output-limit")
}
