package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// plainDictionary is how writers of version 1 call RLE_DICTIONARY in data pages
// and PLAIN in dictionary pages.
const plainDictionary format.Encoding = 2

// page is a data page whose values have been decoded, and a position in it.
// Exactly one of codes and vals holds the values that are not null.
type page struct {
	rows, row int // rows of the page; next row
	value     int // next value
	present   int // values that are not null
	def       []uint8
	optional  bool
	indexed   bool
	codes     []uint32
	vals      plainValues
}

func (p *page) readV1(c *column, n int, d *format.DataPageHeader, b []byte) error {
	p.start(n, c.maxDef > 0)
	if c.maxDef > 0 {
		width := bitsFor(c.maxDef)
		switch d.DefinitionLevelEncoding {
		case format.RLE:
			if len(b) < 4 {
				return errTruncated
			}
			k := binary.LittleEndian.Uint32(b)
			b = b[4:]
			if uint64(k) > uint64(len(b)) {
				return errTruncated
			}
			if p.optional = !oneRun(b[:k], n, c.maxDef); !p.optional {
				b = b[k:]
				break
			}
			if err := hybrid(p.def, b[:k], width); err != nil {
				return fmt.Errorf("definition levels: %w", err)
			}
			b = b[k:]
		case format.BitPacked:
			if err := bitPackedLevels(p.def, b, width); err != nil {
				return fmt.Errorf("definition levels: %w", err)
			}
			b = b[(n*int(width)+7)/8:]
		default:
			return fmt.Errorf("definition levels in encoding %s", d.DefinitionLevelEncoding)
		}
	}
	p.countPresent(c.maxDef)
	return p.decode(c, d.Encoding, b)
}

func (p *page) readV2(c *column, n int, d *format.DataPageHeaderV2, levels, b []byte) error {
	p.start(n, c.maxDef > 0)
	if c.maxDef > 0 {
		if len(levels) == 0 && d.NumNulls == 0 || oneRun(levels, n, c.maxDef) {
			p.optional = false
		} else if err := hybrid(p.def, levels, bitsFor(c.maxDef)); err != nil {
			return fmt.Errorf("definition levels: %w", err)
		}
	}
	p.countPresent(c.maxDef)
	if nulls := n - p.present; nulls != int(d.NumNulls) {
		return fmt.Errorf("a page that counts %d nulls and has %d", d.NumNulls, nulls)
	}
	return p.decode(c, d.Encoding, b)
}

// oneRun reports whether levels are n times max in one run, as pages of
// optional columns without a null have them: nothing need be decoded then.
func oneRun(b []byte, n, max int) bool {
	h, k := binary.Uvarint(b)
	return k > 0 && h&1 == 0 && h>>1 >= uint64(n) && len(b) > k && int(b[k]) == max
}

func (p *page) start(n int, optional bool) {
	p.rows, p.row, p.value, p.optional = n, 0, 0, optional
	if optional {
		p.def = grown(p.def, n)
	}
}

func (p *page) countPresent(maxDef int) {
	p.present = p.rows
	if p.optional {
		p.present = 0
		for _, d := range p.def[:p.rows] {
			if int(d) == maxDef {
				p.present++
			}
		}
	}
}

func bitsFor(max int) uint {
	n := uint(0)
	for ; max > 0; max >>= 1 {
		n++
	}
	return n
}

// decode reads the present values.
func (p *page) decode(c *column, e format.Encoding, b []byte) error {
	p.indexed = e == format.RLEDictionary || e == plainDictionary
	if !p.indexed {
		if err := p.vals.decode(c.Type, p.present, e, b); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		return nil
	}
	if c.dict == nil {
		return errors.New("a page of dictionary codes without a dictionary")
	}
	p.codes = grown(p.codes, p.present)
	if p.present == 0 {
		return nil
	}
	if len(b) == 0 {
		return errTruncated
	}
	if err := hybrid(p.codes, b[1:], uint(b[0])); err != nil {
		return fmt.Errorf("dictionary codes: %w", err)
	}
	n := uint32(c.dict.n)
	for _, k := range p.codes {
		if k >= n {
			return fmt.Errorf("dictionary code %d in a dictionary of %d", k, n)
		}
	}
	return nil
}

// plainValues is decoded values. raw holds fixed-size ones, little endian as
// in the file; strings are arena and offsets.
type plainValues struct {
	n       int
	raw     []byte // the page itself, or own
	own     []byte
	size    int // of one value in raw; 0 where offsets are used
	bools   []bool
	arena   []byte
	offsets []uint32

	scratch32 []int32
	scratch64 []int64
}

// width is the bytes of a fixed-size value, or 0.
func width(t Type) int {
	switch t.Physical {
	case Int32, Float:
		return 4
	case Int64, Double:
		return 8
	case Int96:
		return 12
	case FixedLen:
		return t.Length
	}
	return 0
}

func (v *plainValues) decode(t Type, n int, e format.Encoding, b []byte) error {
	v.n, v.size = n, width(t)
	if n == 0 {
		v.raw, v.bools, v.arena, v.offsets = nil, v.bools[:0], v.arena[:0], append(v.offsets[:0], 0)
		return nil
	}
	switch {
	case t.Physical == Boolean:
		return v.booleans(n, e, b)
	case e == format.Plain && t.Physical == ByteArray:
		return v.plainStrings(n, b)
	case e == format.Plain:
		if v.size*n > len(b) {
			return errTruncated
		}
		v.raw = b[:v.size*n]
		return nil
	case e == format.ByteStreamSplit && v.size > 0 && t.Physical != Int96:
		if v.size*n > len(b) {
			return errTruncated
		}
		// The streams are as long as the page's values, of which n are expected.
		if len(b)%v.size != 0 {
			return errTruncated
		}
		stride := len(b) / v.size
		v.own = grown(v.own, v.size*n)
		v.raw = v.own
		for k := range v.size {
			for i, x := range b[k*stride : k*stride+n] {
				v.raw[i*v.size+k] = x
			}
		}
		return nil
	case e == format.DeltaBinaryPacked && (t.Physical == Int32 || t.Physical == Int64):
		return v.delta(t, n, b)
	case (e == format.DeltaLengthByteArray || e == format.DeltaByteArray) && (t.Physical == ByteArray || t.Physical == FixedLen):
		return v.deltaStrings(t, n, e, b)
	}
	return fmt.Errorf("not an encoding that rechost reads for %s", t.Physical)
}

func (v *plainValues) booleans(n int, e format.Encoding, b []byte) error {
	v.bools = grown(v.bools, n)
	switch e {
	case format.Plain:
		if len(b) < (n+7)/8 {
			return errTruncated
		}
		for i := range v.bools {
			v.bools[i] = b[i>>3]>>(i&7)&1 != 0
		}
		return nil
	case format.RLE:
		if len(b) < 4 {
			return errTruncated
		}
		k := binary.LittleEndian.Uint32(b)
		if uint64(k) > uint64(len(b)-4) {
			return errTruncated
		}
		bits := make([]uint8, n)
		if err := hybrid(bits, b[4:4+k], 1); err != nil {
			return err
		}
		for i, x := range bits {
			v.bools[i] = x != 0
		}
		return nil
	}
	return errors.New("not an encoding that rechost reads for booleans")
}

func (v *plainValues) plainStrings(n int, b []byte) error {
	if 4*n > len(b) {
		return errTruncated
	}
	v.offsets = append(grown(v.offsets, n+1)[:0], 0)
	v.arena = grown(v.arena, len(b)-4*n)[:0]
	for range n {
		if len(b) < 4 {
			return errTruncated
		}
		k := binary.LittleEndian.Uint32(b)
		if uint64(k) > uint64(len(b)-4) {
			return errTruncated
		}
		v.arena = append(v.arena, b[4:4+k]...)
		v.offsets = append(v.offsets, uint32(len(v.arena)))
		b = b[4+k:]
	}
	return nil
}

// deltaCount checks the number of values that a DELTA_BINARY_PACKED header
// claims, before the decoder allocates by it: block size, miniblocks, count.
func deltaCount(n int, b []byte) error {
	for i := range 3 {
		x, k := binary.Uvarint(b)
		if k <= 0 {
			return errTruncated
		}
		if i == 2 && x > uint64(n) {
			return fmt.Errorf("%d values where %d are expected", x, n)
		}
		b = b[k:]
	}
	return nil
}

func (v *plainValues) delta(t Type, n int, b []byte) (err error) {
	if err := deltaCount(n, b); err != nil {
		return err
	}
	got := 0
	if t.Physical == Int32 {
		v.scratch32, err = parquet.DeltaBinaryPacked.DecodeInt32(v.scratch32[:0], b)
		got = len(v.scratch32)
		v.own = grown(v.own, 4*got)
		v.raw = v.own
		for i, x := range v.scratch32 {
			binary.LittleEndian.PutUint32(v.raw[4*i:], uint32(x))
		}
	} else {
		v.scratch64, err = parquet.DeltaBinaryPacked.DecodeInt64(v.scratch64[:0], b)
		got = len(v.scratch64)
		v.own = grown(v.own, 8*got)
		v.raw = v.own
		for i, x := range v.scratch64 {
			binary.LittleEndian.PutUint64(v.raw[8*i:], uint64(x))
		}
	}
	if err == nil && got != n {
		err = fmt.Errorf("%d values where %d are expected", got, n)
	}
	return err
}

func (v *plainValues) deltaStrings(t Type, n int, e format.Encoding, b []byte) (err error) {
	if err := deltaCount(n, b); err != nil {
		return err
	}
	var enc encoding.Encoding = &parquet.DeltaLengthByteArray
	if e == format.DeltaByteArray {
		enc = &parquet.DeltaByteArray
	}
	if t.Physical == FixedLen {
		v.own, err = enc.DecodeFixedLenByteArray(v.own[:0], b, t.Length)
		v.raw = v.own
		if err == nil && len(v.raw) != n*t.Length {
			err = errTruncated
		}
		return err
	}
	v.arena, v.offsets, err = enc.DecodeByteArray(v.arena[:0], b, v.offsets[:0])
	switch {
	case err != nil:
		return err
	case len(v.offsets) != n+1:
		return fmt.Errorf("%d values where %d are expected", len(v.offsets)-1, n)
	case len(v.arena) > math.MaxUint32:
		return errors.New("a page of more than 4 GiB of text")
	}
	for i, o := range v.offsets[1:] {
		if o < v.offsets[i] || int(o) > len(v.arena) {
			return errors.New("lengths that do not add up")
		}
	}
	return nil
}

// grown returns n elements, of s's memory where it is enough; their content
// is unspecified.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
