package table

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits on what a page header may claim.
const (
	maxPageHeader = 1 << 24 // bytes; headers hold statistics, which hold values
	maxPageBytes  = 1 << 30 // bytes uncompressed
	// maxRatio bounds the uncompressed size by the compressed one, beyond
	// freePage: deflate reaches 1032.
	maxRatio = 2048
	freePage = 1 << 26
)

// column reads one column chunk.
type column struct {
	leaf
	place int

	src    window
	codec  format.CompressionCodec
	raw    []byte // the current page, uncompressed
	values int    // values of the chunk that no page has shown yet
	dict   *dictionary
	page   page

	// Memory of the vectors that next fills.
	null    []bool
	offsets []uint64
	arena   []byte
	dictAt  int // place of the dictionary in the vector, or -1
}

func (c *column) open(f *File, group int) error {
	rg := &f.meta.RowGroups[group]
	chunk := &rg.Columns[c.place]
	m := &chunk.MetaData
	switch {
	case c.Nested:
		return errors.New("inside a list, map or struct, which cannot be read as a column")
	case chunk.CryptoMetadata.Value != nil || len(chunk.EncryptedColumnMetadata) > 0:
		return errors.New("the column is encrypted, which rechost does not read")
	case chunk.FilePath != "":
		return errors.New("the data is in another file, which rechost does not read")
	case m.Codec == format.Lz4:
		return errors.New("compressed with the old LZ4 codec, whose format was never settled: write it again with LZ4_RAW, ZSTD or SNAPPY")
	case m.NumValues != rg.NumRows:
		return fmt.Errorf("%d values for %d rows", m.NumValues, rg.NumRows)
	case physicals[m.Type] != c.Type.Physical:
		return fmt.Errorf("a %s chunk in a %s column", physicals[m.Type], c.Type.Physical)
	}
	c.codec = m.Codec
	if codecs[c.codec] == nil {
		return fmt.Errorf("compressed with %s, which rechost does not read", m.Codec)
	}
	start := m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	// Old writers counted their headers too little: allow a page more, as the
	// values end the reading.
	const slack = 1 << 10
	if start < 4 || m.TotalCompressedSize < 0 || start > f.size || m.TotalCompressedSize > f.size-start {
		return fmt.Errorf("data at %d with %d bytes in a file of %d", start, m.TotalCompressedSize, f.size)
	}
	c.src = window{r: f.file, pos: start, end: min(start+m.TotalCompressedSize+slack, f.size)}
	c.values = int(m.NumValues)
	c.dict = nil
	c.page = page{}
	return nil
}

// nextPage reads pages up to and with the next data page that has values.
func (c *column) nextPage() error {
	for {
		if c.values <= 0 {
			return errors.New("fewer values than rows")
		}
		h, err := c.src.header()
		if err != nil {
			return fmt.Errorf("page header: %w", err)
		}
		packed, size := int(h.CompressedPageSize), int(h.UncompressedPageSize)
		if packed < 0 || size < 0 || size > maxPageBytes || size > freePage && size/maxRatio > packed {
			return fmt.Errorf("a page of %d bytes that claims to hold %d", packed, size)
		}
		b, err := c.src.take(packed)
		if err != nil {
			return err
		}
		if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(b) {
			return errors.New("a page's checksum does not match: the data is damaged")
		}
		switch h.Type {
		case format.DictionaryPage:
			if !h.DictionaryPageHeader.Valid {
				return errors.New("a dictionary page without its header")
			}
			if c.dict != nil {
				return errors.New("a second dictionary")
			}
			d := &h.DictionaryPageHeader.V
			if b, err = uncompress(c.codec, nil, b, size); err != nil {
				return err
			}
			if c.dict, err = readDictionary(c.Type, int(d.NumValues), d.Encoding, b); err != nil {
				return fmt.Errorf("dictionary: %w", err)
			}
		case format.DataPage, format.DataPageV2:
			if err := c.dataPage(h, b, size); err != nil {
				return err
			}
			if c.page.rows > 0 {
				return nil
			}
		case format.IndexPage:
		default:
			return fmt.Errorf("a page of unknown type %d", h.Type)
		}
	}
}

// dataPage makes b, the bytes behind the header, the current page.
func (c *column) dataPage(h *format.PageHeader, b []byte, size int) (err error) {
	if h.Type == format.DataPage {
		if !h.DataPageHeader.Valid {
			return errors.New("a data page without its header")
		}
		d := &h.DataPageHeader.V
		if err := c.count(int(d.NumValues)); err != nil {
			return err
		}
		if c.raw, err = uncompress(c.codec, c.raw, b, size); err != nil {
			return err
		}
		return c.page.readV1(c, int(d.NumValues), d, c.raw)
	}
	if !h.DataPageHeaderV2.Valid {
		return errors.New("a data page without its header")
	}
	d := &h.DataPageHeaderV2.V
	if err := c.count(int(d.NumValues)); err != nil {
		return err
	}
	rep, def := int(d.RepetitionLevelsByteLength), int(d.DefinitionLevelsByteLength)
	if rep < 0 || def < 0 || rep > len(b) || def > len(b)-rep || rep+def > size {
		return errors.New("levels longer than their page")
	}
	levels, body := b[rep:rep+def], b[rep+def:]
	if d.IsCompressed.Valid && !d.IsCompressed.V {
		c.raw = append(c.raw[:0], body...)
	} else if c.raw, err = uncompress(c.codec, c.raw, body, size-rep-def); err != nil {
		return err
	}
	return c.page.readV2(c, int(d.NumValues), d, levels, c.raw)
}

// count takes a page's values off the chunk's, which the row group's rows
// bound.
func (c *column) count(n int) error {
	if n < 0 || n > c.values {
		return fmt.Errorf("a page of %d values where %d are left", n, c.values)
	}
	c.values -= n
	return nil
}

// window reads part of a file in order, through a buffer.
type window struct {
	r        io.ReaderAt
	pos, end int64 // of what is not in buf yet
	buf      []byte
	at       int // start of what is not taken yet
}

const readAhead = 1 << 20

// need makes n bytes available, and more where they are cheap.
func (w *window) need(n int) error {
	if len(w.buf)-w.at >= n {
		return nil
	}
	if int64(n-(len(w.buf)-w.at)) > w.end-w.pos {
		return fmt.Errorf("%d bytes are wanted where the column's data ends: %w", n, errShort)
	}
	rest := copy(w.buf, w.buf[w.at:])
	w.at = 0
	total := rest + int(min(int64(max(n-rest, readAhead-rest)), w.end-w.pos))
	if cap(w.buf) < total {
		w.buf = append(make([]byte, 0, total), w.buf[:rest]...)
	}
	w.buf = w.buf[:total]
	k, err := w.r.ReadAt(w.buf[rest:], w.pos)
	w.pos += int64(k)
	if k < total-rest {
		w.buf = w.buf[:rest+k]
		return err
	}
	return nil
}

// take returns the next n bytes, valid until the next call.
func (w *window) take(n int) ([]byte, error) {
	if err := w.need(n); err != nil {
		return nil, err
	}
	w.at += n
	return w.buf[w.at-n : w.at], nil
}

func (w *window) header() (*format.PageHeader, error) {
	for want := 1 << 8; ; want *= 4 {
		all := len(w.buf) - w.at + int(min(w.end-w.pos, maxPageHeader))
		n := min(want, all)
		if err := w.need(n); err != nil {
			return nil, err
		}
		b := w.buf[w.at:]
		end, err := skimStruct(b)
		if err == errShort && n < all && want < maxPageHeader {
			continue
		}
		if err != nil {
			return nil, err
		}
		h := new(format.PageHeader)
		var p thrift.CompactProtocol
		if err := thrift.NewDecoder(p.NewReaderFromBytes(b[:end])).Decode(h); err != nil {
			return nil, err
		}
		w.at += end
		return h, nil
	}
}
