package table

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// dictionary is the decoded dictionary page of a chunk.
type dictionary struct {
	n int
	Vector
}

func readDictionary(t Type, n int, e format.Encoding, b []byte) (*dictionary, error) {
	if e != format.Plain && e != plainDictionary {
		return nil, fmt.Errorf("in encoding %s", e)
	}
	// A value takes a byte at least, but a boolean a bit, and a fixed length
	// of zero nothing.
	if n < 0 || n > 8*len(b)+1 {
		return nil, fmt.Errorf("%d values in %d bytes", n, len(b))
	}
	var v plainValues
	if err := v.decode(t, n, format.Plain, b); err != nil {
		return nil, err
	}
	d := &dictionary{n: n}
	d.Kind = t.Kind()
	if d.Kind == Bytes {
		d.Offsets = []uint64{0}
	}
	d.resize(n)
	v.emit(&d.Vector, t, 0, 0, n)
	return d, nil
}

// resize gives the vector n rows of unspecified content, without codes.
func (v *Vector) resize(n int) {
	switch v.Kind {
	case Ints:
		v.Ints = grown(v.Ints, n)
	case Uints:
		v.Uints = grown(v.Uints, n)
	case Floats:
		v.Floats = grown(v.Floats, n)
	case Floats32:
		v.Floats32 = grown(v.Floats32, n)
	case Bools:
		v.Bools = grown(v.Bools, n)
	}
}

// emit puts values [from, from+n) at places [at, at+n) of dst; byte strings
// are appended.
func (v *plainValues) emit(dst *Vector, t Type, at, from, n int) {
	switch dst.Kind {
	case Ints:
		out := dst.Ints[at : at+n]
		if v.size == 4 {
			b := v.raw[4*from:]
			for i := range out {
				out[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
			}
			return
		}
		b := v.raw[8*from : 8*(from+n)]
		for i := range out {
			out[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
	case Uints:
		out := dst.Uints[at : at+n]
		if v.size == 4 {
			b := v.raw[4*from:]
			for i := range out {
				out[i] = uint64(binary.LittleEndian.Uint32(b[4*i:]))
			}
			return
		}
		b := v.raw[8*from:]
		for i := range out {
			out[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	case Floats:
		out, b := dst.Floats[at:at+n], v.raw[8*from:]
		for i := range out {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	case Floats32:
		out, b := dst.Floats32[at:at+n], v.raw[4*from:]
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case Bools:
		copy(dst.Bools[at:at+n], v.bools[from:])
	case Bytes:
		if v.size > 0 || t.Physical == FixedLen {
			for i := from; i < from+n; i++ {
				dst.AppendBytes(v.raw[i*v.size : (i+1)*v.size])
			}
			return
		}
		for i := from; i < from+n; i++ {
			dst.AppendBytes(v.arena[v.offsets[i]:v.offsets[i+1]])
		}
	}
}

// gather puts the dictionary's values for codes at places from at.
func (d *dictionary) gather(dst *Vector, at int, codes []uint32) {
	switch dst.Kind {
	case Ints:
		out := dst.Ints[at : at+len(codes)]
		for i, c := range codes {
			out[i] = d.Ints[c]
		}
	case Uints:
		out := dst.Uints[at : at+len(codes)]
		for i, c := range codes {
			out[i] = d.Uints[c]
		}
	case Floats:
		out := dst.Floats[at : at+len(codes)]
		for i, c := range codes {
			out[i] = d.Floats[c]
		}
	case Floats32:
		out := dst.Floats32[at : at+len(codes)]
		for i, c := range codes {
			out[i] = d.Floats32[c]
		}
	case Bools:
		out := dst.Bools[at : at+len(codes)]
		for i, c := range codes {
			out[i] = d.Bools[c]
		}
	}
}

// next fills v with the next n rows.
func (c *column) next(v *Vector, n int) error {
	v.Kind = c.Type.Kind()
	v.resize(n)
	v.Null = nil
	if v.Kind == Bytes {
		v.Codes = grown(v.Codes, n)
		v.Offsets, v.Arena = append(c.offsets[:0], 0), c.arena[:0]
		c.dictAt = -1
	}
	if c.maxDef > 0 {
		c.null = grown(c.null, n)
		clear(c.null)
	}
	for row := 0; row < n; {
		if c.page.row == c.page.rows {
			if err := c.nextPage(); err != nil {
				return err
			}
		}
		p := &c.page
		k := min(n-row, p.rows-p.row)
		present := k
		if p.optional {
			present = p.presentIn(k, c.maxDef)
		}
		switch {
		case v.Kind == Bytes:
			c.emitCodes(v, row, present)
		case p.indexed:
			c.dict.gather(v, row, p.codes[p.value:p.value+present])
		default:
			p.vals.emit(v, c.Type, row, p.value, present)
		}
		if present < k {
			v.Null = c.null
			v.spread(row, p.def[p.row:p.row+k], uint8(c.maxDef), present)
		}
		p.row += k
		p.value += present
		row += k
	}
	if v.Kind == Bytes {
		if len(v.Offsets) == 1 {
			v.AppendBytes(nil) // every row is null: a value for their codes
		}
		if c.dictAt != 0 || len(v.Offsets) != len(c.dict.Offsets) { // not the dictionary's own memory
			c.offsets, c.arena = v.Offsets, v.Arena
		}
	}
	return nil
}

// presentIn counts the values among the page's next k rows.
func (p *page) presentIn(k, maxDef int) int {
	if p.present == p.rows {
		return k
	}
	n := 0
	for _, d := range p.def[p.row : p.row+k] {
		if int(d) == maxDef {
			n++
		}
	}
	return n
}

// emitCodes gives the next present rows of a page of byte strings codes, from
// place at. Where the first page is indexed, as nearly always, the vector's
// values begin as the dictionary itself; clipped, so that pages that are not
// indexed, which append to it, make a copy.
func (c *column) emitCodes(v *Vector, at, present int) {
	p := &c.page
	out := v.Codes[at : at+present]
	first := len(v.Offsets) - 1
	if !p.indexed {
		p.vals.emit(v, c.Type, 0, p.value, present)
		for i := range out {
			out[i] = uint32(first + i)
		}
		return
	}
	if c.dictAt < 0 {
		c.dictAt = first
		if d := c.dict; first == 0 {
			v.Offsets, v.Arena = slices.Clip(d.Offsets), slices.Clip(d.Arena)
		} else {
			for i := range d.n {
				v.AppendBytes(d.Arena[d.Offsets[i]:d.Offsets[i+1]])
			}
		}
	}
	for i, k := range p.codes[p.value : p.value+present] {
		out[i] = uint32(c.dictAt) + k
	}
}

// spread moves present values at the front of rows [at, at+len(def)) to the
// rows that are not null, from the back, and marks the others.
func (v *Vector) spread(at int, def []uint8, maxDef uint8, present int) {
	from := at + present
	for i := len(def) - 1; i >= 0; i-- {
		to := at + i
		if def[i] != maxDef {
			v.Null[to] = true
			v.zero(to)
			continue
		}
		from--
		v.move(to, from)
	}
}

func (v *Vector) zero(i int) {
	switch v.Kind {
	case Ints:
		v.Ints[i] = 0
	case Uints:
		v.Uints[i] = 0
	case Floats:
		v.Floats[i] = 0
	case Floats32:
		v.Floats32[i] = 0
	case Bools:
		v.Bools[i] = false
	case Bytes:
		v.Codes[i] = 0
	}
}

func (v *Vector) move(to, from int) {
	switch v.Kind {
	case Ints:
		v.Ints[to] = v.Ints[from]
	case Uints:
		v.Uints[to] = v.Uints[from]
	case Floats:
		v.Floats[to] = v.Floats[from]
	case Floats32:
		v.Floats32[to] = v.Floats32[from]
	case Bools:
		v.Bools[to] = v.Bools[from]
	case Bytes:
		v.Codes[to] = v.Codes[from]
	}
}
