// Package recs checks, writes and reads recommendations: the one kind of file
// that rechost makes for others.
//
// A file has the user and the item column under the names and with the types
// that the input has, then score (float32) and rank (int32, from 1), sorted by
// user and rank.
package recs

import (
	"context"
	"errors"

	"rechost/host/digest"
	"rechost/host/matrix"
	"rechost/host/table"
)

// Lists is one list of items for each target.
type Lists struct {
	Users   []uint32  // dense user of each target, ascending
	Offsets []uint64  // targets+1, delimits each target's entries
	Items   []uint32  // dense items, best first, ties by smaller item
	Scores  []float32 // finite, in descending order within a list
}

// Rules are what lists must keep to.
type Rules struct {
	Top      int  // longest list
	KeepSeen bool // lists may hold the target's own items
}

// Check examines lists that a module made, which may be anything. The first
// violation, in order of targets, is an error of code fault.Module that names
// the target by its raw id and says what is wrong.
func Check(l Lists, m *matrix.Matrix, r Rules) error { return errors.New("recs: being written") }

// Written says what Write wrote.
type Written struct {
	Path   string        `json:"path"`
	Digest digest.Digest `json:"sha256"`
	Bytes  int64         `json:"bytes"`
	Rows   int64         `json:"rows"`
	Users  int           `json:"users"` // with a list that is not empty
}

// Write writes checked lists to the named file: to a temporary file in the
// same folder, which then takes the name. A file that is one of inputs, under
// this name or another, is never overwritten. After a failure, or when ctx
// ends, nothing is left behind.
func Write(ctx context.Context, name string, l Lists, m *matrix.Matrix, inputs []string) (Written, error) {
	return Written{}, errors.New("recs: being written")
}

// Refuse returns an error where writing to name would overwrite one of
// inputs. Write calls it; a command calls it before it starts the work.
func Refuse(name string, inputs []string) error { return nil }

// Table is a file of recommendations, read back. Lists.Users are dense ids of
// Users, one target for each, and Lists.Items of Items.
type Table struct {
	Users, Items matrix.IDs
	Lists        Lists
	Digest       digest.Digest
}

// Read reads a file of recommendations, of rechost or of any other tool, with
// rows in any order: user and item columns by name, rank or score or both. The
// order within a list is that of rank, or else of descending score with ties
// by smaller item.
func Read(ctx context.Context, name string) (*Table, error) {
	return nil, errors.New("recs: being written")
}

// Targets are users to recommend for.
type Targets struct {
	Users   []uint32 // dense, ascending, without repeats
	Unknown int      // ids that the data does not have
	Sample  string   // one of them, for a message
}

// ReadIDs reads the users to recommend for: a Parquet file with a user
// column, or text with one id a line, or CSV whose header names the column.
func ReadIDs(name string, users *matrix.IDs) (Targets, error) {
	return Targets{}, errors.New("recs: being written")
}

// Columns of a file of recommendations beside user and item.
var (
	Score = table.Column{Name: "score", Type: table.TypeFloat}
	Rank  = table.Column{Name: "rank", Type: table.TypeInt32}
)
