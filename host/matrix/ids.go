package matrix

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"unicode"
	"unicode/utf8"

	"rechost/host/digest"
	"rechost/host/table"
)

// IDs is a dictionary: raw ids in ascending order, dense id i being the i-th.
// Values is of kind Ints, Uints or Bytes and has no codes and no nulls.
type IDs struct {
	Name   string     // of the column
	Type   table.Type // of the column, which a written file has again
	Values table.Vector
}

// None marks an id that a dictionary does not have.
const None = ^uint32(0)

// Len is the number of ids.
func (d *IDs) Len() int { return d.Values.Values() }

// Text is the raw id as people read it: digits, a decimal's with its point,
// text, a UUID, hexadecimal digits behind 0x of bytes that are not text. It is
// not cleaned for terminals.
func (d *IDs) Text(i int) string {
	switch d.Values.Kind {
	case table.Uints:
		return strconv.FormatUint(d.Values.Uints[i], 10)
	case table.Bytes:
		b := d.Values.Bytes(i)
		switch {
		case d.Type.Logical == table.UUID && len(b) == 16:
			h := hex.EncodeToString(b)
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		case d.Type.Logical == table.String || isText(b):
			return string(b)
		}
		return "0x" + hex.EncodeToString(b)
	}
	s := strconv.FormatInt(d.Values.Ints[i], 10)
	if n := d.Type.Scale; d.Type.Logical == table.Decimal && n > 0 && n < 40 {
		sign := ""
		if s[0] == '-' {
			sign, s = "-", s[1:]
		}
		for len(s) <= n {
			s = "0" + s
		}
		s = sign + s[:len(s)-n] + "." + s[len(s)-n:]
	}
	return s
}

// isText reports whether bytes that the type does not call text are some: as
// older files have their strings.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) {
			return false
		}
		b = b[n:]
	}
	return true
}

// Find looks up an id by its Text; a byte string also by its bytes, and a
// whole number also by its digits with ".0" behind them.
func (d *IDs) Find(text string) (int, bool) {
	switch d.Values.Kind {
	case table.Ints:
		x, ok := d.parse(text)
		if !ok {
			return 0, false
		}
		return slices.BinarySearch(d.Values.Ints, x)
	case table.Uints:
		x, err := strconv.ParseUint(whole(text), 10, 64)
		if err != nil {
			return 0, false
		}
		return slices.BinarySearch(d.Values.Uints, x)
	}
	b := []byte(text)
	if i, ok := d.findBytes(b); ok {
		return i, true
	}
	if d.Type.Logical == table.UUID {
		if raw, err := hex.DecodeString(string(bytes.ReplaceAll(b, []byte("-"), nil))); err == nil {
			return d.findBytes(raw)
		}
	}
	if len(text) > 2 && text[:2] == "0x" {
		if raw, err := hex.DecodeString(text[2:]); err == nil {
			return d.findBytes(raw)
		}
	}
	return 0, false
}

// whole takes ".0" off a number, as programs write ids that passed through
// floating point.
func whole(s string) string {
	for i := range len(s) {
		if s[i] == '.' {
			for _, c := range s[i+1:] {
				if c != '0' {
					return s
				}
			}
			return s[:i]
		}
	}
	return s
}

func (d *IDs) parse(text string) (int64, bool) {
	scale := 0
	if d.Type.Logical == table.Decimal {
		scale = d.Type.Scale
	}
	if scale > 0 { // the digits without their point
		point := -1
		for i := range len(text) {
			if text[i] == '.' {
				point = i
			}
		}
		frac := ""
		if point >= 0 {
			text, frac = text[:point], text[point+1:]
		}
		if len(frac) > scale {
			return 0, false
		}
		for len(frac) < scale {
			frac += "0"
		}
		text += frac
	} else {
		text = whole(text)
	}
	x, err := strconv.ParseInt(text, 10, 64)
	return x, err == nil
}

func (d *IDs) findBytes(b []byte) (int, bool) {
	i := sort.Search(d.Len(), func(i int) bool { return bytes.Compare(d.Values.Bytes(i), b) >= 0 })
	return i, i < d.Len() && bytes.Equal(d.Values.Bytes(i), b)
}

// Match returns for each id of other its dense id in d, or None. Integers
// match by value whatever their width; integers never match byte strings, for
// which ok is false, and neither do UUIDs and other byte strings or decimals
// of different scales.
func (d *IDs) Match(other *IDs) (dense []uint32, ok bool) {
	dense = make([]uint32, other.Len())
	scale := func(t table.Type) int {
		if t.Logical == table.Decimal {
			return t.Scale
		}
		return 0
	}
	a, b := &d.Values, &other.Values
	if (a.Kind == table.Bytes) != (b.Kind == table.Bytes) ||
		(d.Type.Logical == table.UUID) != (other.Type.Logical == table.UUID) || scale(d.Type) != scale(other.Type) {
		for i := range dense {
			dense[i] = None
		}
		return dense, false
	}
	i := 0
	for j := range dense {
		for i < d.Len() && compare(a, i, b, j) < 0 {
			i++
		}
		dense[j] = None
		if i < d.Len() && compare(a, i, b, j) == 0 {
			dense[j] = uint32(i)
		}
	}
	return dense, true
}

// compare orders value i of a and j of b: both byte strings, or both integers
// of either sign.
func compare(a *table.Vector, i int, b *table.Vector, j int) int {
	if a.Kind == table.Bytes {
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	}
	number := func(v *table.Vector, i int) (negative bool, bits uint64) {
		if v.Kind == table.Ints {
			return v.Ints[i] < 0, uint64(v.Ints[i])
		}
		return false, v.Uints[i]
	}
	na, xa := number(a, i)
	nb, xb := number(b, j)
	switch {
	case na && !nb, na == nb && xa < xb:
		return -1
	case na == nb && xa == xb:
		return 0
	}
	return 1
}

// Vector is the column of raw ids for the given dense ids. It shares memory
// with both.
func (d *IDs) Vector(dense []uint32) table.Vector {
	v := d.Values
	v.Codes = dense
	return v
}

// Digest names the dictionary: its column's name and type and its ids.
func (d *IDs) Digest() digest.Digest {
	h := sha256.New()
	head, _ := json.Marshal(struct {
		Name string     `json:"name"`
		Type table.Type `json:"type"`
		IDs  int        `json:"ids"`
	}{d.Name, d.Type, d.Len()})
	h.Write(append(head, '\n'))
	buf := make([]byte, 0, 1<<16)
	for i := range d.Len() {
		switch d.Values.Kind {
		case table.Ints:
			buf = binary.LittleEndian.AppendUint64(buf, uint64(d.Values.Ints[i]))
		case table.Uints:
			buf = binary.LittleEndian.AppendUint64(buf, d.Values.Uints[i])
		default:
			b := d.Values.Bytes(i)
			buf = append(binary.LittleEndian.AppendUint64(buf, uint64(len(b))), b...)
		}
		if len(buf) > 1<<15 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
	return digest.Digest(h.Sum(nil))
}

// Digest names the index: both dictionaries.
func (m *Matrix) Digest() digest.Digest {
	u, i := m.Users.Digest(), m.Items.Digest()
	return digest.Of(append(u[:], i[:]...))
}
