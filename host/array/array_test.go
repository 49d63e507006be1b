package array

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestHeaderRoundTrip(t *testing.T) {
	for _, m := range []Meta{
		{DType: U8, Rows: 0}, {DType: U32, Rows: 1}, {DType: I32, Rows: 7, Width: 1}, {DType: U64, Rows: 1 << 33},
		{DType: I64, Rows: 3}, {DType: F32, Rows: 41000, Width: 64}, {DType: F64, Rows: 0, Width: 9},
	} {
		h := m.Header()
		if len(h) != HeaderSize || h[len(h)-1] != '\n' {
			t.Errorf("%+v: header of %d bytes", m, len(h))
		}
		got, err := ReadHeader(bytes.NewReader(h), HeaderSize+m.Bytes())
		if err != nil || got != m {
			t.Errorf("%+v came back as %+v, %v", m, got, err)
		}
	}
}

func TestReadHeaderRefuses(t *testing.T) {
	good := string(Meta{DType: F32, Rows: 12, Width: 3}.Header())
	size := HeaderSize + int64(12*3*4)
	for name, c := range map[string]struct {
		head string
		size int64
	}{
		"cut":            {good[:100], size},
		"wrong size":     {good, size + 1},
		"magic":          {"x" + good[1:], size},
		"version 2":      {strings.Replace(good, "NUMPY\x01", "NUMPY\x02", 1), size},
		"fortran":        {strings.Replace(good, "False", "True ", 1), size},
		"big endian":     {strings.Replace(good, "<f4", ">f4", 1), size},
		"type":           {strings.Replace(good, "<f4", "<f1", 1), size},
		"huge":           {strings.Replace(good, "(12, 3), }           ", "(12, 999999999999), }", 1), size},
		"three axes":     {strings.Replace(good, "(12, 3), }   ", "(12, 3, 1), }", 1), size},
		"negative":       {strings.Replace(good, "(12, 3), } ", "(-12, 3), }", 1), size},
		"zero wide":      {strings.Replace(good, "(12, 3)", "(12, 0)", 1), HeaderSize},
		"text behind":    {good[:HeaderSize-2] + "x\n", size},
		"python objects": {strings.Replace(good, "<f4", "|O4", 1), size},
	} {
		if m, err := ReadHeader(strings.NewReader(c.head), c.size); err == nil {
			t.Errorf("%s: read as %+v", name, m)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add(Meta{DType: F32, Rows: 12, Width: 3}.Header(), int64(HeaderSize+144))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		m, err := ReadHeader(bytes.NewReader(b), size)
		if err == nil && (m.Bytes() != size-HeaderSize || m.Rows < 0 || m.Width < 0) {
			t.Errorf("size %d read as %+v", size, m)
		}
	})
}

func TestViews(t *testing.T) {
	s := []float32{1, -2.5, float32(math.Inf(1))}
	b := BytesOf(s)
	if got := View[float32](b); &got[0] != &s[0] || len(got) != 3 {
		t.Error("an aligned view copies")
	}
	odd := append([]byte{0}, b...)[1:]
	for i, x := range View[float32](odd) {
		if x != s[i] {
			t.Errorf("element %d is %v, want %v", i, x, s[i])
		}
	}
	if View[uint64](b[:7]) != nil || BytesOf[uint32](nil) != nil {
		t.Error("an empty view is not nil")
	}
}

func TestFrameDigestDependsOnContentOnly(t *testing.T) {
	a := Frame{Rows: 2, Arrays: map[string]Column{"x": {Meta: Meta{DType: F32, Rows: 2}}, "y": {Meta: Meta{DType: U32, Rows: 5}, PerEntry: true}}}
	b := Frame{Rows: 2, Arrays: map[string]Column{"y": a.Arrays["y"], "x": a.Arrays["x"]}}
	if a.Digest() != b.Digest() {
		t.Error("the order of arrays changes the digest")
	}
	b.Arrays["x"] = Column{Meta: Meta{DType: I32, Rows: 2}}
	if a.Digest() == b.Digest() {
		t.Error("another type has the same digest")
	}
}
