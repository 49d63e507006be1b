// Package interactions turns the PATH arguments of a command into one data
// set of interactions: which files, which columns, which rows.
//
//	set, err := interactions.Open(paths, interactions.Options{})
//	…
//	defer set.Close()
//	err = set.Scan(ctx, func(w, part int, b *interactions.Batch) error { … })
//	report := set.Report() // complete after Scan
//
// # Notes
//
// Files are read in the bytewise order of their paths. All have the same
// columns by name; the types of the columns used may differ in width. The
// names of Hive folders, key=value, are columns; one that the files have as well
// gives no role.
//
// A row with a null user or item is left out and counted, and so is one whose
// value is null or NaN, whose time is null, or whose value is below MinValue,
// which is asked of every row before repeated pairs are combined (a rating
// threshold is about one rating). An infinite value is an error that names
// file and row. Times are microseconds since the epoch, UTC.
package interactions

import (
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

// Batch is kept interactions of one row group, or some of them. It is valid
// during the call that it is handed to.
type Batch struct {
	User, Item table.Vector // kind Ints, Uints or Bytes, the same in every batch; no nulls
	Value      []float32    // finite; nil where there is no value column or Options.NoValue
	Time       []int64      // see Set.Micros; nil where there is no time column
}
