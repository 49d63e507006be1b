package array

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// HeaderSize is the bytes before the data of an array file: one page.
const HeaderSize = 4096

// MaxElements bounds an array that is read from a file: 2^40.
const MaxElements = 1 << 40

var descr = [...]string{"|u1", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"}

// Header returns the 4096 bytes that stand before m's data in its file, NumPy
// format 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
func (m Meta) Header() []byte {
	shape := fmt.Sprintf("(%d,)", m.Rows)
	if m.Width > 0 {
		shape = fmt.Sprintf("(%d, %d)", m.Rows, m.Width)
	}
	h := make([]byte, 0, HeaderSize)
	h = append(h, "\x93NUMPY\x01\x00"...)
	h = append(h, byte((HeaderSize-10)&0xff), byte((HeaderSize-10)>>8))
	h = fmt.Appendf(h, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr[m.DType], shape)
	for len(h) < HeaderSize-1 {
		h = append(h, ' ')
	}
	return append(h, '\n')
}

var headerForm = regexp.MustCompile(`^\{'descr': '([|<][uif][148])', 'fortran_order': False, 'shape': \((\d+),(?: (\d+))?\), \}$`)

// ReadHeader reads and checks the header of an array file of size bytes. Only
// files in the form that Header writes are accepted, and only of the very size
// that their shape asks for. The digest is left unset.
func ReadHeader(r io.Reader, size int64) (Meta, error) {
	var b [HeaderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Meta{}, fmt.Errorf("not an array file: %w", err)
	}
	if string(b[:8]) != "\x93NUMPY\x01\x00" || int(b[8])|int(b[9])<<8 != HeaderSize-10 {
		return Meta{}, fmt.Errorf("not an array file: it does not start with a 4096-byte NumPy 1.0 header")
	}
	// Without the 4,000 spaces: a regular expression would take its time over them.
	text := strings.TrimRight(string(b[10:HeaderSize-1]), " ")
	g := headerForm.FindStringSubmatch(text)
	if g == nil || b[HeaderSize-1] != '\n' {
		return Meta{}, fmt.Errorf("not an array file: header %q", strings.TrimRight(string(b[10:200]), " "))
	}
	var m Meta
	found := false
	for i, d := range descr {
		if d == g[1] {
			m.DType, found = DType(i), true
		}
	}
	rows, err := strconv.ParseInt(g[2], 10, 64)
	if !found || err != nil || rows > MaxElements {
		return Meta{}, fmt.Errorf("not an array file: type %s, shape %s", g[1], g[2])
	}
	m.Rows = int(rows)
	if g[3] != "" {
		width, err := strconv.ParseInt(g[3], 10, 64)
		if err != nil || width < 1 || width > MaxElements || rows > MaxElements/width {
			return Meta{}, fmt.Errorf("not an array file: shape (%s, %s)", g[2], g[3])
		}
		m.Width = int(width)
	}
	if size != HeaderSize+m.Bytes() {
		return Meta{}, fmt.Errorf("the array file has %d bytes where its shape asks for %d", size, HeaderSize+m.Bytes())
	}
	return m, nil
}
