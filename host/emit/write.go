package emit

import (
	"cmp"
	"context"
	"io"
	"slices"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/matrix"
	"rechost/host/recs"
	"rechost/host/table"
)

// Columns of files that are called the same whatever a module calls its arrays.
const (
	Neighbour = "neighbour" // ids in lists of users for users or of items for items
	Vector    = "vector"    // a row of a matrix
	Value     = "value"     // a row of a matrix of one number a row
)

// Write writes an emission to the files that Files names, or to others in their
// place: one in Parquet; or two, a matrix and its ids. Files appear whole or not
// at all, but where the second fails the first is there.
func Write(ctx context.Context, e *Emission, names []string) ([]recs.Written, error) {
	if len(names) == 1 {
		var rows int64
		w, err := recs.Save(ctx, names[0], nil, func(w io.Writer) (err error) {
			if e.decl.IDs != "" {
				rows, err = e.lists(ctx, w)
				return err
			}
			rows, err = e.matrix(ctx, w)
			return err
		})
		w.Rows = rows
		if err != nil {
			return nil, err
		}
		return []recs.Written{w}, nil
	}
	m, err := recs.Save(ctx, names[0], nil, func(w io.Writer) error { return e.numpy(ctx, w) })
	if err != nil {
		return nil, err
	}
	ids, err := recs.Save(ctx, names[1], nil, func(w io.Writer) error { return e.index(w) })
	if err != nil {
		return nil, err
	}
	m.Rows, ids.Rows = int64(e.Rows), int64(e.Rows)
	return []recs.Written{m, ids}, nil
}

// Refuse returns an error where the emission has no form of that name.
func Refuse(name string, lists bool, file string) error {
	form, err := FormOf(file)
	if err == nil && lists && form == NumPy {
		err = fault.Use("%s are lists, which %s cannot hold", name, file).WithHint("--emit %s=%s", name, file[:len(file)-len(form)]+Parquet)
	}
	return err
}

// CheckNames refuses names of the columns of users and items that a file of the
// emission has for columns of its own.
func CheckNames(d abi.Emit, users, items string) error {
	names := map[string]string{abi.OverUsers: users, abi.OverItems: items}
	sides, own := []string{d.Rows}, []string{Vector, Value}
	if d.IDs != "" {
		own = []string{recs.Score.Name, recs.Rank.Name}
		if d.Of == d.Rows {
			own = append(own, Neighbour)
		} else {
			sides = append(sides, d.Of)
		}
	}
	for _, side := range sides {
		if err := recs.CheckName(names[side], side, "files of "+d.Name, own...); err != nil {
			return err
		}
	}
	return nil
}

func column(d *matrix.IDs) table.Column { return table.Column{Name: d.Name, Type: d.Type} }

// lists writes a row an entry.
func (e *Emission) lists(ctx context.Context, w io.Writer) (int64, error) {
	of := column(e.of)
	if e.rows == e.of {
		of.Name = Neighbour
	}
	tw, err := table.NewWriter(w, []table.Column{column(e.rows), of, recs.Score, recs.Rank}, 0)
	if err != nil {
		return 0, err
	}
	var rows, ids []uint32
	var scores []float32
	var ranks []int64
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		err := tw.Write([]table.Vector{e.rows.Vector(rows), e.of.Vector(ids), table.Float32Vector(scores), table.IntVector(ranks)})
		rows, ids, scores, ranks = rows[:0], ids[:0], scores[:0], ranks[:0]
		return cmp.Or(err, ctx.Err())
	}
	var order []int
	for r := range e.Rows {
		a, b := int(e.Offsets[r]), int(e.Offsets[r+1])
		order = order[:0]
		for k := a; k < b; k++ {
			order = append(order, k)
		}
		slices.SortFunc(order, func(x, y int) int { // best first, ties by the smaller id
			return cmp.Or(cmp.Compare(e.Values[y], e.Values[x]), cmp.Compare(e.IDs[x], e.IDs[y]))
		})
		for n, k := range order {
			rows, ids = append(rows, uint32(r)), append(ids, e.IDs[k])
			scores, ranks = append(scores, e.Values[k]), append(ranks, int64(n)+1)
		}
		if len(rows) >= table.GroupRows-1<<16 {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	if err := flush(); err != nil {
		return 0, err
	}
	return tw.Rows(), tw.Close()
}

// matrix writes a row an id.
func (e *Emission) matrix(ctx context.Context, w io.Writer) (int64, error) {
	values := table.Column{Name: Vector, Type: table.TypeFloat, Width: e.Width}
	if e.Width == 0 {
		values.Name = Value
	}
	tw, err := table.NewWriter(w, []table.Column{column(e.rows), values}, 0)
	if err != nil {
		return 0, err
	}
	each := max(e.Width, 1)
	step := max(table.GroupRows/each, 1)
	for r := 0; r < e.Rows; r += step {
		n := min(step, e.Rows-r)
		if err := tw.Write([]table.Vector{e.rows.Vector(from(r, n)), table.Float32Vector(e.Values[r*each : (r+n)*each])}); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return tw.Rows(), tw.Close()
}

// from counts n numbers from first.
func from(first, n int) []uint32 {
	x := make([]uint32, n)
	for i := range x {
		x[i] = uint32(first + i)
	}
	return x
}

// numpy writes a matrix without its ids.
func (e *Emission) numpy(ctx context.Context, w io.Writer) error {
	m := array.Meta{DType: array.F32, Rows: e.Rows, Width: e.Width}
	if _, err := w.Write(m.Header()); err != nil {
		return err
	}
	const piece = 1 << 20
	for v := e.Values; len(v) > 0; {
		n := min(piece, len(v))
		if _, err := w.Write(array.BytesOf(v[:n])); err != nil {
			return err
		}
		if v = v[n:]; ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// index writes the ids of a matrix's rows, in their order.
func (e *Emission) index(w io.Writer) error {
	tw, err := table.NewWriter(w, []table.Column{column(e.rows)}, 0)
	if err != nil {
		return err
	}
	if err := tw.Write([]table.Vector{e.rows.Vector(from(0, e.Rows))}); err != nil {
		return err
	}
	return tw.Close()
}
