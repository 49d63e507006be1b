// Package journal remembers what tasks gave: task identity -> outputs, in the
// store. A task is a pure function, so the entry of an identity never changes;
// that is resume after a crash, reuse between runs and spot checks in one.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/store"
	"rechost/host/task"
)

// Entry is what a task, or a joined stage, gave.
type Entry struct {
	Outputs []array.Meta `json:"outputs"`
	Engine  string       `json:"engine"` // what ran it; not part of the identity, so that engines can be compared
	Stats   task.Stats   `json:"stats"`
}

// Journal reads and writes entries in a store.
type Journal struct {
	Store  *store.Store
	Engine string
}

// Peek returns the entry of id if there is one, whether or not its outputs are
// still in the store.
func (j Journal) Peek(id digest.Digest) (Entry, bool) {
	b := j.Store.Blob(id)
	if b == nil {
		return Entry{}, false
	}
	e, err := parse(b)
	if err != nil {
		j.Drop(id)
		return Entry{}, false
	}
	return e, true
}

// parse reads an entry, which may be anything that was put into the store's
// folder.
func parse(b []byte) (e Entry, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Entry{}, errors.New("there is text after its end")
	}
	for _, m := range e.Outputs {
		if m.Rows < 0 || m.Width < 0 || m.Rows > array.MaxElements || m.Width > array.MaxElements/max(m.Rows, 1) {
			return Entry{}, fmt.Errorf("an array of %dx%d", m.Rows, m.Width)
		}
	}
	return e, nil
}

// Drop forgets the entry of id: it is no entry, or not of this task.
func (j Journal) Drop(id digest.Digest) { j.Store.DropBlob(id) }

// Get returns the entry of id if there is one and all its outputs are in the
// store, whole.
func (j Journal) Get(id digest.Digest) (Entry, bool) {
	e, ok := j.Peek(id)
	if !ok {
		return e, false
	}
	for _, m := range e.Outputs {
		if j.Store.Check(m) != nil {
			return Entry{}, false
		}
	}
	return e, true
}

// Put records the entry of id, whose outputs are in the store already.
func (j Journal) Put(id digest.Digest, outputs []array.Meta, s task.Stats) error {
	b, err := json.Marshal(Entry{outputs, j.Engine, s})
	if err != nil {
		return err
	}
	return j.Store.PutBlob(id, b)
}
