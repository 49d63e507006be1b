package table

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"runtime"
	"sync"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"rechost/host/fault"
)

// GroupRows is the most rows of a row group that Writer makes: a batch that is
// longer is cut.
const GroupRows = 1 << 20

// pageRows is the rows of a page: a MiB of 64-bit numbers.
const pageRows = 1 << 17

// createdBy is all that a file says of its writer: no version, no time.
const createdBy = "rechost"

// Column is a column that a Writer makes.
type Column struct {
	Name     string
	Type     Type
	Optional bool // may hold nulls
	// Width makes it a column of lists: every row is a list of so many values,
	// side by side in a batch. 0 is a column of values. Lists hold no nulls.
	Width int
}

// each is the values of a row.
func (c *Column) each() int { return max(c.Width, 1) }

// Writer writes a Parquet file, always in the same way, so that the same
// batches give the same bytes. Columns are encoded concurrently; the bytes do
// not depend on it. The encoding is the format's plainest: data pages of
// version 1, dictionaries where values repeat and PLAIN elsewhere, snappy.
type Writer struct {
	w       io.Writer
	columns []Column
	workers int
	meta    format.FileMetaData
	offset  int64
	err     error
	closed  bool
}

// NewWriter starts a file of the given columns. It writes to w only within
// NewWriter, Write and Close. workers is how many columns are encoded at a
// time; 0 is the number of cores.
func NewWriter(w io.Writer, columns []Column, workers int) (*Writer, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	x := &Writer{w: w, columns: columns, workers: workers}
	x.meta.Version = 2
	x.meta.CreatedBy = createdBy
	root := format.SchemaElement{Name: "schema"}
	root.NumChildren.Set(int32(len(columns)))
	x.meta.Schema = append(x.meta.Schema, root)
	for _, c := range columns {
		e, err := c.elements()
		if err != nil {
			return nil, fault.New(fault.Failed, "%v", err)
		}
		x.meta.Schema = append(x.meta.Schema, e...)
		x.meta.ColumnOrders = append(x.meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	x.put([]byte("PAR1"))
	return x, x.err
}

func (w *Writer) put(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	w.offset += int64(len(b))
}

// Write appends the rows of a batch: one vector a column, all of the same
// number of rows, each holding what its column's Type does. Integers are converted,
// where they fit, to the integer, float or decimal type of the column. Each
// call makes row groups of its own of at most GroupRows rows. When it returns
// the batch may be changed.
func (w *Writer) Write(batch []Vector) error {
	if w.err != nil {
		return w.err
	}
	if len(batch) != len(w.columns) {
		return w.fail("%d columns instead of %d", len(batch), len(w.columns))
	}
	if len(batch) == 0 {
		return nil
	}
	n := batch[0].Len() / w.columns[0].each()
	for i := range batch {
		if batch[i].Len() != n*w.columns[i].each() {
			return w.fail("column %q has %d values for %d rows", w.columns[i].Name, batch[i].Len(), n)
		}
	}
	groups := (n + GroupRows - 1) / GroupRows
	// Groups are encoded a few at a time: enough to keep the workers busy,
	// few enough to bound what is held.
	step := max(w.workers/max(len(batch), 1), 1)
	for g := 0; g < groups; g += step {
		if err := w.writeGroups(batch, n, g, min(g+step, groups)); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) fail(format string, a ...any) error {
	w.err = fault.New(fault.Failed, format, a...)
	return w.err
}

func (w *Writer) writeGroups(batch []Vector, n, first, end int) error {
	jobs := (end - first) * len(batch)
	chunks := make([]*chunk, jobs)
	errs := make([]error, jobs)
	var next sync.Mutex
	var wg sync.WaitGroup
	taken := 0
	for range min(w.workers, jobs) {
		wg.Go(func() {
			for {
				next.Lock()
				j := taken
				taken++
				next.Unlock()
				if j >= jobs {
					return
				}
				g, c := first+j/len(batch), j%len(batch)
				each := w.columns[c].each()
				v := batch[c].slice(g*GroupRows*each, min((g+1)*GroupRows, n)*each)
				chunks[j], errs[j] = encodeChunk(w.columns[c], v)
			}
		})
	}
	wg.Wait()
	for j, err := range errs {
		if err != nil {
			return w.fail("column %q: %v", w.columns[j%len(batch)].Name, err)
		}
	}
	for g := first; g < end; g++ {
		if len(w.meta.RowGroups) > math.MaxInt16 {
			return w.fail("more than %d row groups, which the format does not allow", math.MaxInt16+1)
		}
		rg := format.RowGroup{NumRows: int64(min(n-g*GroupRows, GroupRows)), FileOffset: w.offset, Ordinal: int16(len(w.meta.RowGroups))}
		for _, c := range chunks[(g-first)*len(batch) : (g-first+1)*len(batch)] {
			m := &c.meta
			m.DataPageOffset += w.offset
			if c.hasDictionary {
				m.DictionaryPageOffset = w.offset
			}
			rg.TotalByteSize += m.TotalUncompressedSize
			rg.TotalCompressedSize += m.TotalCompressedSize
			rg.Columns = append(rg.Columns, format.ColumnChunk{FileOffset: 0, MetaData: *m})
			w.put(c.bytes)
		}
		w.meta.RowGroups = append(w.meta.RowGroups, rg)
		w.meta.NumRows += rg.NumRows
	}
	return w.err
}

// Close writes the footer. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.err != nil || w.closed {
		return w.err
	}
	w.closed = true
	var p thrift.CompactProtocol
	b, err := thrift.Marshal(&p, &w.meta)
	if err != nil {
		return w.fail("footer: %v", err)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)))
	w.put(append(b, "PAR1"...))
	return w.err
}

// Rows is the number of rows written so far.
func (w *Writer) Rows() int64 { return w.meta.NumRows }

// slice is rows [a, b) of v.
func (v *Vector) slice(a, b int) Vector {
	s := *v
	if v.Null != nil {
		s.Null = v.Null[a:b]
	}
	if v.Codes != nil {
		s.Codes = v.Codes[a:b]
		return s
	}
	switch v.Kind {
	case Ints:
		s.Ints = v.Ints[a:b]
	case Uints:
		s.Uints = v.Uints[a:b]
	case Floats:
		s.Floats = v.Floats[a:b]
	case Floats32:
		s.Floats32 = v.Floats32[a:b]
	case Bools:
		s.Bools = v.Bools[a:b]
	case Bytes:
		s.Offsets = v.Offsets[a : b+1]
	}
	return s
}

// present is v without its null rows.
func (v *Vector) present() Vector {
	s := *v
	s.Null = nil
	s.Codes = make([]uint32, 0, v.Len())
	for i := range v.Len() {
		if !v.Null[i] {
			s.Codes = append(s.Codes, uint32(v.At(i)))
		}
	}
	return s
}

// chunk is an encoded column chunk, with offsets from its own start.
type chunk struct {
	bytes         []byte
	meta          format.ColumnMetaData
	hasDictionary bool
}

func encodeChunk(col Column, v Vector) (*chunk, error) {
	rows, null := v.Len(), v.Null
	if null != nil {
		if !col.Optional {
			return nil, fmt.Errorf("nulls in a column that is not optional")
		}
		v = v.present()
	}
	if !fits(col.Type, v.Kind) {
		return nil, fmt.Errorf("%s for a %s", v.Kind, col.Type)
	}
	e, err := col.element()
	if err != nil {
		return nil, err
	}
	if col.Width > 0 {
		return encodeLists(col, v)
	}
	c := &chunk{meta: format.ColumnMetaData{
		Type: e.Type.V, PathInSchema: []string{col.Name}, Codec: format.Snappy, NumValues: int64(rows),
		Encoding: []format.Encoding{format.Plain, format.RLE},
	}}
	codes, places, dictionary := distinct(&v)
	values := v // the values whose bounds count
	if dictionary {
		c.hasDictionary = true
		c.meta.Encoding = append(c.meta.Encoding, format.RLEDictionary)
		b, err := appendPlain(nil, col.Type, &v, places)
		if err != nil {
			return nil, err
		}
		h := format.PageHeader{Type: format.DictionaryPage}
		h.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: int32(len(places)), Encoding: format.Plain})
		if err := c.page(h, b); err != nil {
			return nil, err
		}
		values = v.pick(places)
	} else if v.Codes != nil {
		v = v.pick(v.Codes)
		values = v
	}
	c.meta.DataPageOffset = int64(len(c.bytes))
	bounds(col.Type, &values, &c.meta.Statistics)
	done := 0 // present rows
	var body []byte
	for a := 0; a < rows; a += pageRows {
		b := min(a+pageRows, rows)
		body = body[:0]
		present := b - a
		if col.Optional {
			body, present = appendLevels(body, null, a, b)
		}
		if dictionary {
			w := uint(max(bits.Len(uint(len(places)-1)), 1))
			body = append(body, byte(w))
			body = appendHybrid(body, codes[done:done+present], w)
		} else {
			part := v.slice(done, done+present)
			if body, err = appendPlain(body, col.Type, &part, nil); err != nil {
				return nil, err
			}
		}
		done += present
		h := format.PageHeader{Type: format.DataPage}
		enc := format.Plain
		if dictionary {
			enc = format.RLEDictionary
		}
		h.DataPageHeader.Set(format.DataPageHeader{
			NumValues: int32(b - a), Encoding: enc,
			DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
		})
		if err := c.page(h, body); err != nil {
			return nil, err
		}
	}
	c.meta.Statistics.NullCount = int64(rows - done)
	c.meta.TotalCompressedSize = int64(len(c.bytes))
	return c, nil
}

// fits reports whether a column of type t can be made from a vector of kind k.
func fits(t Type, k Kind) bool {
	if k == Ints || k == Uints {
		return t.Physical != Boolean && t.Physical != Int96 && (t.Kind() != Bytes || t.Logical == Decimal)
	}
	return t.Kind() == k
}

// pick is a vector without codes of the values at places.
func (v *Vector) pick(places []uint32) Vector {
	out := Vector{Kind: v.Kind}
	if v.Kind == Bytes {
		out.Offsets = append(make([]uint64, 0, len(places)+1), 0)
		for _, p := range places {
			out.AppendBytes(v.Arena[v.Offsets[p]:v.Offsets[p+1]])
		}
		return out
	}
	out.resize(len(places))
	d := dictionary{Vector: *v}
	d.gather(&out, 0, places)
	return out
}

// appendLevels appends the definition levels of rows [a, b), 0 for null, and
// counts the ones.
func appendLevels(dst []byte, null []bool, a, b int) ([]byte, int) {
	levels := make([]uint32, b-a)
	present := 0
	for i := range levels {
		if null == nil || !null[a+i] {
			levels[i] = 1
			present++
		}
	}
	start := len(dst)
	dst = appendHybrid(append(dst, 0, 0, 0, 0), levels, 1)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst, present
}

// page appends a page with its header.
func (c *chunk) page(h format.PageHeader, body []byte) error {
	packed := appendSnappy(nil, body)
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(body)), int32(len(packed))
	if len(body) > maxPageBytes || len(packed) > maxPageBytes {
		return fmt.Errorf("a page of %d bytes, more than rechost writes: the values are too long", len(body))
	}
	var p thrift.CompactProtocol
	b, err := thrift.Marshal(&p, &h)
	if err != nil {
		return err
	}
	c.meta.TotalUncompressedSize += int64(len(b) + len(body))
	c.bytes = append(append(c.bytes, b...), packed...)
	return nil
}
