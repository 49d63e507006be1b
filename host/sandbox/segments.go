package sandbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

const (
	widestGap = 1 << 10 // bytes of zeros written rather than starting a segment
	mostZeros = 4 << 20 // that merging adds to a module
)

// mergeData joins a module's data segments where only few zeros lie between
// them. Go's linker makes one for each run without zeros: 39,399 in a small
// program, whose handling, one by one, took three quarters of the time of a
// new instance. Memory is the same afterwards, as it starts as zeros: a module
// where that could be told apart (segments that overlap, are passive, or can be
// named by instructions) is left as it is. The module is one that
// Rewrite returned, so it is well formed.
func mergeData(wasm []byte) []byte {
	const sectionData, sectionDataCount = 11, 12
	for at := 8; at < len(wasm); {
		id := wasm[at]
		size, n := binary.Uvarint(wasm[at+1:])
		start := at + 1 + n
		if n <= 0 || uint64(len(wasm)-start) < size {
			return wasm
		}
		end := start + int(size)
		switch id {
		case sectionDataCount:
			return wasm
		case sectionData:
			merged, ok := mergeSegments(wasm[start:end])
			if !ok {
				return wasm
			}
			out := make([]byte, 0, len(wasm)+mostZeros)
			out = append(out, wasm[:at]...)
			out = append(out, sectionData)
			out = binary.AppendUvarint(out, uint64(len(merged)))
			out = append(out, merged...)
			return append(out, wasm[end:]...)
		}
		at = end
	}
	return wasm
}

// segment is an active data segment.
type segment struct {
	start uint32
	data  []byte
}

// mergeSegments merges the segments of a data section's body.
func mergeSegments(b []byte) ([]byte, bool) {
	segments, ok := parseSegments(b)
	if !ok {
		return nil, false
	}
	// Where none overlap, their order does not matter.
	slices.SortStableFunc(segments, func(x, y segment) int { return cmp.Compare(x.start, y.start) })
	var merged []segment
	zeros := 0
	for _, s := range segments {
		if len(merged) > 0 {
			last := &merged[len(merged)-1]
			end := uint64(last.start) + uint64(len(last.data))
			if uint64(s.start) < end {
				return nil, false
			}
			if gap := uint64(s.start) - end; gap <= widestGap && zeros+int(gap) <= mostZeros {
				zeros += int(gap)
				last.data = append(append(last.data, make([]byte, gap)...), s.data...)
				continue
			}
		}
		merged = append(merged, segment{s.start, bytes.Clone(s.data)})
	}
	out := binary.AppendUvarint(nil, uint64(len(merged)))
	for _, s := range merged {
		out = append(out, 0, 0x41)
		out = appendSigned(out, int64(int32(s.start)))
		out = append(out, 0x0b)
		out = binary.AppendUvarint(out, uint64(len(s.data)))
		out = append(out, s.data...)
	}
	return out, true
}

// parseSegments reads segments that are all active, in memory 0, at a constant
// offset.
func parseSegments(b []byte) (segments []segment, ok bool) {
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, false
	}
	b = b[n:]
	for range count {
		if len(b) < 4 || b[0] != 0 || b[1] != 0x41 {
			return nil, false
		}
		off, n := signed(b[2:])
		if n <= 0 || len(b) < 2+n+1 || b[2+n] != 0x0b {
			return nil, false
		}
		b = b[2+n+1:]
		size, n := binary.Uvarint(b)
		if n <= 0 || uint64(len(b)-n) < size {
			return nil, false
		}
		segments = append(segments, segment{uint32(off), b[n : n+int(size)]})
		b = b[n+int(size):]
	}
	return segments, len(b) == 0
}

// signed reads a signed LEB128 number.
func signed(b []byte) (v int64, n int) {
	var shift uint
	for i, x := range b {
		if i == 5 {
			return 0, 0
		}
		v |= int64(x&0x7f) << shift
		shift += 7
		if x&0x80 == 0 {
			if x&0x40 != 0 {
				v |= -1 << shift
			}
			return v, i + 1
		}
	}
	return 0, 0
}

func appendSigned(b []byte, v int64) []byte {
	for {
		x := byte(v & 0x7f)
		v >>= 7
		if v == 0 && x&0x40 == 0 || v == -1 && x&0x40 != 0 {
			return append(b, x)
		}
		b = append(b, x|0x80)
	}
}
