package datasets

import (
	"errors"
	"io"

	"rechost/host/table"
)

// maxBatchBytes bounds the text that waits to be written as one row group.
const maxBatchBytes = 64 << 20

// rows gathers typed values, row by row, into the batches of a table.Writer.
type rows struct {
	out     *table.Writer
	columns []table.Column
	batch   []table.Vector
	n       int   // rows in the batch
	bytes   int   // of text in the batch
	written int64 // rows altogether
	failed  bool
}

func newRows(w io.Writer, columns []table.Column) (*rows, error) {
	out, err := table.NewWriter(w, columns, 0)
	if err != nil {
		return nil, err
	}
	r := &rows{out: out, columns: columns}
	r.reset()
	return r, nil
}

// reset starts a batch in new memory, since the writer still reads the old.
func (r *rows) reset() {
	rows, old := r.n, r.batch // the last batch's sizes are a good guess
	r.n, r.bytes = 0, 0
	r.batch = make([]table.Vector, len(r.columns))
	for k, c := range r.columns {
		v := &r.batch[k]
		v.Kind = c.Type.Kind()
		if c.Optional {
			v.Null = make([]bool, 0, rows)
		}
		switch v.Kind {
		case table.Ints:
			v.Ints = make([]int64, 0, rows)
		case table.Floats:
			v.Floats = make([]float64, 0, rows)
		default:
			v.Offsets = append(make([]uint64, 0, rows+1), 0)
			if rows > 0 {
				v.Arena = make([]byte, 0, len(old[k].Arena)+len(old[k].Arena)/16)
			}
		}
	}
}

var (
	errNotInteger = errors.New("the file changed while it was read: no integer where one was")
	errNotNumber  = errors.New("the file changed while it was read: no number where one was")
	errNotText    = errors.New("has a byte that neither Latin-1 nor Windows-1252 has")
)

// put adds a field to column k of the row that is being made.
func (r *rows) put(k int, field []byte, latin1 bool) error {
	v := &r.batch[k]
	null := len(field) == 0
	if r.columns[k].Optional {
		v.Null = append(v.Null, null)
	}
	switch v.Kind {
	case table.Ints:
		x, ok := parseInt(field)
		if !ok && !(null && r.columns[k].Optional) {
			return errNotInteger
		}
		v.Ints = append(v.Ints, x)
	case table.Floats:
		x, ok := parseFloat(field)
		if !ok && !(null && r.columns[k].Optional) {
			return errNotNumber
		}
		v.Floats = append(v.Floats, x)
	default:
		before := len(v.Arena)
		if latin1 {
			var ok bool
			if v.Arena, ok = appendLatin1(v.Arena, field); !ok {
				return errNotText
			}
			v.Offsets = append(v.Offsets, uint64(len(v.Arena)))
		} else {
			v.AppendBytes(field)
		}
		r.bytes += len(v.Arena) - before
	}
	return nil
}

// putInt adds an integer to column k.
func (r *rows) putInt(k int, x int64) { r.batch[k].Ints = append(r.batch[k].Ints, x) }

// end ends the row.
func (r *rows) end() error {
	r.n++
	r.written++
	if r.n < table.GroupRows && r.bytes < maxBatchBytes {
		return nil
	}
	return r.flush()
}

func (r *rows) flush() error {
	if r.n == 0 || r.failed {
		return nil
	}
	if err := r.out.Write(r.batch); err != nil {
		r.failed = true
		return err
	}
	r.reset()
	return nil
}

// close writes what is left. It must be called after a failure too, because it
// ends the encoders that run behind the writer.
func (r *rows) close() error {
	err := r.flush()
	if cerr := r.out.Close(); err == nil {
		err = cerr
	}
	return err
}
