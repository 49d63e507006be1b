// Package interactions turns the PATH arguments of a command into one data
// set of interactions: which files, which columns, which rows.
//
//	set, err := interactions.Open(paths, interactions.Options{})
//	…
//	defer set.Close()
//	err = set.Scan(ctx, workers, func(w, part int, b *interactions.Batch) error { … })
//	report := set.Report() // complete after Scan
//
// # Notes
//
// A row with a null user or item is left out and counted, and so is one whose
// value is null or NaN, whose time is null, or whose value is below MinValue,
// which is asked of every row before repeated pairs are combined (a rating
// threshold is about one rating). An infinite value is an error that names
// file and row. Times are microseconds since the epoch, UTC.
package interactions

import (
	"context"
	"errors"

	"rechost/host/digest"
	"rechost/host/table"
)

// Options say how to read. The zero value finds columns by their names.
type Options struct {
	User, Item, Value, Time string // column names; "" finds them
	NoValue                 bool   // every pair has value 1; a value column then serves MinValue only
	NoTime                  bool   // do not read times
	MinValue                *float64
	TimeUnit                string // s, ms, us or ns of an integer time column; "" decides by type, else by magnitude
	Workers                 int    // files hashed and row groups read at a time; 0 is the number of cores
}

// Column is a column chosen for a role.
type Column struct {
	Name string     `json:"name"`
	Type table.Type `json:"type"`           // the widest of the files' types
	Hive bool       `json:"hive,omitempty"` // from the names of folders, key=value
}

// File is an input file as the manifest records it.
type File struct {
	Path   string        `json:"path"`
	Size   int64         `json:"size"`
	Rows   int64         `json:"rows"`
	Digest digest.Digest `json:"sha256"`
}

// LeftOut counts rows that were not kept, by the first reason that applies.
type LeftOut struct {
	User     int64 `json:"user,omitempty"`      // null or NaN user
	Item     int64 `json:"item,omitempty"`      // null or NaN item
	Value    int64 `json:"value,omitempty"`     // null or NaN value
	MinValue int64 `json:"min_value,omitempty"` // value below MinValue
	Time     int64 `json:"time,omitempty"`      // null time
}

// Sum is the number of rows left out.
func (l LeftOut) Sum() int64 { return l.User + l.Item + l.Value + l.MinValue + l.Time }

// Report says what was read. Everything but Files, User, Item, Value, Time
// and Columns is known after Scan.
type Report struct {
	Files    []File        `json:"files"`
	Fields   []table.Field `json:"fields"` // columns of the first file, folders' columns at the end
	User     Column        `json:"user"`
	Item     Column        `json:"item"`
	Value    *Column       `json:"value,omitempty"`
	Time     *Column       `json:"time,omitempty"`
	Rows     int64         `json:"rows"` // rows read
	Kept     int64         `json:"kept"` // interactions handed on
	LeftOut  LeftOut       `json:"left_out"`
	MinValue float64       `json:"smallest_value"` // of the interactions kept, as float32
	MaxValue float64       `json:"largest_value"`
	MinTime  int64         `json:"earliest,omitempty"` // microseconds since the epoch
	MaxTime  int64         `json:"latest,omitempty"`
	TimeUnit string        `json:"time_unit,omitempty"` // s, ms, us, ns, days, iso or int96, as stored
	TimeFrom string        `json:"time_from,omitempty"` // how that was decided: type, magnitude or option
}

// Batch is the kept interactions of one row group. It is valid during the
// call that it is handed to.
type Batch struct {
	User, Item table.Vector // kind Ints, Uints or Bytes, the same in every batch; no nulls
	Value      []float32    // nil where there is no value column or Options.NoValue
	Time       []int64      // as stored; see Set.Micros
}

// Set is a data set whose files are open and whose columns are chosen.
type Set struct{}

// Open finds the files that paths mean, reads their footers and chooses
// columns. Errors are of code fault.BadData and name the file.
func Open(paths []string, o Options) (*Set, error) {
	return nil, errors.New("interactions: being written")
}

// Scan reads every row group once, up to workers at a time, and hashes the
// files meanwhile. fn is called by worker w (0 <= w < workers) with the row
// group's place in the data set; calls of the same w never overlap.
func (s *Set) Scan(ctx context.Context, workers int, fn func(w, part int, b *Batch) error) error {
	return errors.New("interactions: being written")
}

// Parts is the number of row groups of all files.
func (s *Set) Parts() int { return 0 }

// Options returns what the set was opened with.
func (s *Set) Options() Options { return Options{} }

// Micros converts a time of a Batch to microseconds since the epoch. It may
// be called after Scan, which decides the unit.
func (s *Set) Micros(t int64) int64 { return t }

// Report returns what was found.
func (s *Set) Report() Report { return Report{} }

// Close closes the files.
func (s *Set) Close() error { return nil }
