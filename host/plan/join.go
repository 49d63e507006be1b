package plan

import (
	"fmt"
	"sync"

	"rechost/guest/abi"
	"rechost/host/array"
)

// Store is what joining needs of a store.
type Store interface {
	Put(m array.Meta, parts ...[]byte) (array.Meta, error)
	Read(m array.Meta) (data []byte, release func(), err error)
	Begin(m array.Meta) (array.Writer, error)
}

// Joiner makes a turn's frames from the outputs of its tasks, in shard order:
// concatenated, offsets shifted so that they go on, or summed. What is
// concatenated and known to have so many rows it joins while later tasks run:
// hashing and writing take as long as some stages.
type Joiner struct {
	turn    *Turn
	store   Store
	parts   []part
	order   [][]int    // shards in the order of their rows, by output frame
	growing []*growing // by array; nil for those that are joined at the end
	wg      sync.WaitGroup
}

// part is what a task gave: the data too where it need not be read from the store.
type part struct {
	metas Parts
	data  [][]byte
}

// read returns the data of output k.
func (p part) read(k int, st Store) (data []byte, release func(), err error) {
	if p.data != nil {
		return p.data[k], func() {}, nil
	}
	return st.Read(p.metas[k])
}

// growing is an array that is joined part by part.
type growing struct {
	parts chan part // in order
	next  int       // place in the order of the part that is sent next
	meta  array.Meta
	err   error
}

// Joiner returns one for the turn. Frames or Close ends it.
func (t *Turn) Joiner(st Store) *Joiner {
	j := &Joiner{turn: t, store: st, parts: make([]part, len(t.Tasks)), order: make([][]int, len(t.Makes)), growing: make([]*growing, len(t.outputs))}
	for o := range j.order {
		j.order[o] = t.order(o)
	}
	for k, pl := range t.outputs {
		if !t.grows(k) {
			continue
		}
		m := t.Makes[pl.output].Arrays[pl.array].Meta
		g := &growing{parts: make(chan part, len(j.parts))}
		j.growing[k] = g
		j.wg.Go(func() { g.meta, g.err = grow(m, g.parts, k, len(j.parts), st) })
	}
	return j
}

// grows tells whether output k is joined while later tasks run.
func (t *Turn) grows(k int) bool {
	pl := t.outputs[k]
	return t.Cuts(k) && pl.array != abi.Offsets && !t.Makes[pl.output].Arrays[pl.array].PerEntry
}

// order lists the shards in the order of their rows in an output frame.
func (t *Turn) order(output int) []int {
	order := make([]int, len(t.Tasks))
	for shard := range order {
		at := shard
		if t.rotated[output] {
			at = t.part(shard)
		}
		order[at] = shard
	}
	return order
}

// Add takes what a task gave: arrays of the store, or their shapes and their
// data, which is read until Frames or Close returns. It is not for several
// goroutines.
func (j *Joiner) Add(shard int, metas Parts, data [][]byte) {
	j.parts[shard] = part{metas, data}
	for k, g := range j.growing {
		if g == nil {
			continue
		}
		order := j.order[j.turn.outputs[k].output]
		for g.next < len(order) && j.parts[order[g.next]].metas != nil {
			g.parts <- j.parts[order[g.next]]
			g.next++
		}
	}
}

// Close gives up what is not complete.
func (j *Joiner) Close() {
	for _, g := range j.growing {
		if g != nil && g.next >= 0 {
			close(g.parts)
			g.next = -1
		}
	}
	j.wg.Wait()
}

// grow stores an array of n parts, output k of each; where fewer come it stores
// nothing.
func grow(m array.Meta, parts <-chan part, k, n int, st Store) (array.Meta, error) {
	var w array.Writer
	defer func() {
		if w != nil {
			w.Drop()
		}
	}()
	for p := range parts {
		var err error
		if w == nil {
			if w, err = st.Begin(m); err != nil {
				return m, err
			}
		}
		b, release, err := p.read(k, st)
		if err != nil {
			return m, err
		}
		_, err = w.Write(b)
		release()
		if err != nil {
			return m, err
		}
		if n--; n == 0 {
			return w.Finish()
		}
	}
	return m, nil
}

// Frames waits until all is joined. Every task's outputs must have been added.
func (j *Joiner) Frames() ([]Bound, error) {
	t := j.turn
	metas, errs := make([]array.Meta, len(t.outputs)), make([]error, len(t.outputs))
	for k, pl := range t.outputs {
		if j.growing[k] != nil {
			continue
		}
		list := make([]part, len(j.parts))
		for at, shard := range j.order[pl.output] {
			list[at] = j.parts[shard]
		}
		j.wg.Go(func() {
			metas[k], errs[k] = join(list, k, t.Stage.Outputs[pl.output].Combine, pl.array == abi.Offsets, j.store)
		})
	}
	j.Close()
	frames := make([]Bound, len(t.Makes))
	for i, b := range t.Makes {
		frames[i] = Bound{Extent: b.Extent, Frame: array.Frame{Rows: b.Rows, Arrays: map[string]array.Column{}}}
	}
	for k, pl := range t.outputs {
		if g := j.growing[k]; g != nil {
			metas[k], errs[k] = g.meta, g.err
		}
		if errs[k] != nil {
			return nil, errs[k]
		}
		col := t.Makes[pl.output].Arrays[pl.array]
		col.Meta = metas[k]
		frames[pl.output].Arrays[pl.array] = col
	}
	return frames, nil
}

// Join is Joiner for parts that are all there.
func (t *Turn) Join(parts []Parts, st Store) ([]Bound, error) {
	j := t.Joiner(st)
	for shard, p := range parts {
		j.Add(shard, p, nil)
	}
	return j.Frames()
}

func join(list []part, k int, combine string, offsets bool, st Store) (array.Meta, error) {
	if len(list) == 1 {
		return list[0].metas[k], nil
	}
	data := make([][]byte, len(list))
	for i, p := range list {
		b, release, err := p.read(k, st)
		if err != nil {
			return array.Meta{}, err
		}
		defer release()
		data[i] = b
	}
	m := list[0].metas[k]
	switch {
	case combine == abi.Sum:
		var total []byte
		if m.DType == array.F32 {
			total = array.BytesOf(sum[float32](data))
		} else {
			total = array.BytesOf(sum[float64](data))
		}
		array.OneNaN(m.DType, total)
		return st.Put(m, total)
	case offsets:
		all := []uint64{0}
		for _, b := range data {
			base := all[len(all)-1]
			for _, x := range array.View[uint64](b)[1:] {
				all = append(all, base+x)
			}
		}
		m.Rows = len(all)
		return st.Put(m, array.BytesOf(all))
	}
	m.Rows = 0
	for _, p := range list {
		m.Rows += p.metas[k].Rows
	}
	return st.Put(m, data...)
}

// sum adds the parts element by element, in the order given.
func sum[T float32 | float64](parts [][]byte) []T {
	total := append([]T(nil), array.View[T](parts[0])...)
	for _, p := range parts[1:] {
		for i, x := range array.View[T](p) {
			total[i] += x
		}
	}
	return total
}

// Cuts reports whether output k of the turn's tasks can be cut out of its frames
// again: it was joined, and not summed.
func (t *Turn) Cuts(k int) bool { return len(t.Tasks) > 1 && !t.sums(k) }

func (t *Turn) sums(k int) bool { return t.Stage.Outputs[t.outputs[k].output].Combine == abi.Sum }

// Cut cuts what a shard's task gave out of the turn's frames, which joining
// made of it: shapes, without digests, and data, valid until release. There is
// no data of outputs that are not cut.
func (t *Turn) Cut(frames []Bound, shard int, st Store) (metas Parts, data [][]byte, release func(), err error) {
	var releases []func()
	release = func() {
		for _, f := range releases {
			f()
		}
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	read := func(m array.Meta) ([]byte, error) {
		b, r, err := st.Read(m)
		if err == nil {
			releases = append(releases, r)
		}
		return b, err
	}
	for k, pl := range t.outputs {
		if !t.Cuts(k) {
			metas, data = append(metas, array.Meta{}), append(data, nil)
			continue
		}
		f := frames[pl.output]
		first, rows := t.rowsOf(pl.output, shard)
		col := f.Arrays[pl.array]
		if col.PerEntry || pl.array == abi.Offsets {
			b, err := read(f.Arrays[abi.Offsets].Meta)
			if err != nil {
				return nil, nil, nil, err
			}
			off := array.View[uint64](b)[first : first+rows+1]
			if pl.array == abi.Offsets {
				own := make([]uint64, len(off))
				for i, x := range off {
					own[i] = x - off[0]
				}
				metas, data = append(metas, array.Meta{DType: col.DType, Rows: len(own)}), append(data, array.BytesOf(own))
				continue
			}
			first, rows = int(off[0]), int(off[rows]-off[0])
		}
		b, err := read(col.Meta)
		if err != nil {
			return nil, nil, nil, err
		}
		m := array.Meta{DType: col.DType, Rows: rows, Width: col.Width}
		if t.Tasks[shard].Outputs[k].Rows >= 0 && t.Tasks[shard].Outputs[k].Rows != rows || (first+rows)*m.RowBytes() > len(b) {
			return nil, nil, nil, fmt.Errorf("%s has other rows", t.Tasks[shard].Outputs[k].Name)
		}
		metas, data = append(metas, m), append(data, b[first*m.RowBytes():(first+rows)*m.RowBytes()])
	}
	return metas, data, release, nil
}

// rowsOf returns the rows of an output frame that a shard's task gave.
func (t *Turn) rowsOf(output, shard int) (first, rows int) {
	for _, s := range t.order(output) {
		for k, pl := range t.outputs {
			if col := t.Makes[output].Arrays[pl.array]; pl.output != output || col.PerEntry {
				continue
			} else if rows = t.Tasks[s].Outputs[k].Rows; pl.array == abi.Offsets {
				rows--
			}
			break
		}
		if s == shard {
			return first, rows
		}
		first += rows
	}
	return first, 0
}

// Sum adds up output k of the tasks, which is summed.
func (t *Turn) Sum(parts []Parts, k int, st Store) (array.Meta, error) {
	list := make([]part, len(parts))
	for at, shard := range t.order(t.outputs[k].output) {
		list[at] = part{metas: parts[shard]}
	}
	return join(list, k, abi.Sum, false, st)
}

// Meta is what joining made of output k.
func (t *Turn) Meta(frames []Bound, k int) array.Meta {
	pl := t.outputs[k]
	return frames[pl.output].Arrays[pl.array].Meta
}
