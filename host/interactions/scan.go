package interactions

import (
	"context"
	"crypto/sha256"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/table"
)

// pieceRows is the rows of a Batch at most: two MiB a column of 64-bit ids,
// which stay in the cache between reading and indexing.
const pieceRows = 1 << 18

// Scan reads every row group once, up to Workers at a time, and hashes the
// files meanwhile. fn is called by worker w (0 <= w < Workers) with the row
// group's place in the data set, once or more for each; calls of the same w
// never overlap. Where several row groups fail, the first one's error is
// returned, so that it does not depend on the workers.
func (s *Set) Scan(ctx context.Context, fn func(w, part int, b *Batch) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	var failed atomic.Bool
	partErrs := make([]error, len(s.parts))
	tallies := make([]tally, s.workers)
	for w := range s.workers {
		tallies[w] = newTally()
		wg.Go(func() {
			for !failed.Load() && ctx.Err() == nil {
				p := int(next.Add(1)) - 1
				if p >= len(s.parts) {
					return
				}
				if err := s.scanPart(ctx, w, p, &tallies[w], fn); err != nil {
					partErrs[p] = err
					failed.Store(true)
				}
			}
		})
	}
	fileErrs := make([]error, len(s.files))
	digests := make([]digest.Digest, len(s.files))
	wg.Go(func() {
		for i, f := range s.files {
			if ctx.Err() == nil && !failed.Load() {
				digests[i], fileErrs[i] = hash(f)
			}
		}
	})
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, errs := range [][]error{partErrs, fileErrs} {
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
	}
	for i, f := range s.files {
		if err := f.Unchanged(); err != nil {
			return err
		}
		s.report.Files[i].Digest = digests[i]
	}
	return s.finish(tallies)
}

func hash(f *table.File) (digest.Digest, error) {
	release, err := f.Hold()
	if err != nil {
		return digest.Digest{}, err
	}
	defer release()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(f, 0, f.Size()), make([]byte, 1<<20)); err != nil {
		return digest.Digest{}, fault.File(f.Name(), err)
	}
	return digest.Digest(h.Sum(nil)), nil
}

// tally is what one worker counts.
type tally struct {
	rows, kept         int64
	out                LeftOut
	minValue, maxValue float32
	minTime, maxTime   int64
}

func newTally() tally {
	return tally{minValue: float32(math.Inf(1)), maxValue: float32(math.Inf(-1)), minTime: math.MaxInt64, maxTime: math.MinInt64}
}

// finish adds the workers' counts up and decides the unit of times.
func (s *Set) finish(tallies []tally) error {
	t := newTally()
	for _, x := range tallies {
		t.rows += x.rows
		t.kept += x.kept
		t.out.User += x.out.User
		t.out.Item += x.out.Item
		t.out.Value += x.out.Value
		t.out.MinValue += x.out.MinValue
		t.out.Time += x.out.Time
		t.minValue, t.maxValue = min(t.minValue, x.minValue), max(t.maxValue, x.maxValue)
		t.minTime, t.maxTime = min(t.minTime, x.minTime), max(t.maxTime, x.maxTime)
	}
	r := &s.report
	r.Rows, r.Kept, r.LeftOut = t.rows, t.kept, t.out
	if t.kept == 0 {
		return nil
	}
	if len(s.roles[value].sources) > 0 {
		r.MinValue, r.MaxValue = float64(t.minValue), float64(t.maxValue)
	}
	if len(s.roles[time].sources) == 0 {
		return nil
	}
	if s.timeClass == timePlain {
		if r.TimeUnit == "" {
			r.TimeUnit = unitByMagnitude(t.maxTime)
		}
		s.unit = r.TimeUnit
	} else {
		s.unit = unitMicros
	}
	var okMin, okMax bool
	r.MinTime, okMin = micros(t.minTime, s.unit)
	r.MaxTime, okMax = micros(t.maxTime, s.unit)
	if !okMin || !okMax {
		return fault.Data("%s: the times of column %s run from %d to %d, which cannot be in %s",
			s.files[0].Name(), r.Time.Name, t.minTime, t.maxTime, r.TimeUnit).
			WithHint("--time-unit says what they are in: s, ms, us or ns; --no-time reads none")
	}
	return nil
}

// Micros converts a time of a Batch to microseconds since the epoch. It may
// be called after Scan, which decides the unit and checks that all times fit.
func (s *Set) Micros(t int64) int64 {
	us, _ := micros(t, s.unit)
	return us
}

// scanPart reads one row group.
func (s *Set) scanPart(ctx context.Context, w, p int, t *tally, fn func(w, part int, b *Batch) error) error {
	pt := s.parts[p]
	f := s.files[pt.file]
	release, err := f.Hold()
	if err != nil {
		return err
	}
	defer release()
	var conv [4]*converter
	var at [4]int // place in the reader's columns
	var places []int
	for r := range s.roles {
		if len(s.roles[r].sources) == 0 {
			continue
		}
		src := s.roles[r].sources[pt.file]
		conv[r] = &converter{source: src, role: s.roles[r].role, name: s.roles[r].name}
		if src.hive == nil {
			at[r] = len(places)
			places = append(places, src.place)
		}
	}
	rd := f.Reader(pt.group, places)
	rd.Parallel = len(s.parts) < s.workers
	rows := f.GroupRows(pt.group)
	var missing [4][]bool
	for done := 0; done < rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(pieceRows, rows-done)
		v, err := rd.Next(n)
		if err != nil {
			return err
		}
		column := func(r int) *table.Vector {
			if h := conv[r].hive; h != nil {
				c := h.vector(conv[r].typ, n)
				return &c
			}
			return &v[at[r]]
		}
		first := pt.first + int64(done)
		var b Batch
		drop := dropper{missing: &missing, n: n}
		for r, dst := range []*table.Vector{user: &b.User, item: &b.Item} {
			var any bool
			if *dst, any, err = conv[r].ids(column(r), s.ids[r], drop.marks(r), first); err != nil {
				return err
			}
			drop.any = drop.any || any
		}
		if conv[value] != nil {
			if b.Value, err = conv[value].values(column(value), first); err != nil {
				return err
			}
			drop.values(b.Value)
		}
		if conv[time] != nil {
			var any bool
			if b.Time, any, err = conv[time].times(column(time), s.timeClass, drop.marks(time), first); err != nil {
				return err
			}
			drop.any = drop.any || any
		}
		kept := s.keep(&b, &drop, t)
		t.rows += int64(n)
		t.kept += int64(kept)
		for _, x := range b.Value {
			t.minValue, t.maxValue = min(t.minValue, x), max(t.maxValue, x)
		}
		for _, x := range b.Time {
			t.minTime, t.maxTime = min(t.minTime, x), max(t.maxTime, x)
		}
		if s.options.NoValue {
			b.Value = nil
		}
		if kept > 0 {
			if err := fn(w, p, &b); err != nil {
				return err
			}
		}
		done += n
	}
	return nil
}

// vector is a folder's column for n rows.
func (h *hive) vector(t table.Type, n int) table.Vector {
	codes := make([]uint32, n)
	v := table.BytesVector(h.value)
	v.Codes = codes
	if h.null {
		v.Null = make([]bool, n)
		for i := range v.Null {
			v.Null[i] = true
		}
	}
	if t != table.TypeInt64 {
		return v
	}
	x := int64(0)
	for i, c := range []byte(h.value) { // digits, perhaps a sign: typeHive saw to it
		switch {
		case h.null || c == '-' && i == 0:
		default:
			x = 10*x - int64(c-'0') // downwards, for the smallest number
		}
	}
	if h.value[:min(1, len(h.value))] != "-" {
		x = -x
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = x
	}
	return table.Vector{Kind: table.Ints, Ints: out, Null: v.Null}
}

// dropper gathers which rows of a piece are left out, by role.
type dropper struct {
	missing *[4][]bool
	n       int
	any     bool
}

func (d *dropper) marks(r int) []bool {
	d.missing[r] = resized(d.missing[r], d.n)
	clear(d.missing[r])
	return d.missing[r]
}

func (d *dropper) values(v []float32) {
	for _, x := range v {
		if x != x {
			d.any = true
		}
	}
}

// keep removes the rows that are left out from the batch, counts them by the
// first reason and returns how many are left.
func (s *Set) keep(b *Batch, d *dropper, t *tally) int {
	if !d.any && s.options.MinValue == nil {
		return d.n
	}
	least := float32(math.Inf(-1))
	if s.options.MinValue != nil {
		least = float32(*s.options.MinValue) // as the values are, so that 0.7 is not below 0.7
	}
	k := 0
	for i := range d.n {
		switch {
		case d.missing[user][i]:
			t.out.User++
		case d.missing[item][i]:
			t.out.Item++
		case b.Value != nil && b.Value[i] != b.Value[i]:
			t.out.Value++
		case b.Value != nil && b.Value[i] < least:
			t.out.MinValue++
		case b.Time != nil && d.missing[time][i]:
			t.out.Time++
		default:
			move(&b.User, k, i)
			move(&b.Item, k, i)
			if b.Value != nil {
				b.Value[k] = b.Value[i]
			}
			if b.Time != nil {
				b.Time[k] = b.Time[i]
			}
			k++
		}
	}
	cut(&b.User, k)
	cut(&b.Item, k)
	if b.Value != nil {
		b.Value = b.Value[:k]
	}
	if b.Time != nil {
		b.Time = b.Time[:k]
	}
	return k
}

// move and cut work on rows of ids: numbers, or codes of byte strings.
func move(v *table.Vector, to, from int) {
	switch {
	case v.Codes != nil:
		v.Codes[to] = v.Codes[from]
	case v.Kind == table.Ints:
		v.Ints[to] = v.Ints[from]
	default:
		v.Uints[to] = v.Uints[from]
	}
}

func cut(v *table.Vector, n int) {
	switch {
	case v.Codes != nil:
		v.Codes = v.Codes[:n]
	case v.Kind == table.Ints:
		v.Ints = v.Ints[:n]
	default:
		v.Uints = v.Uints[:n]
	}
}
