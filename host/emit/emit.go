// Package emit checks and writes what a plan offers beside the recommendations:
// neighbours, factors, weights.
//
// A file has raw ids of the types that the input has. In Parquet lists are a
// row an entry: the id whose list it is, under the input's name for it; the id
// listed, under "neighbour" where both are users or both items, else under the
// input's name; score (float32) and rank (int32, from 1), sorted by the first id
// and rank. A matrix is a row an id: the id and "vector", a list of float32, or
// "value", one float32. A .npy file has a matrix alone, float32
// in C order, its rows and such columns as are users or items in the order of
// the ids in the file beside it: for vectors.npy that is vectors.ids.parquet.
//
//	e, err := emit.New(decl, m, frame)   // from here on it is not hostile
//	files, err := emit.Write(ctx, e, emit.Files("vectors.npy"))
package emit

import (
	"math"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/matrix"
)

// Forms of a file, which its name ends in.
const (
	Parquet = "parquet"
	NumPy   = "npy"
)

// FormOf is the form that the name of a file asks for.
func FormOf(file string) (string, error) {
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".parquet", ".npy":
		return ext[1:], nil
	}
	return "", fault.Use("%s: files to emit to end in .parquet or .npy", file)
}

// Files are the files that one of this name comes with, itself first.
func Files(name string) []string {
	if ext := filepath.Ext(name); strings.EqualFold(ext, ".npy") {
		return []string{name, strings.TrimSuffix(name, ext) + ".ids.parquet"}
	}
	return []string{name}
}

// Frame is the arrays of a frame that a plan offers, as a module made them.
type Frame struct {
	Rows    int
	Offsets []uint64 // of lists: Rows+1, rising from 0 to the number of entries
	IDs     []uint32 // of lists: anything
	Values  []float32
	Width   int // of a matrix; 0: one value a row
}

// Emission is a frame that was checked.
type Emission struct {
	Frame
	decl     abi.Emit
	rows, of *matrix.IDs // of is nil where a matrix has columns of nobody's
}

// Bits is the most that the emission says: what it takes to write its lists or
// its numbers down in words of fixed length.
func (e *Emission) Bits() int64 {
	if e.decl.IDs == "" {
		return 32 * int64(len(e.Values))
	}
	word := func(n int) int64 { return int64(bits.Len(uint(max(n, 1) - 1))) }
	return int64(e.Rows)*word(e.of.Len()+1) + int64(len(e.IDs))*(word(e.of.Len())+32)
}

// New examines a frame of which plan.CheckEmit has seen the shape: every id is
// one, none is twice in a list, every value is finite. The first violation is an
// error of code fault.Module.
func New(d abi.Emit, m *matrix.Matrix, f Frame) (*Emission, error) {
	sides := map[string]*matrix.IDs{abi.OverUsers: &m.Users, abi.OverItems: &m.Items}
	e := &Emission{Frame: f, decl: d, rows: sides[d.Rows], of: sides[d.Of]}
	bad := func(row int, format string, a ...any) error {
		who := fault.Clean(e.rows.Text(row), 200)
		return fault.Mod("what the plan emits as %s: %s %s: "+format, append([]any{d.Name, strings.TrimSuffix(d.Rows, "s"), who}, a...)...)
	}
	if e.rows.Len() != f.Rows {
		return nil, fault.Mod("what the plan emits as %s has %d rows, and there are %d %s", d.Name, f.Rows, e.rows.Len(), d.Rows)
	}
	finite := func(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
	if d.IDs == "" {
		each := max(f.Width, 1)
		if len(f.Values) != f.Rows*each {
			return nil, fault.Mod("what the plan emits as %s has %d numbers for %d rows of %d", d.Name, len(f.Values), f.Rows, each)
		}
		for i, x := range f.Values {
			if !finite(x) {
				return nil, bad(i/each, "number %d is %v", i%each, x)
			}
		}
		return e, nil
	}
	if len(f.Offsets) != f.Rows+1 || f.Offsets[0] != 0 || !slices.IsSorted(f.Offsets) || f.Offsets[f.Rows] != uint64(len(f.IDs)) || len(f.Values) != len(f.IDs) {
		return nil, fault.Mod("what the plan emits as %s has lists that its %d ids and %d values do not fill", d.Name, len(f.IDs), len(f.Values))
	}
	listed := make([]uint32, e.of.Len()) // row+1 of the list that had an id last
	for r := range f.Rows {
		for k := f.Offsets[r]; k < f.Offsets[r+1]; k++ {
			id, x := f.IDs[k], f.Values[k]
			switch {
			case int(id) >= e.of.Len():
				return nil, bad(r, "its list has number %d of %d %s", id, e.of.Len(), d.Of)
			case listed[id] == uint32(r)+1:
				return nil, bad(r, "its list has %s twice", fault.Clean(e.of.Text(int(id)), 200))
			case !finite(x):
				return nil, bad(r, "the score of %s is %v", fault.Clean(e.of.Text(int(id)), 200), x)
			}
			listed[id] = uint32(r) + 1
		}
	}
	return e, nil
}
