package table

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// elements is the schema of a column: one element, or the three of a list.
//
// https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists
func (c Column) elements() ([]format.SchemaElement, error) {
	e, err := c.element()
	if err != nil || c.Width == 0 {
		return []format.SchemaElement{e}, err
	}
	if c.Optional || c.Width < 0 {
		return nil, fmt.Errorf("column %q: a list of %d values that may be null", c.Name, c.Width)
	}
	outer, inner := format.SchemaElement{Name: c.Name}, format.SchemaElement{Name: "list"}
	outer.RepetitionType.Set(format.Required)
	outer.NumChildren.Set(1)
	outer.ConvertedType.Set(deprecated.List)
	outer.LogicalType.Value = &format.ListType{}
	inner.RepetitionType.Set(format.Repeated)
	inner.NumChildren.Set(1)
	e.Name = "element"
	return []format.SchemaElement{outer, inner, e}, nil
}

// encodeLists encodes a chunk of a column of lists, PLAIN. Every row has as many
// values, so the levels are a pattern: a value begins a row or goes on with it,
// and is always there.
func encodeLists(col Column, v Vector) (*chunk, error) {
	e, err := col.element()
	if err != nil {
		return nil, err
	}
	if v.Null != nil || v.Codes != nil {
		return nil, fmt.Errorf("lists are values side by side")
	}
	n, w := v.Len(), col.Width
	c := &chunk{meta: format.ColumnMetaData{
		Type: e.Type.V, PathInSchema: []string{col.Name, "list", "element"}, Codec: format.Snappy, NumValues: int64(n),
		Encoding: []format.Encoding{format.Plain, format.RLE},
	}}
	page := max(pageRows/w, 1) * w
	var body []byte
	for a := 0; a < n; a += page {
		b := min(a+page, n)
		body = body[:0]
		for _, levels := range [][]byte{appendStarts(nil, b-a, w), appendRun(nil, 1, b-a)} {
			body = append(binary.LittleEndian.AppendUint32(body, uint32(len(levels))), levels...)
		}
		part := v.slice(a, b)
		if body, err = appendPlain(body, col.Type, &part, nil); err != nil {
			return nil, err
		}
		h := format.PageHeader{Type: format.DataPage}
		h.DataPageHeader.Set(format.DataPageHeader{
			NumValues: int32(b - a), Encoding: format.Plain,
			DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
		})
		if err := c.page(h, body); err != nil {
			return nil, err
		}
	}
	c.meta.TotalCompressedSize = int64(len(c.bytes))
	return c, nil
}

// appendRun appends a run of n levels of one bit in the hybrid encoding.
func appendRun(dst []byte, level byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return append(binary.AppendUvarint(dst, uint64(n)<<1), level)
}

// appendStarts appends the repetition levels of n values in rows of w: 0 where
// a row begins, else 1.
func appendStarts(dst []byte, n, w int) []byte {
	if w == 1 {
		return appendRun(dst, 0, n)
	}
	for ; n > 0; n -= w {
		dst = appendRun(appendRun(dst, 0, 1), 1, w-1)
	}
	return dst
}
