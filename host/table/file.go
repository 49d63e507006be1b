// Package table reads and writes columns of Parquet files as typed vectors.
// It is the only package that knows the Parquet library.
//
//	f, err := table.Open("ratings.parquet")
//	…
//	defer f.Close()
//	for g := range f.Groups() {
//		v, err := f.Read(g, []int{0, 1}) // columns by their place in f.Fields()
//		…
//	}
//
// # Notes
//
// Files are hostile: counts are checked against the file's size and against
// each other before anything is allocated from them, every panic of the
// library is caught here and becomes an error of code fault.BadData that names
// file, row group and column. Encrypted files and the old LZ4 codec are
// refused by name.
package table

import "errors"

// Field is a column of a file. Columns inside structs, lists and maps are
// listed with their path, and cannot be read.
type Field struct {
	Name     string `json:"name"` // "a.b.c" where nested
	Type     Type   `json:"type"`
	Optional bool   `json:"optional,omitempty"`
	Nested   bool   `json:"nested,omitempty"`
}

// File is an open Parquet file. Its methods may be called concurrently.
type File struct {
	name   string
	fields []Field
}

var errSkeleton = errors.New("table: being written")

// Open opens the named file and reads its footer.
func Open(name string) (*File, error) { return nil, errSkeleton }

// Close closes the file.
func (f *File) Close() error { return nil }

// Name is the name the file was opened by.
func (f *File) Name() string { return f.name }

// Fields lists the file's columns in the order of the file.
func (f *File) Fields() []Field { return f.fields }

// Rows is the number of rows that the row groups claim.
func (f *File) Rows() int64 { return 0 }

// Size is the file's size in bytes.
func (f *File) Size() int64 { return 0 }

// Groups is the number of row groups.
func (f *File) Groups() int { return 0 }

// GroupRows is the number of rows of row group g.
func (f *File) GroupRows(g int) int { return 0 }

// Metadata returns the file's key-value metadata.
func (f *File) Metadata() map[string]string { return nil }

// Read reads columns, given by their place in Fields, of row group g. Every
// vector has GroupRows(g) rows.
func (f *File) Read(g int, columns []int) ([]Vector, error) { return nil, errSkeleton }
