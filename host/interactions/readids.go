package interactions

import (
	"errors"
	"io"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/table"
)

// Listed is one column of ids, in the order of the file, without nulls.
type Listed struct {
	Type   table.Type
	Values table.Vector  // kind Ints, Uints or Bytes, without codes
	Digest digest.Digest // of the file
}

// Len is the number of ids.
func (l *Listed) Len() int { return l.Values.Len() }

// ReadIDs reads the column of a role of one Parquet file. Rows without an id
// are left out.
func ReadIDs(name string, role Role, explicit string) (*Listed, error) {
	f, err := table.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := Choose(name, f.Fields(), role, explicit)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, fault.Data("%s: no column for %s", name, plurals[role])
	}
	src := []source{{file: name, typ: f.Fields()[i].Type, place: i}}
	t, k, err := idType(role, f.Fields()[i].Name, src)
	if err != nil {
		return nil, err
	}
	out := &Listed{Type: t, Values: table.Vector{Kind: map[class]table.Kind{ints: table.Ints, uints: table.Uints, texts: table.Bytes}[k]}}
	c := &converter{source: src[0], role: role, name: f.Fields()[i].Name}
	var missing []bool
	first := int64(0)
	for g := range f.Groups() {
		r := f.Reader(g, []int{i})
		for {
			v, err := r.Next(pieceRows)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			missing = resized(missing, v[0].Len())
			clear(missing)
			ids, _, err := c.ids(&v[0], k, missing, first)
			if err != nil {
				return nil, err
			}
			for j := range ids.Len() {
				switch {
				case missing[j]:
				case k == texts:
					out.Values.AppendBytes(ids.Bytes(j))
				case k == uints:
					out.Values.Uints = append(out.Values.Uints, ids.Uints[j])
				default:
					out.Values.Ints = append(out.Values.Ints, ids.Ints[j])
				}
			}
			first += int64(ids.Len())
		}
	}
	if out.Digest, err = hash(f); err != nil {
		return nil, err
	}
	return out, f.Unchanged()
}
