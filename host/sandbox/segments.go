package sandbox

import (
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
// Check let pass, so it is well formed.
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
			out := make([]byte, 0, len(wasm)-int(size)+len(merged)+10)
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

// leastSegment is the bytes of an empty segment.
const leastSegment = 5

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
	byStart := func(x, y segment) int { return cmp.Compare(x.start, y.start) }
	if !slices.IsSortedFunc(segments, byStart) {
		slices.SortStableFunc(segments, byStart)
	}
	var groups []segment // start and length of what becomes one segment each
	var sizes []int
	zeros := 0
	for _, s := range segments {
		if n := len(groups); n > 0 {
			end := uint64(groups[n-1].start) + uint64(sizes[n-1])
			if uint64(s.start) < end {
				return nil, false
			}
			if gap := int(uint64(s.start) - end); gap <= widestGap && zeros+gap <= mostZeros {
				zeros += gap
				sizes[n-1] += gap + len(s.data)
				continue
			}
		}
		groups, sizes = append(groups, segment{start: s.start}), append(sizes, len(s.data))
	}
	out := make([]byte, 0, len(b)+zeros+16)
	out = binary.AppendUvarint(out, uint64(len(groups)))
	next := 0
	for i, g := range groups {
		out = append(out, 0, 0x41)
		out = appendSigned(out, int64(int32(g.start)))
		out = append(out, 0x0b)
		out = binary.AppendUvarint(out, uint64(sizes[i]))
		from := len(out)
		out = out[:from+sizes[i]] // zeros: out is new
		for ; next < len(segments); next++ {
			s := segments[next]
			if at := int(s.start - g.start); at+len(s.data) <= sizes[i] {
				copy(out[from+at:], s.data)
			} else {
				break
			}
		}
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
	segments = make([]segment, 0, min(count, uint64(len(b)/leastSegment)))
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

// hollow is the module with every function's body replaced by "unreachable":
// whatever wazero makes of a module but its code, it makes of this one too. The
// module is one that Check let pass.
func hollow(wasm []byte) []byte {
	const sectionCode = 10
	for at := 8; at < len(wasm); {
		id := wasm[at]
		size, n := binary.Uvarint(wasm[at+1:])
		start := at + 1 + n
		end := start + int(size)
		if id != sectionCode {
			at = end
			continue
		}
		count, n := binary.Uvarint(wasm[start:end])
		body := binary.AppendUvarint(make([]byte, 0, n+4*int(count)), count)
		for range count {
			body = append(body, 3, 0, 0, 0x0b) // of 3 bytes: no locals, unreachable, end
		}
		out := binary.AppendUvarint(append(make([]byte, 0, len(wasm)-int(size)+len(body)+10), wasm[:at+1]...), uint64(len(body)))
		return append(append(out, body...), wasm[end:]...)
	}
	return wasm
}
