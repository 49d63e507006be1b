package sandbox

import (
	"io"

	"rechost/host/fault"
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

func (b *outputBuffer) write(p []byte) error {
	b.written += int64(len(p))
	if b.sink == nil {
		b.pending = append(b.pending, p...)
		return nil
	}
	if len(b.pending)+len(p) <= flushAt {
		b.pending = append(b.pending, p...)
		return nil
	}
	if err := b.flush(); err != nil {
		return err
	}
	if len(p) > flushAt {
		_, err := b.sink.Write(p)
		return err
	}
	b.pending = append(b.pending, p...)
	return nil
}

func (b *outputBuffer) flush() error {
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
		WithHint("allow more with --output-limit, or cut the work finer with --shards")
}
