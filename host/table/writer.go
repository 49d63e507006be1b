package table

import "io"

// GroupRows is the rows of a row group that Writer makes: a batch that is
// longer is cut.
const GroupRows = 1 << 20

// Column is a column that a Writer makes.
type Column struct {
	Name     string
	Type     Type
	Optional bool // may hold nulls
}

// Writer writes a Parquet file, always in the same way, so that the same
// batches give the same bytes. Encoding runs concurrently behind Write;
// the bytes do not depend on it.
type Writer struct{}

// NewWriter starts a file of the given columns. It writes to w from one
// goroutine at a time, only within Write and Close. workers is how many row
// groups' columns may be encoded at a time; 0 is the number of cores.
func NewWriter(w io.Writer, columns []Column, workers int) (*Writer, error) { return nil, errSkeleton }

// Write appends the rows of a batch, one vector a column, all of the same
// length, whose Kind is that of the column's Type (an int32 column takes Ints,
// checked for range). Each call makes row groups of its own of at most
// GroupRows rows. The batch may be used again only after Flush or Close.
func (w *Writer) Write(batch []Vector) error { return errSkeleton }

// Flush waits until nothing refers to earlier batches any more.
func (w *Writer) Flush() error { return errSkeleton }

// Close writes the footer. It does not close the underlying writer.
func (w *Writer) Close() error { return errSkeleton }

// Rows is the number of rows written so far.
func (w *Writer) Rows() int64 { return 0 }
