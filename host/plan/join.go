package plan

import (
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
	parts   []Parts
	order   [][]int    // shards in the order of their rows, by output frame
	growing []*growing // by array; nil for those that are joined at the end
	wg      sync.WaitGroup
}

// growing is an array that is joined part by part.
type growing struct {
	parts chan array.Meta // in order
	next  int             // place in the order of the part that is sent next
	meta  array.Meta
	err   error
}

// Joiner returns one for the turn. Frames or Close ends it.
func (t *Turn) Joiner(st Store) *Joiner {
	j := &Joiner{turn: t, store: st, parts: make([]Parts, len(t.Tasks)), order: make([][]int, len(t.Makes)), growing: make([]*growing, len(t.outputs))}
	for o := range j.order {
		j.order[o] = make([]int, len(j.parts))
		for shard := range j.parts {
			at := shard
			if t.rotated[o] {
				at = t.part(shard)
			}
			j.order[o][at] = shard
		}
	}
	for k, pl := range t.outputs {
		col := t.Makes[pl.output].Arrays[pl.array]
		if len(j.parts) < 2 || t.Stage.Outputs[pl.output].Combine == abi.Sum || pl.array == abi.Offsets || col.PerEntry {
			continue
		}
		g := &growing{parts: make(chan array.Meta, len(j.parts))}
		j.growing[k] = g
		j.wg.Go(func() { g.meta, g.err = grow(col.Meta, g.parts, len(j.parts), st) })
	}
	return j
}

// Add takes what a task gave. It is not for several goroutines.
func (j *Joiner) Add(shard int, p Parts) {
	j.parts[shard] = p
	for k, g := range j.growing {
		if g == nil {
			continue
		}
		order := j.order[j.turn.outputs[k].output]
		for g.next < len(order) && j.parts[order[g.next]] != nil {
			g.parts <- j.parts[order[g.next]][k]
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

// grow stores an array of n parts; where fewer come it stores nothing.
func grow(m array.Meta, parts <-chan array.Meta, n int, st Store) (array.Meta, error) {
	var w array.Writer
	defer func() {
		if w != nil {
			w.Drop()
		}
	}()
	for part := range parts {
		var err error
		if w == nil {
			if w, err = st.Begin(m); err != nil {
				return m, err
			}
		}
		b, release, err := st.Read(part)
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
		list := make([]array.Meta, len(j.parts))
		for at, shard := range j.order[pl.output] {
			list[at] = j.parts[shard][k]
		}
		j.wg.Go(func() {
			metas[k], errs[k] = join(list, t.Stage.Outputs[pl.output].Combine, pl.array == abi.Offsets, j.store)
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
		j.Add(shard, p)
	}
	return j.Frames()
}

func join(list []array.Meta, combine string, offsets bool, st Store) (array.Meta, error) {
	if len(list) == 1 {
		return list[0], nil
	}
	data := make([][]byte, len(list))
	for i, m := range list {
		b, release, err := st.Read(m)
		if err != nil {
			return array.Meta{}, err
		}
		defer release()
		data[i] = b
	}
	m := list[0]
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
	for _, x := range list {
		m.Rows += x.Rows
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
