package guest

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// This file reads and writes JSON. encoding/json would add 1.4 MB to every
// module and half a second to its first compilation; a fuzz test holds this
// reader to what encoding/json reads.

// maxDepth bounds the nesting of arrays and objects.
const maxDepth = 100

// parseJSON reads one value: nil, bool, int64 (a number without fraction and
// exponent that fits), float64, string, []any or map[string]any. Of equal keys
// the last counts; bytes that are not UTF-8 become U+FFFD.
func parseJSON(s string) (v any, err error) {
	defer caught(&err)
	r := jsonReader{s: s}
	v = r.value(0)
	r.blanks()
	if r.i < len(r.s) {
		r.fail("text after the value")
	}
	return v, nil
}

type jsonReader struct {
	s string
	i int
}

func (r *jsonReader) fail(what string) {
	mistake[int]("json: " + what + " at byte " + strconv.Itoa(r.i))
}

func (r *jsonReader) blanks() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// next skips blanks and takes the byte b if it stands there.
func (r *jsonReader) next(b byte) bool {
	r.blanks()
	if r.i < len(r.s) && r.s[r.i] == b {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) word(w string, v any) any {
	if len(r.s)-r.i < len(w) || r.s[r.i:r.i+len(w)] != w {
		r.fail("not a value")
	}
	r.i += len(w)
	return v
}

func (r *jsonReader) value(depth int) any {
	if depth > maxDepth {
		r.fail("too deep")
	}
	r.blanks()
	if r.i == len(r.s) {
		r.fail("no value")
	}
	switch r.s[r.i] {
	case '{':
		r.i++
		return r.object(depth)
	case '[':
		r.i++
		return r.array(depth)
	case '"':
		return r.string()
	case 't':
		return r.word("true", true)
	case 'f':
		return r.word("false", false)
	case 'n':
		return r.word("null", nil)
	}
	return r.number()
}

func (r *jsonReader) object(depth int) any {
	m := map[string]any{}
	if r.next('}') {
		return m
	}
	for {
		r.blanks()
		if r.i == len(r.s) || r.s[r.i] != '"' {
			r.fail("no key")
		}
		k := r.string()
		if !r.next(':') {
			r.fail("no colon")
		}
		m[k] = r.value(depth + 1)
		if r.next('}') {
			return m
		}
		if !r.next(',') {
			r.fail("no comma in an object")
		}
	}
}

func (r *jsonReader) array(depth int) any {
	l := []any{}
	if r.next(']') {
		return l
	}
	for {
		l = append(l, r.value(depth+1))
		if r.next(']') {
			return l
		}
		if !r.next(',') {
			r.fail("no comma in an array")
		}
	}
}

func (r *jsonReader) digits() {
	from := r.i
	for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
		r.i++
	}
	if r.i == from {
		r.fail("no digit")
	}
}

func (r *jsonReader) at(b byte) bool { return r.i < len(r.s) && r.s[r.i] == b }

func (r *jsonReader) number() any {
	from, whole := r.i, true
	if r.at('-') {
		r.i++
	}
	if r.at('0') {
		r.i++
	} else {
		r.digits()
	}
	if r.at('.') {
		r.i++
		whole = false
		r.digits()
	}
	if r.at('e') || r.at('E') {
		r.i++
		whole = false
		if r.at('+') || r.at('-') {
			r.i++
		}
		r.digits()
	}
	text := r.s[from:r.i]
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.fail("number out of range")
	}
	return f
}

func (r *jsonReader) string() string {
	r.i++ // the quote
	from := r.i
	for r.i < len(r.s) && r.s[r.i] >= ' ' && r.s[r.i] < utf8.RuneSelf && r.s[r.i] != '\\' {
		if r.s[r.i] == '"' { // as nearly all: what was read is what it says
			r.i++
			return r.s[from : r.i-1]
		}
		r.i++
	}
	b := []byte(r.s[from:r.i])
	for {
		if r.i == len(r.s) {
			r.fail("string without end")
		}
		c := r.s[r.i]
		switch {
		case c == '"':
			r.i++
			return string(b)
		case c == '\\':
			r.i++
			b = r.escape(b)
		case c < ' ':
			r.fail("control character in a string")
		case c < utf8.RuneSelf:
			b = append(b, c)
			r.i++
		default:
			u, n := utf8.DecodeRuneInString(r.s[r.i:])
			b = utf8.AppendRune(b, u)
			r.i += n
		}
	}
}

func (r *jsonReader) escape(b []byte) []byte {
	if r.i == len(r.s) {
		r.fail("string without end")
	}
	c := r.s[r.i]
	r.i++
	switch c {
	case '"', '\\', '/':
		return append(b, c)
	case 'b':
		return append(b, '\b')
	case 'f':
		return append(b, '\f')
	case 'n':
		return append(b, '\n')
	case 'r':
		return append(b, '\r')
	case 't':
		return append(b, '\t')
	case 'u':
		u := r.hex()
		if utf16.IsSurrogate(u) {
			// Half a pair without its other half is U+FFFD, and what follows
			// stands for itself.
			u2 := rune(utf8.RuneError)
			if back := r.i; len(r.s)-r.i >= 6 && r.s[r.i] == '\\' && r.s[r.i+1] == 'u' {
				r.i += 2
				if u2 = utf16.DecodeRune(u, r.hex()); u2 == utf8.RuneError {
					r.i = back
				}
			}
			u = u2
		}
		return utf8.AppendRune(b, u)
	}
	r.fail("unknown escape")
	return nil
}

func (r *jsonReader) hex() (u rune) {
	for range 4 {
		if r.i == len(r.s) {
			r.fail("string without end")
		}
		c := r.s[r.i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			r.fail("bad \\u escape")
		}
		u = u<<4 | rune(c)
		r.i++
	}
	return u
}

// jsonWriter writes objects; a comma goes where one is due.
type jsonWriter struct{ b []byte }

func (w *jsonWriter) comma() {
	if n := len(w.b); n > 0 {
		switch w.b[n-1] {
		case '{', '[', ':', ',':
		default:
			w.b = append(w.b, ',')
		}
	}
}

func (w *jsonWriter) open(b byte) { w.comma(); w.b = append(w.b, b) }

func (w *jsonWriter) close(b byte) { w.b = append(w.b, b) }

func (w *jsonWriter) key(k string) { w.string(k); w.b = append(w.b, ':') }

func (w *jsonWriter) string(s string) {
	w.comma()
	w.b = append(w.b, '"')
	for _, u := range s { // a byte that is not UTF-8 comes as U+FFFD
		switch {
		case u == '"' || u == '\\':
			w.b = append(w.b, '\\', byte(u))
		case u < ' ':
			const digits = "0123456789abcdef"
			w.b = append(w.b, '\\', 'u', '0', '0', digits[u>>4], digits[u&15])
		default:
			w.b = utf8.AppendRune(w.b, u)
		}
	}
	w.b = append(w.b, '"')
}

func (w *jsonWriter) value(v any) {
	switch v := v.(type) {
	case string:
		w.string(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			mistake[int]("json: a number that is not finite")
		}
		w.comma()
		w.b = strconv.AppendFloat(w.b, v, 'g', -1, 64)
	case bool:
		w.comma()
		w.b = strconv.AppendBool(w.b, v)
	default: // whole numbers
		w.comma()
		w.b = append(w.b, text(v)...)
	}
}

// field writes a key and a value, unless the value is empty.
func (w *jsonWriter) field(k string, v any) {
	if v == "" || v == 0 {
		return
	}
	w.key(k)
	w.value(v)
}
