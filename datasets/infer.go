package datasets

import (
	"math"
	"strconv"
	"unicode/utf8"

	"rechost/host/fault"
	"rechost/host/table"
)

// parseInt reads an integer that is written the only way its value could be:
// no plus sign, no leading zeros, no negative zero. Others are texts, because
// writing them back would change them.
func parseInt(b []byte) (x int64, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	d := b
	if neg {
		d = b[1:]
	}
	if len(d) == 0 || len(d) > 19 || d[0] == '0' && (len(d) > 1 || neg) {
		return 0, false
	}
	var u uint64
	for _, c := range d {
		if c < '0' || c > '9' {
			return 0, false
		}
		u = u*10 + uint64(c-'0') // 19 digits fit 64 bits
	}
	switch {
	case neg && u <= 1<<63:
		return -int64(u), true
	case !neg && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}

// parseFloat reads a decimal number without leading zeros. Integers are
// numbers here only below 2^53, where doubles still hold each of them.
func parseFloat(b []byte) (float64, bool) {
	d := b
	if len(d) > 0 && d[0] == '-' {
		d = d[1:]
	}
	digits := func() int {
		n := 0
		for n < len(d) && d[n] >= '0' && d[n] <= '9' {
			n++
		}
		d = d[n:]
		return n
	}
	zero := len(d) > 1 && d[0] == '0' && d[1] >= '0' && d[1] <= '9'
	whole, frac, integer := digits(), 0, true
	if len(d) > 0 && d[0] == '.' {
		d = d[1:]
		frac, integer = digits(), false
	}
	if zero || whole+frac == 0 {
		return 0, false
	}
	if len(d) > 0 && (d[0] == 'e' || d[0] == 'E') {
		d, integer = d[1:], false
		if len(d) > 0 && (d[0] == '+' || d[0] == '-') {
			d = d[1:]
		}
		if digits() == 0 {
			return 0, false
		}
	}
	if len(d) > 0 {
		return 0, false
	}
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil || integer && math.Abs(x) >= 1<<53 {
		return 0, false
	}
	return x, true
}

// isNumber reports whether b is any kind of number, leading zeros and all.
func isNumber(b []byte) bool {
	if _, ok := parseInt(b); ok {
		return true
	}
	_, err := strconv.ParseFloat(string(b), 64)
	return err == nil
}

// columnKind gathers over all rows what a column can be.
type columnKind struct {
	ints, floats bool
	values       int64
	nulls        int64
	spoiltLine   int64 // first line whose value was no number, after others had been
	spoiltBy     string
}

func (k *columnKind) see(b []byte, line int64) {
	if len(b) == 0 {
		k.nulls++
		return
	}
	k.values++
	if k.values == 1 {
		k.ints, k.floats = true, true
	}
	if !k.ints && !k.floats {
		return
	}
	if x, ok := parseInt(b); ok {
		k.floats = k.floats && -1<<53 < x && x < 1<<53 // as parseFloat has it
	} else {
		k.ints = false
		if k.floats {
			_, k.floats = parseFloat(b)
		}
	}
	if !k.ints && !k.floats && k.values > 1 {
		k.spoiltLine, k.spoiltBy = line, fault.Clean(string(b), 40)
	}
}

func (k *columnKind) is() table.Type {
	switch {
	case k.ints:
		return table.TypeInt64
	case k.floats:
		return table.TypeDouble
	}
	return table.TypeString
}

// encoding gathers over all rows what bytes beyond ASCII can be.
type encoding struct {
	utf8Lines  int64 // with valid sequences of several bytes
	otherLines int64
	firstOther int64  // its line
	otherText  []byte // the record, cut
	high       bool   // bytes 0x80 to 0x9f outside of UTF-8: Windows-1252
}

func (e *encoding) see(raw []byte, line int64) {
	ascii := true
	for _, c := range raw {
		if c >= 0x80 {
			ascii = false
			break
		}
	}
	switch {
	case ascii:
	case utf8.Valid(raw):
		e.utf8Lines++
	default:
		if e.otherLines == 0 {
			e.firstOther, e.otherText = line, append([]byte(nil), raw[:min(len(raw), 200)]...)
		}
		e.otherLines++
		for _, c := range raw {
			e.high = e.high || c >= 0x80 && c < 0xa0
		}
	}
}

// windows1252 is what the bytes 0x80 to 0x9f mean in Windows-1252 (WHATWG
// index); in Latin-1 proper they are control characters that no text has. The
// five that it leaves out are 0.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// appendLatin1 appends Latin-1 text as UTF-8. ok is false for a byte that
// means nothing.
func appendLatin1(dst, text []byte) (out []byte, ok bool) {
	for _, c := range text {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 {
			if r = windows1252[c-0x80]; r == 0 {
				return dst, false
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}
