package rewrite

import (
	"unicode/utf8"

	"rechost/host/fault"
)

// reader reads a part of a module. After the first error every read gives
// zero and pos stays, so callers check err once a loop turn.
type reader struct {
	b        []byte
	pos, end int
	err      *fault.Error
}

func (r *reader) failf(format string, a ...any) {
	if r.err == nil {
		r.err = fault.Mod("not a valid module: "+format+", at byte %d", append(a, r.pos)...)
	}
}

func (r *reader) refuse(e *fault.Error) {
	if r.err == nil {
		r.err = e
	}
}

func (r *reader) left() int { return r.end - r.pos }

// more reports whether there is anything left to read without an error.
func (r *reader) more() bool { return r.err == nil && r.pos < r.end }

func (r *reader) byte() byte {
	if r.err != nil || r.pos >= r.end {
		r.failf("unexpected end")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

func (r *reader) skip(n int) {
	if r.err != nil || n > r.left() {
		r.failf("unexpected end")
		return
	}
	r.pos += n
}

// u32 reads an unsigned LEB128 number of at most 32 bits and 5 bytes.
func (r *reader) u32() uint32 {
	// Most numbers are one byte.
	if r.err == nil && r.pos < r.end && r.b[r.pos] < 0x80 {
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.failf("a number is longer than 32 bits")
	return 0
}

// signed reads a signed LEB128 number of at most the given bits: 32, 33 or 64.
func (r *reader) signed(bits int) int64 {
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if left := bits - shift; left < 7 {
			// The bits beyond the number must all equal its sign.
			rest := int8(c<<1) >> left
			if c >= 0x80 || rest != 0 && rest != -1 {
				break
			}
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if shift+7 < 64 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	r.failf("a number is longer than %d bits", bits)
	return 0
}

// count reads the length of a vector whose elements take at least min bytes
// each, and refuses one that cannot fit in what is left.
func (r *reader) count(what string, min int) int {
	n := r.u32()
	if r.err == nil && uint64(n)*uint64(min) > uint64(r.left()) {
		r.failf("%d %s announced in %d bytes", n, what, r.left())
		return 0
	}
	return int(n)
}

// name reads a vector of bytes that must be UTF-8.
func (r *reader) name() string {
	n := r.count("bytes of a name", 1)
	if r.err != nil {
		return ""
	}
	s := r.b[r.pos : r.pos+n]
	if !utf8.Valid(s) {
		r.failf("a name is not UTF-8")
		return ""
	}
	r.pos += n
	return string(s)
}

// sub returns a reader of the next n bytes and skips them.
func (r *reader) sub(n int) reader {
	s := reader{b: r.b, pos: r.pos, end: r.pos, err: r.err}
	if r.skip(n); r.err == nil {
		s.end = r.pos
	}
	s.err = r.err
	return s
}

// done refuses bytes that are left over.
func (r *reader) done(what string) {
	if r.err == nil && r.pos != r.end {
		r.failf("%d bytes too many in the %s", r.left(), what)
	}
}

// appendU32 writes an unsigned LEB128 number.
func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// appendS64 writes a signed LEB128 number.
func appendS64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
