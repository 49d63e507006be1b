package matrix

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/table"
)

// rows is a batch that has been indexed: codes of the worker's indexes, later
// dense ids.
type rows struct {
	worker     int
	user, item []uint32
	value      []float32
	time       []int64
}

// Build reads the set and indexes it. An empty result (no rows, or none
// kept) is an error that says why.
func Build(ctx context.Context, set *interactions.Set, o Options) (*Matrix, error) {
	switch o.Duplicates {
	case "":
		o.Duplicates = Sum
	case Sum, Max, Last, First, Error:
	default:
		return nil, fault.Use("no way %s to combine repeated pairs: the ways are sum, max, last, first, error", o.Duplicates)
	}
	if (o.Duplicates == First || o.Duplicates == Last) && set.Report().Time == nil {
		return nil, fault.Use("the %s of repeated pairs cannot be told: no times are read", o.Duplicates).
			WithHint("name the column of times: --time COLUMN; or combine by --duplicates sum, max or error")
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	b := &builder{options: o, set: set}
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	if err := b.index(); err != nil {
		return nil, err
	}
	if err := b.byUser(ctx); err != nil {
		return nil, err
	}
	b.m.ByItem = transpose(&b.m.ByUser, b.m.Items.Len(), o.Workers)
	return &b.m, ctx.Err()
}

type builder struct {
	options Options
	set     *interactions.Set
	m       Matrix
	rows    []*rows
	users   []index // of each worker
	items   []index
}

// read scans the set into rows of provisional codes.
func (b *builder) read(ctx context.Context) error {
	n := b.set.Workers()
	b.users, b.items = make([]index, n), make([]index, n)
	mine := make([][]*rows, n)
	err := b.set.Scan(ctx, func(w, _ int, x *interactions.Batch) error {
		if b.users[w] == nil {
			b.users[w], b.items[w] = newIndex(x.User.Kind), newIndex(x.Item.Kind)
		}
		r := &rows{worker: w, user: make([]uint32, x.User.Len()), item: make([]uint32, x.Item.Len())}
		b.users[w].codes(r.user, &x.User)
		b.items[w].codes(r.item, &x.Item)
		r.value = slices.Clone(x.Value)
		r.time = slices.Clone(x.Time)
		mine[w] = append(mine[w], r)
		return nil
	})
	if err != nil {
		return err
	}
	b.rows = slices.Concat(mine...)
	rep := b.set.Report()
	b.m.Read = rep
	b.m.Values = rep.Value != nil && !b.set.Options().NoValue
	b.m.Times = rep.Time != nil
	if rep.Kept == 0 {
		return empty(rep)
	}
	return nil
}

func empty(r interactions.Report) error {
	name := r.Files[0].Path
	if r.Rows == 0 {
		return fault.Data("%s: no rows", name)
	}
	var why []string
	for _, x := range []struct {
		n    int64
		text string
	}{
		{r.LeftOut.User, "without a user"}, {r.LeftOut.Item, "without an item"}, {r.LeftOut.Value, "without a value"},
		{r.LeftOut.MinValue, "below the smallest value"}, {r.LeftOut.Time, "without a time"},
	} {
		if x.n > 0 {
			why = append(why, fmt.Sprintf("%d %s", x.n, x.text))
		}
	}
	return fault.Data("%s: no row is left of %d: %s", name, r.Rows, strings.Join(why, ", "))
}

// index turns provisional codes into the two dictionaries.
func (b *builder) index() error {
	var dense [2][][]uint32
	var wg sync.WaitGroup
	for k, all := range [][]index{b.users, b.items} {
		wg.Go(func() {
			ids, col := &b.m.Users, b.m.Read.User
			if k == 1 {
				ids, col = &b.m.Items, b.m.Read.Item
			}
			ids.Name, ids.Type = col.Name, col.Type
			ids.Values, dense[k] = merge(all, kindOf(all))
		})
	}
	wg.Wait()
	b.users, b.items = nil, nil
	for _, d := range []*IDs{&b.m.Users, &b.m.Items} {
		if d.Len() >= math.MaxUint32 {
			return fault.Data("%d different ids in column %s: at most %d are handled", d.Len(), d.Name, math.MaxUint32-1)
		}
	}
	each(len(b.rows), b.options.Workers, func(_, i int) {
		r := b.rows[i]
		u, it := dense[0][r.worker], dense[1][r.worker]
		for j, c := range r.user {
			r.user[j] = u[c]
		}
		for j, c := range r.item {
			r.item[j] = it[c]
		}
	})
	return nil
}

func kindOf(all []index) table.Kind {
	for _, x := range all {
		switch x := x.(type) {
		case *numbers:
			if x.flip == 0 {
				return table.Uints
			}
			return table.Ints
		case *byteStrings:
			return table.Bytes
		}
	}
	return table.Ints
}

// each runs do for 0..n-1 on up to workers goroutines; w is the goroutine's
// number.
func each(n, workers int, do func(w, i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for w := range max(min(workers, n), 0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(w, i)
			}
		})
	}
	wg.Wait()
}

// entry is one row on its way into the matrix. Its key is the user, counted
// from the first one of its bucket, then the item.
type entry struct {
	key   uint64
	value float32
	time  int64
}

// byUser sorts the rows by user and item and combines repeated pairs.
//
// Users are divided into ranges of dense ids, buckets, small enough for the
// cache. Rows are scattered to their bucket; then each bucket is sorted by
// itself. Equal pairs end side by side in an order that depends on their
// values only, so the order of rows is forgotten here.
func (b *builder) byUser(ctx context.Context) error {
	total := 0
	for _, r := range b.rows {
		total += len(r.user)
	}
	nu := b.m.Users.Len()
	itemBits := uint(bits.Len(uint(b.m.Items.Len() - 1)))
	// About 32 thousand rows a bucket, at most 2048 buckets: as many streams
	// as the scatter writes at once.
	want := min(max(total>>15, 1), 2048)
	shift := uint(0)
	for (nu-1)>>shift >= want {
		shift++
	}
	buckets := (nu-1)>>shift + 1
	plain := !b.m.Values && !b.m.Times

	counts := make([][]uint64, len(b.rows)) // of each rows and bucket, then where they go
	each(len(b.rows), b.options.Workers, func(_, i int) {
		c := make([]uint64, buckets)
		for _, u := range b.rows[i].user {
			c[u>>shift]++
		}
		counts[i] = c
	})
	starts := make([]uint64, buckets+1)
	at := uint64(0)
	for k := range buckets {
		starts[k] = at
		for i := range counts {
			n := counts[i][k]
			counts[i][k] = at
			at += n
		}
	}
	starts[buckets] = at

	var keys []uint64
	var entries []entry
	if plain {
		keys = make([]uint64, total)
	} else {
		entries = make([]entry, total)
	}
	each(len(b.rows), b.options.Workers, func(_, i int) {
		r, to := b.rows[i], counts[i]
		low := uint32(1)<<shift - 1
		for j, u := range r.user {
			k := u >> shift
			key := uint64(u&low)<<itemBits | uint64(r.item[j])
			p := to[k]
			to[k]++
			if plain {
				keys[p] = key
				continue
			}
			e := entry{key: key, value: 1}
			if r.value != nil {
				e.value = r.value[j]
			}
			if r.time != nil {
				e.time = b.set.Micros(r.time[j])
			}
			entries[p] = e
		}
		b.rows[i] = nil
	})
	if err := ctx.Err(); err != nil {
		return err
	}

	// Sort and combine within each bucket, in place.
	c := &b.m.ByUser
	c.Offsets = make([]uint64, nu+1) // of each user for now: its entries, one place on
	kept := make([]uint64, buckets+1)
	errs := make([]error, buckets)
	scratch := make([]scratch, b.options.Workers)
	values := make([][]float32, buckets) // of a plain bucket
	each(buckets, b.options.Workers, func(w, k int) {
		s := &scratch[w]
		first := k << shift
		degrees := c.Offsets[first+1 : min(first+1<<shift, nu)+1]
		if plain {
			kept[k], values[k], errs[k] = b.combineKeys(keys[starts[k]:starts[k+1]], s, first, itemBits, shift, degrees)
		} else {
			kept[k], errs[k] = b.combineEntries(entries[starts[k]:starts[k+1]], s, first, itemBits, shift, degrees)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	sum := uint64(0)
	for k, n := range kept {
		kept[k] = sum
		sum += n
	}
	for u := range nu {
		c.Offsets[u+1] += c.Offsets[u]
	}
	b.m.Combined = int64(uint64(total) - sum)
	c.Index, c.Value = make([]uint32, sum), make([]float32, sum)
	if b.m.Times {
		c.Time = make([]int64, sum)
	}
	mask := uint64(1)<<itemBits - 1
	each(buckets, b.options.Workers, func(_, k int) {
		from, to, n := starts[k], kept[k], kept[k+1]-kept[k]
		if plain {
			for i, key := range keys[from : from+n] {
				c.Index[to+uint64(i)] = uint32(key & mask)
			}
			copy(c.Value[to:], values[k])
			return
		}
		for i := range entries[from : from+n] {
			e := &entries[from+uint64(i)]
			c.Index[to+uint64(i)], c.Value[to+uint64(i)] = uint32(e.key&mask), e.value
			if c.Time != nil {
				c.Time[to+uint64(i)] = e.time
			}
		}
	})
	return ctx.Err()
}

// scratch is a worker's memory for sorting.
type scratch struct {
	keys    []uint64
	entries []entry
}

// combineKeys sorts a bucket without values or times. The values count the
// rows of each pair, or are 1.
func (b *builder) combineKeys(keys []uint64, s *scratch, first int, itemBits, userBits uint, degrees []uint64) (uint64, []float32, error) {
	if len(s.keys) < len(keys) {
		s.keys = make([]uint64, len(keys))
	}
	sorted := sortKeys(keys, s.keys[:len(keys)], itemBits+userBits)
	counting := b.options.Duplicates == Sum && !b.set.Options().NoValue
	values := make([]float32, 0, len(keys))
	n := uint64(0)
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if j > i+1 && b.options.Duplicates == Error {
			return 0, nil, b.repeated(first, sorted[i], itemBits, j-i)
		}
		v := float32(1)
		if counting {
			v = float32(j - i)
		}
		values = append(values, v)
		keys[n] = sorted[i] // n <= i, so that nothing unread is overwritten
		n++
		degrees[sorted[i]>>itemBits]++
		i = j
	}
	return n, values, nil
}

func (b *builder) combineEntries(es []entry, s *scratch, first int, itemBits, userBits uint, degrees []uint64) (uint64, error) {
	if len(s.entries) < len(es) {
		s.entries = make([]entry, len(es))
	}
	sorted := radixSort(es, s.entries[:len(es)], func(e *entry) uint64 { return e.key }, 0, itemBits+userBits)
	n := uint64(0)
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j].key == sorted[i].key {
			j++
		}
		e := sorted[i]
		if j > i+1 {
			if b.options.Duplicates == Error {
				return 0, b.repeated(first, e.key, itemBits, j-i)
			}
			e = combine(sorted[i:j], b.options.Duplicates)
			if math.IsInf(float64(e.value), 0) {
				return 0, fault.Data("%suser %s, item %s: the sum of %d values is too large for 32-bit floating point",
					b.where(), b.name(&b.m.Users, first+int(e.key>>itemBits)), b.name(&b.m.Items, int(e.key&(1<<itemBits-1))), j-i).
					WithHint("--duplicates max, last or first combine them otherwise")
			}
		}
		if !b.m.Values && (b.set.Options().NoValue || b.options.Duplicates != Sum) {
			e.value = 1
		}
		es[n] = e
		n++
		degrees[e.key>>itemBits]++
		i = j
	}
	return n, nil
}

// combine makes one entry of several of the same pair. It may reorder them.
func combine(es []entry, d Duplicates) entry {
	out := es[0]
	for _, e := range es[1:] {
		better := false
		switch d {
		case Max:
			better = e.value > out.value
		case Last:
			better = e.time > out.time || e.time == out.time && e.value > out.value
		case First:
			better = e.time < out.time || e.time == out.time && e.value > out.value
		}
		if better {
			out.value, out.time = e.value, e.time
		}
	}
	if d == Sum {
		slices.SortFunc(es, func(a, b entry) int { return cmp.Compare(a.value, b.value) })
		sum := 0.0
		for _, e := range es {
			sum += float64(e.value)
		}
		out.value = float32(sum)
	}
	for _, e := range es {
		out.time = max(out.time, e.time)
	}
	return out
}

func (b *builder) name(d *IDs, i int) string { return fault.Clean(d.Text(i), 200) }

// where is the file's name for a message, where there is one file only.
func (b *builder) where() string {
	if f := b.m.Read.Files; len(f) == 1 {
		return f[0].Path + ": "
	}
	return ""
}

func (b *builder) repeated(first int, key uint64, itemBits uint, n int) error {
	return fault.Data("%suser %s has item %s in %d rows", b.where(), b.name(&b.m.Users, first+int(key>>itemBits)), b.name(&b.m.Items, int(key&(1<<itemBits-1))), n).
		WithHint("--duplicates sum, max, last or first say how repeated pairs combine")
}
