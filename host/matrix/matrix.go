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

import "rechost/host/interactions"

// Duplicates is how repeated (user, item) pairs become one entry. In every
// case the entry's time is the latest.
type Duplicates string

// The choices. First and Last go by time and need one; among equal times the
// larger value wins, so that row order never counts.
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
