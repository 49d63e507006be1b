package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"rechost/host/fault"
	"rechost/host/table"
)

// SynthOptions say what to generate. The bytes of the file follow from them
// alone.
type SynthOptions struct {
	Users     int   // 1 to 2^27
	Items     int   // 1 to 2^27
	Rows      int64 // 1 to 2^40, at most Users*Items
	Seed      uint64
	StringIDs bool // ids like u_00c0ffee42 and item-0000123 instead of integers
	Force     bool // replace a file that exists
}

// SynthReport says what was written.
type SynthReport struct {
	Path  string `json:"path"`
	Rows  int64  `json:"rows"`
	Users int    `json:"users"` // that occur: all where there are as many rows
	Items int    `json:"items"` // that occur: all where there are as many rows
	Bytes int64  `json:"bytes"`
}

const maxIDs = 1 << 27

func (o SynthOptions) check() error {
	switch {
	case o.Users < 1 || o.Users > maxIDs:
		return fault.Use("users must be between 1 and %d, not %d", maxIDs, o.Users)
	case o.Items < 1 || o.Items > maxIDs:
		return fault.Use("items must be between 1 and %d, not %d", maxIDs, o.Items)
	case o.Rows < 1 || o.Rows > 1<<40:
		return fault.Use("rows must be between 1 and %d, not %d", int64(1)<<40, o.Rows)
	case o.Rows > int64(o.Users)*int64(o.Items):
		return fault.Use("%d rows do not fit: no pair repeats, and %d users and %d items have only %d pairs",
			o.Rows, o.Users, o.Items, int64(o.Users)*int64(o.Items))
	}
	return nil
}

var errStopped = errors.New("stopped")

// Synth writes a synthetic data set to the named Parquet file with the
// columns user_id, item_id, rating (float, 0.5 to 5 in halves) and timestamp
// (int64, seconds).
//
// Activity falls as rank^-3/4 over users and popularity as rank^-7/8 over
// items. A user divides his interactions between the hits, a fiftieth of the items
// that everybody knows, and five of about 2 sqrt(Items) tastes, the first dearest; the
// others tend to lie beside it. Ratings follow the taste, the user's mood and the
// item's quality. Rows come in the order of time. Every user and every item
// occurs where there are rows enough, and no pair occurs twice.
//
// User ids are scattered over 40 bits; item ids are 1 to Items, without order.
//
// Memory grows with users and items (about 30 bytes each), not with rows. The
// file appears under its name when it is complete. An existing file is an error
// of code fault.Usage unless Force is set.
func Synth(ctx context.Context, path string, o SynthOptions) (SynthReport, error) {
	rep := SynthReport{Path: path}
	if err := o.check(); err != nil {
		return rep, err
	}
	var err error
	rep.Bytes, err = create(path, o.Force, nil, func(w io.Writer) error {
		var err error
		rep.Rows, err = synth(ctx, w, o)
		return err
	})
	rep.Users, rep.Items = int(min(int64(o.Users), o.Rows)), int(min(int64(o.Items), o.Rows))
	return rep, err
}

func synth(ctx context.Context, w io.Writer, o SynthOptions) (int64, error) {
	id := table.TypeInt64
	if o.StringIDs {
		id = table.TypeString
	}
	out, err := table.NewWriter(w, []table.Column{
		{Name: "user_id", Type: id},
		{Name: "item_id", Type: id},
		{Name: "rating", Type: table.TypeFloat},
		{Name: "timestamp", Type: table.TypeSeconds},
	}, 0)
	if err != nil {
		return 0, err
	}
	world := newWorld(o)
	columns := synthColumns{w: world, digits: len(fmt.Sprint(o.Items))}
	columns.reset()
	workers := max(runtime.GOMAXPROCS(0), 1)
	err = world.blocks(ctx.Done(), workers, func(b block) error {
		columns.append(b)
		if columns.rows() < table.GroupRows {
			return nil
		}
		err := out.Write(columns.batch())
		columns.reset()
		return err
	})
	if errors.Is(err, errStopped) {
		err = ctx.Err()
	}
	if err == nil && columns.rows() > 0 {
		err = out.Write(columns.batch())
	}
	// Close even after a failure: it ends the encoders that run behind Write.
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return out.Rows(), err
}

// synthColumns gathers events into the columns of a row group.
type synthColumns struct {
	w      *world
	digits int

	user, item, time []int64
	rating           []float32
	userText         table.Vector
	itemText         table.Vector
}

// reset starts a new row group. It takes new memory, since the writer still
// reads the old.
func (c *synthColumns) reset() {
	n := int(min(table.GroupRows, c.w.o.Rows))
	c.time, c.rating = make([]int64, 0, n), make([]float32, 0, n)
	if c.w.o.StringIDs {
		c.userText = table.Vector{Kind: table.Bytes, Offsets: make([]uint64, 1, n+1), Arena: make([]byte, 0, n*12)}
		c.itemText = table.Vector{Kind: table.Bytes, Offsets: make([]uint64, 1, n+1), Arena: make([]byte, 0, n*(5+max(c.digits, 6)))}
		return
	}
	c.user, c.item = make([]int64, 0, n), make([]int64, 0, n)
}

func (c *synthColumns) rows() int { return len(c.time) }

func (c *synthColumns) batch() []table.Vector {
	ids := []table.Vector{table.IntVector(c.user), table.IntVector(c.item)}
	if c.w.o.StringIDs {
		ids = []table.Vector{c.userText, c.itemText}
	}
	return append(ids, table.Float32Vector(c.rating), table.IntVector(c.time))
}

func (c *synthColumns) append(b block) {
	var text [32]byte
	for i := range b.events {
		e := &b.events[i]
		if c.w.o.StringIDs {
			c.userText.AppendBytes(appendHex(append(text[:0], "u_"...), uint64(e.userID), 10))
			c.itemText.AppendBytes(appendDecimal(append(text[:0], "item-"...), uint64(e.itemID), max(c.digits, 6)))
		} else {
			c.user, c.item = append(c.user, e.userID), append(c.item, e.itemID)
		}
		c.rating = append(c.rating, e.rating)
		c.time = append(c.time, e.time)
	}
}

func appendHex(b []byte, x uint64, digits int) []byte {
	for d := digits - 1; d >= 0; d-- {
		b = append(b, "0123456789abcdef"[x>>(4*uint(d))&15])
	}
	return b
}

func appendDecimal(b []byte, x uint64, digits int) []byte {
	at := len(b)
	for range digits {
		b = append(b, '0')
	}
	for i := len(b) - 1; i >= at; i-- {
		b[i] = byte('0' + x%10)
		x /= 10
	}
	return b
}
