// Package matrix indexes interactions: two dictionaries of ids and one sparse
// matrix, by user and by item.
//
//	m, err := matrix.Build(ctx, set, matrix.Options{})
//	shards := m.ByUser.Cut(matrix.DefaultShards(m.ByUser.Entries()))
//
// # Notes
//
// Dense ids follow the sorted order of the raw ids: integers by value, byte
// strings bytewise. So nothing here depends on the order of rows, row groups
// or files, or on the number of workers.
package matrix

import (
	"context"
	"errors"

	"rechost/host/digest"
	"rechost/host/interactions"
	"rechost/host/table"
)

// Duplicates is how repeated (user, item) pairs become one entry. In every
// case the entry's time is the latest.
type Duplicates string

// The choices. First and Last go by time; among equal times, and where there
// are no times, the larger value wins, so that row order never counts.
const (
	Sum   Duplicates = "sum" // in ascending order of value, in float64, rounded once
	Max   Duplicates = "max"
	Last  Duplicates = "last"
	First Duplicates = "first"
	Error Duplicates = "error" // a repeated pair is an error that names it
)

// Options say how to build. The zero value sums.
type Options struct {
	Duplicates Duplicates
	Workers    int // 0 is the number of cores
}

// CSR is a sparse matrix by rows, each sorted by Index, without repeats.
type CSR struct {
	Offsets []uint64  // rows+1
	Index   []uint32  // column of each entry
	Value   []float32 // of each entry
	Time    []int64   // microseconds since the epoch, or nil
}

// Rows is the number of rows.
func (c *CSR) Rows() int { return max(len(c.Offsets)-1, 0) }

// Entries is the number of entries.
func (c *CSR) Entries() int { return len(c.Index) }

// Row returns the columns and values of row r.
func (c *CSR) Row(r int) ([]uint32, []float32) {
	a, b := c.Offsets[r], c.Offsets[r+1]
	return c.Index[a:b], c.Value[a:b]
}

// Matrix is an indexed data set.
type Matrix struct {
	Users, Items IDs
	ByUser       CSR  // Index is the dense item
	ByItem       CSR  // Index is the dense user; no times
	Values       bool // the values come from a column; otherwise they count rows, or are all 1 with NoValue
	Times        bool
	Combined     int64 // rows that went into an entry of another row
	Read         interactions.Report
}

// Digest names the index: ids with their types, and nothing else.
func (m *Matrix) Digest() digest.Digest { return digest.Digest{} }

// Build reads the set and indexes it. An empty result (no rows, or none
// kept) is an error that says why.
func Build(ctx context.Context, set *interactions.Set, o Options) (*Matrix, error) {
	return nil, errors.New("matrix: being written")
}

// Shard is rows [First, First+Rows).
type Shard struct {
	First int `json:"first"`
	Rows  int `json:"rows"`
}

// Cut divides the rows into n contiguous shards (fewer where there are fewer
// rows) of about equal weight, a row weighing one more than its entries. It is
// a function of the offsets and n only.
func (c *CSR) Cut(n int) []Shard { return Cut(c.Offsets, n) }

// Cut is CSR.Cut for the offsets of any frame. The shards cover all rows in
// order; none is empty unless there are no rows, when there is one.
func Cut(offsets []uint64, n int) []Shard { return nil }

// DefaultShards is the number of shards for a matrix of so many entries: one
// for each 100,000, at least 1, at most 64.
func DefaultShards(entries int) int { return min(max((entries+99_999)/100_000, 1), 64) }

// IDs is a dictionary: raw ids in ascending order, dense id i being the i-th.
// Values is of kind Ints, Uints or Bytes and has no codes and no nulls.
type IDs struct {
	Name   string     // of the column
	Type   table.Type // of the column, which a written file has again
	Values table.Vector
}

// Len is the number of ids.
func (d *IDs) Len() int { return d.Values.Values() }

// Text is the raw id as people read it: digits, text, a UUID, hexadecimal
// digits of other bytes. It is not cleaned for terminals.
func (d *IDs) Text(i int) string { return "" }

// Find looks up an id by its Text, or by its bytes for byte strings.
func (d *IDs) Find(text string) (int, bool) { return 0, false }

// None marks an id that a dictionary does not have.
const None = ^uint32(0)

// Match returns for each id of other its dense id in d, or None. Integers
// match by value whatever their width; integers never match byte strings, for
// which ok is false.
func (d *IDs) Match(other *IDs) (dense []uint32, ok bool) { return nil, false }

// Vector is the column of raw ids for the given dense ids. It shares memory
// with both.
func (d *IDs) Vector(dense []uint32) table.Vector {
	v := d.Values
	v.Codes = dense
	return v
}
