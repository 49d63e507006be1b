// Package table reads and writes columns of Parquet files as typed vectors.
// It is the only package that knows the Parquet library.
//
//	f, err := table.Open("ratings.parquet")
//	…
//	defer f.Close()
//	for g := range f.Groups() {
//		r := f.Reader(g, []int{0, 1}) // columns by their place in f.Fields()
//		for {
//			v, err := r.Next(1 << 18)
//			if err == io.EOF {
//				break
//			}
//			…
//		}
//	}
//
// # Notes
//
// Files are hostile. Footers and page headers are walked before they are
// decoded, counts are checked against the file's size and against each other,
// and every panic of the library is caught here; all of it becomes errors of
// code fault.BadData that name file, row group and column. Encrypted files and
// the old LZ4 codec are refused by name.
package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"rechost/host/fault"
)

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
	size   int64
	stat   os.FileInfo
	meta   format.FileMetaData
	leaves []leaf
	fields []Field
	rows   int64

	mu   sync.Mutex
	file *os.File // nil while it rests
	held int
	rest bool
}

// maxGroupRows bounds the rows of a row group that is believed: a page of one
// repeated value says any number in a few bytes.
const maxGroupRows = 1 << 28

// Open opens the named file and reads its footer.
func Open(name string) (f *File, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fault.File(name, err)
	}
	defer func() {
		if err != nil {
			file.Close()
			f = nil
		}
	}()
	st, err := file.Stat()
	if err != nil {
		return nil, fault.File(name, err)
	}
	if !st.Mode().IsRegular() {
		return nil, fault.New(fault.Failed, "%s: not a regular file, as Parquet must be: its end is read first", name).
			WithHint("save it to a file, and name that")
	}
	f = &File{name: name, file: file, size: st.Size(), stat: st}
	defer f.guard(&err, "footer")
	if err := f.readFooter(); err != nil {
		var fe *fault.Error
		var pe *os.PathError
		switch {
		case errors.As(err, &fe):
			return nil, err
		case errors.As(err, &pe):
			return nil, fault.File(name, err)
		}
		e := fault.Data("%s: not a readable Parquet file: %v", name, err)
		if f.startsAsText() {
			return nil, e.WithHint("text becomes Parquet by rechost datasets import --format csv IN OUT.parquet")
		}
		return nil, e
	}
	return f, nil
}

// guard turns a panic, which only a malformed file can cause, into an error.
func (f *File) guard(err *error, where string) {
	if p := recover(); p != nil {
		*err = fault.Data("%s: %s: malformed: %s", f.name, where, fault.Clean(fmt.Sprint(p), 300))
	}
}

func (f *File) readFooter() error {
	const magic = 4
	if f.size < 2*magic+4 {
		return fmt.Errorf("%d bytes are too few", f.size)
	}
	var head [magic]byte
	var tail [4 + magic]byte
	if _, err := f.file.ReadAt(head[:], 0); err != nil {
		return err
	}
	if _, err := f.file.ReadAt(tail[:], f.size-int64(len(tail))); err != nil {
		return err
	}
	if string(head[:]) == "PARE" || string(tail[4:]) == "PARE" {
		return f.encrypted()
	}
	if string(head[:]) != "PAR1" {
		return fmt.Errorf("it does not begin with PAR1")
	}
	if string(tail[4:]) != "PAR1" {
		return fmt.Errorf("it does not end with PAR1: cut off or still being written")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > f.size-int64(len(head)+len(tail)) {
		return fmt.Errorf("a footer of %d bytes in a file of %d", n, f.size)
	}
	b := make([]byte, n)
	if _, err := f.file.ReadAt(b, f.size-int64(len(tail))-n); err != nil {
		return err
	}
	end, err := skimStruct(b)
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	var p thrift.CompactProtocol
	if err := thrift.NewDecoder(p.NewReaderFromBytes(b[:end])).Decode(&f.meta); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if f.meta.EncryptionAlgorithm.Value != nil {
		return f.encrypted()
	}
	if f.leaves, err = leaves(f.meta.Schema); err != nil {
		return err
	}
	f.fields = make([]Field, len(f.leaves))
	for i := range f.leaves {
		f.leaves[i].Name = fault.Clean(f.leaves[i].Name, 1<<12)
		f.fields[i] = f.leaves[i].Field
	}
	return f.checkGroups()
}

// startsAsText reports whether the file begins with something that people
// write.
func (f *File) startsAsText() bool {
	head := make([]byte, 64)
	n, _ := f.file.ReadAt(head, 0)
	return n > 0 && !bytes.HasPrefix(head, []byte("PAR")) && !bytes.ContainsFunc(head[:n], func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n'
	})
}

func (f *File) encrypted() error {
	return fault.Data("%s: the file is encrypted, which rechost does not read", f.name).
		WithHint("decrypt it first, for example with parquet-cli or pyarrow")
}

// checkGroups checks the row groups against the schema. The footer's own count
// of rows is not used: some writers leave it 0.
func (f *File) checkGroups() error {
	for g := range f.meta.RowGroups {
		rg := &f.meta.RowGroups[g]
		if len(rg.Columns) != len(f.leaves) {
			return fmt.Errorf("row group %d has %d columns and the schema %d", g, len(rg.Columns), len(f.leaves))
		}
		if rg.NumRows < 0 || rg.NumRows > maxGroupRows {
			return fmt.Errorf("row group %d claims %d rows: at most %d are read", g, rg.NumRows, maxGroupRows)
		}
		f.rows += rg.NumRows
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// Rest closes the file until Hold wants it: for data sets of more files than
// a process may have open.
func (f *File) Rest() {
	f.Close()
	f.mu.Lock()
	f.rest = true
	f.mu.Unlock()
}

// Hold opens the file again if it rests, and keeps it open until release is
// called. A file that has become another one is an error.
func (f *File) Hold() (release func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		file, err := os.Open(f.name)
		if err != nil {
			return nil, fault.File(f.name, err)
		}
		st, err := file.Stat()
		if err == nil {
			err = f.same(st)
		}
		if err != nil {
			file.Close()
			return nil, err
		}
		f.file = file
	}
	f.held++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.held--; f.held == 0 && f.rest && f.file != nil {
			f.file.Close()
			f.file = nil
		}
	}, nil
}

// Unchanged returns an error where the file has been written to, or another
// has taken its name, since it was opened: what was read, and its digest, may
// then be of neither.
func (f *File) Unchanged() error {
	st, err := os.Stat(f.name)
	if err != nil {
		return fault.File(f.name, err)
	}
	return f.same(st)
}

func (f *File) same(st os.FileInfo) error {
	if !os.SameFile(f.stat, st) || st.Size() != f.size || !st.ModTime().Equal(f.stat.ModTime()) {
		return fault.Data("%s: the file changed while it was being read", f.name)
	}
	return nil
}

// Name is the name the file was opened by.
func (f *File) Name() string { return f.name }

// Fields lists the file's columns in the order of the file.
func (f *File) Fields() []Field { return f.fields }

// Rows is the number of rows that the row groups claim.
func (f *File) Rows() int64 { return f.rows }

// Size is the file's size in bytes.
func (f *File) Size() int64 { return f.size }

// Groups is the number of row groups.
func (f *File) Groups() int { return len(f.meta.RowGroups) }

// GroupRows is the number of rows of row group g.
func (f *File) GroupRows(g int) int { return int(f.meta.RowGroups[g].NumRows) }

// ReadAt reads the file's bytes; Open's size goes with it.
func (f *File) ReadAt(b []byte, off int64) (int, error) { return f.file.ReadAt(b, off) }

// Read reads columns, given by their place in Fields, of row group g at once.
// Every vector has GroupRows(g) rows.
func (f *File) Read(g int, columns []int) ([]Vector, error) {
	v, err := f.Reader(g, columns).Next(max(f.GroupRows(g), 1))
	if err == io.EOF {
		v = make([]Vector, len(columns))
		for i, c := range columns {
			v[i].Kind = f.fields[c].Type.Kind()
		}
		err = nil
	}
	return v, err
}

// Reader reads columns of row group g piece by piece.
func (f *File) Reader(g int, columns []int) *Reader {
	r := &Reader{f: f, group: g, left: f.GroupRows(g), out: make([]Vector, len(columns))}
	for _, c := range columns {
		r.columns = append(r.columns, &column{leaf: f.leaves[c], place: c})
	}
	return r
}

// Reader reads one row group. It is for one goroutine; a file can have many.
type Reader struct {
	Parallel bool // decode the columns of a piece at the same time

	f       *File
	group   int
	left    int
	columns []*column
	out     []Vector
	opened  bool
	err     error
}

// Next returns the next rows, at most most and as many as there are, or io.EOF
// after the last. The vectors are valid until the next call. Their rows may be
// changed, their Offsets and Arena not.
func (r *Reader) Next(most int) ([]Vector, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.left == 0 {
		return nil, io.EOF
	}
	n := min(r.left, most)
	errs := make([]error, len(r.columns))
	var wg sync.WaitGroup
	for i := range r.columns {
		if r.Parallel && i < len(r.columns)-1 {
			wg.Go(func() { errs[i] = r.column(i, n) })
		} else {
			errs[i] = r.column(i, n)
		}
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			r.err = err
			return nil, err
		}
	}
	r.opened = true
	r.left -= n
	return r.out, nil
}

// column reads n rows of the i-th column.
func (r *Reader) column(i, n int) (err error) {
	c := r.columns[i]
	where := fmt.Sprintf("row group %d, column %q", r.group, c.Name)
	defer r.f.guard(&err, where)
	if !r.opened {
		err = c.open(r.f, r.group)
	}
	if err == nil {
		err = c.next(&r.out[i], n)
	}
	var pe *os.PathError
	switch {
	case errors.As(err, &pe):
		return fault.File(r.f.name, err)
	case err != nil:
		return fault.Data("%s: %s: %v", r.f.name, where, err)
	}
	return nil
}
