package kernel

import (
	"math"
	"math/bits"
	"slices"

	"rechost/guest/num/naive"
)

// accumulator is a row of a sparse product: a sum for each column, and a list
// of the columns that have one.
type accumulator struct {
	s   *set
	sum []uint32 // bits of float32; 0 for a column that has none
	// touched lists columns. One that went back to 0 on its way may be there
	// twice, and one whose sum is 0 too: take sets a sum to 0 when it is read,
	// so that nothing counts twice.
	touched       []uint32
	n             int
	keys          []uint32
	chosen, spare []uint64
	// dense is whether the row adds so much that it pays to leave the list alone
	// and look at all columns: every lists these.
	dense bool
	every []uint32
	top   [16]uint32
	best  uint32 // the greatest key of those that were rated last
	// counts are what tally counts in, all 0 between two rows; nil before the first.
	counts []byte
	// stale is whether the sums are those of an earlier row.
	stale bool
	narrowing
}

// ProductScratch is the bytes that ProductTopK allocates for each column of B.
const ProductScratch = 4 + 8 + 8 + 8 + 8 + 4 + 1 + 4 + 1

func (s *set) accumulator(cols int, m *meter) *accumulator {
	list := 2*cols + 1
	return &accumulator{
		s:       s,
		sum:     cleared[uint32](m, roundUp(cols, blockOf))[:cols],
		touched: cleared[uint32](m, list+15),
		keys:    cleared[uint32](m, list+15),
		chosen:  cleared[uint64](m, cols+8),
		spare:   cleared[uint64](m, cols),
	}
}

// add adds w times a row to the sums. There is no branch on whether a column is
// new: it is always written at the end of the list, which grows only if it was.
func (a *accumulator) add(w float32, index []uint32, value []float32, m *meter) {
	for len(index) > 0 {
		room := len(a.touched) - 15 - a.n
		if room == 0 {
			a.compact(m)
			continue
		}
		n := min(room, len(index))
		var v *float32
		if value != nil {
			v, value = &value[0], value[n:]
		}
		if a.dense {
			a.s.spread(&a.sum[0], w, &index[0], v, n)
		} else {
			a.n = a.s.scatter(&a.sum[0], &a.touched[0], a.n, w, &index[0], v, n)
		}
		index = index[n:]
	}
}

// compact makes the list anew from the sums: it was full of repetitions.
func (a *accumulator) compact(m *meter) {
	a.n = 0
	j := uint32(0)
	for part := range slices.Chunk(a.sum, longest) {
		for _, b := range part {
			if b != 0 {
				a.touched[a.n] = j
				a.n++
			}
			j++
		}
		m.stream(2 * len(part))
	}
}

// restrict forgets all columns but those listed, each once.
func (a *accumulator) restrict(only []uint32, m *meter) {
	kept := a.chosen[:0]
	for part := range slices.Chunk(only, longest) {
		for _, j := range part {
			if b := a.sum[j]; b != 0 {
				kept = append(kept, uint64(b)<<32|uint64(j))
			}
		}
		m.spend(len(part))
	}
	if a.dense {
		wipe(m, a.sum)
		a.dense = false
	} else {
		a.drop(a.touched[:a.n], m)
	}
	a.n = 0
	for part := range slices.Chunk(kept, longest) {
		for _, v := range part {
			j := uint32(v)
			a.touched[a.n], a.sum[j] = j, uint32(v>>32)
			a.n++
		}
		m.spend(len(part))
	}
}

// drop forgets columns.
func (a *accumulator) drop(columns []uint32, m *meter) {
	for part := range slices.Chunk(columns, longest) {
		for _, j := range part {
			a.sum[j] = 0
		}
		m.spend(len(part))
	}
}

// take scores the columns of row r, leaves the sums clear, and returns the keys
// of the best k in order.
func (a *accumulator) take(p *naive.Product, r, k int, m *meter) []uint64 {
	n := a.n
	a.n = 0
	if n == 0 {
		return nil
	}
	list := a.touched
	if a.dense {
		if n := a.narrow(p, r, k, m); n > 0 {
			a.stale = true
			return a.choose(a.keys[:roundUp(n, 16)], list[:n], k, m)
		}
		list = a.every
	}
	touched := list[:n]
	keys := a.keys[:roundUp(n, 16)]
	for at := 0; at < n; at += longest {
		part := touched[at:min(at+longest, n)]
		if a.dense {
			copy(keys[at:], a.sum[at:at+len(part)])
			clear(a.sum[at : at+len(part)])
			m.stream(2 * len(part))
		} else {
			a.s.fetch(&keys[at], &a.sum[0], &part[0], len(part))
			m.spend(2 * len(part))
		}
	}
	a.rate(p, r, keys, touched, m)
	return a.choose(keys, touched, k, m)
}

// rate turns sums of row r into keys: those after the last column's too, which
// are as without a sum.
func (a *accumulator) rate(p *naive.Product, r int, keys, touched []uint32, m *meter) {
	list := touched[:len(keys)]
	for i := len(touched); i < len(keys); i++ {
		keys[i], list[i] = 0, 0
	}
	var norms *float32
	var alpha, beta float32
	if len(p.Norms) > 0 {
		norms, alpha, beta = &p.Norms[0], p.Alpha[r], p.Beta[r]
	}
	a.best = 0
	for at := 0; at < len(keys); at += longest {
		part := keys[at:min(at+longest, len(keys))]
		a.s.rate(&part[0], &list[at], norms, alpha, beta, p.Gamma, len(part), &a.top[0])
		a.best = max(a.best, slices.Max(a.top[:]))
		m.spend(len(part))
	}
}

// choose returns the best k of columns with these keys in order.
func (a *accumulator) choose(keys, touched []uint32, k int, m *meter) []uint64 {
	top := a.best
	if top == 0 {
		return nil
	}
	list := touched[:len(keys)]
	least, count := a.s.cut(keys, top, k, k/4+8, m)
	if count > 2*k+64 { // many equal scores: take those with the smallest columns
		return a.ties(keys, touched, least, k, m)
	}
	out := 0
	for at := 0; at < len(keys); at += longest {
		part := keys[at:min(at+longest, len(keys))]
		out += a.s.sift(&a.chosen[out], &part[0], &list[at], len(part), least)
		m.spend(len(part))
	}
	sorted := a.sorted(a.chosen[:out], m)
	return sorted[:min(k, count)]
}

// cut returns a least key, above 0, that at least k keys reach, and how many
// do: at most slack more than k unless more are equal. Where fewer than k keys
// are above 0 it is 1. top is the greatest key.
func (s *set) cut(keys []uint32, top uint32, k, slack int, m *meter) (least uint32, count int) {
	ask := func(t uint32) (n int) {
		for part := range slices.Chunk(keys, longest) {
			n += s.above(&part[0], len(part), t)
			m.stream(len(part))
		}
		return n
	}
	low, high, count := uint32(1), uint64(top)+1, ask(1)
	if count <= k+slack {
		return 1, count
	}
	// The k-th score is seldom less than a 16th of the best, four exponents.
	if near := int64(top) - 4<<23; near > 1 {
		if c := ask(uint32(near)); c >= k {
			low, count = uint32(near), c
		} else {
			high = uint64(near)
		}
	}
	for count > k+slack && high-uint64(low) > 1 {
		middle := uint32((uint64(low) + high) / 2)
		if c := ask(middle); c >= k {
			low, count = middle, c
		} else {
			high = uint64(middle)
		}
	}
	return low, count
}

// ties is the end of take where least is the score of many columns: those above
// it, and of those that have it the smallest, which are found by a cut through
// the complements of their numbers.
func (a *accumulator) ties(keys, touched []uint32, least uint32, k int, m *meter) []uint64 {
	out := a.chosen[:0]
	n, i, top := 0, 0, uint32(0)
	for part := range slices.Chunk(keys[:len(touched)], longest) {
		for _, v := range part {
			switch {
			case v > least:
				out = append(out, uint64(v)<<32|uint64(^touched[i]))
			case v == least:
				keys[n] = ^touched[i]
				top = max(top, keys[n])
				n++
			}
			i++
		}
		m.spend(len(part))
	}
	equal := keys[:roundUp(n, 16)]
	clear(equal[n:])
	bound, _ := a.s.cut(equal, top, k-len(out), 0, m)
	for part := range slices.Chunk(equal, longest) {
		for _, v := range part {
			if v >= bound {
				out = append(out, uint64(least)<<32|uint64(v))
			}
		}
		m.spend(len(part))
	}
	m.sort(out)
	return out[:min(k, len(out))]
}

// sorted sorts keys in descending order: into buckets by their upper bits, then
// within buckets.
func (a *accumulator) sorted(keys []uint64, m *meter) []uint64 {
	if len(keys) <= 16 || len(keys) > longest {
		m.sort(keys)
		return keys
	}
	m.spend(bits.Len(uint(len(keys))) * len(keys))
	low, high := keys[0], keys[0]
	for _, v := range keys {
		low, high = min(low, v), max(high, v)
	}
	shift := max(bits.Len64(high-low)-8, 0)
	var ends [256]uint32
	for _, v := range keys {
		ends[(high-v)>>shift&255]++
	}
	place := uint32(0)
	for b, c := range ends {
		ends[b] = place
		place += c
	}
	out := a.spare[:len(keys)]
	for _, v := range keys {
		b := (high - v) >> shift & 255
		out[ends[b]] = v
		ends[b]++
	}
	from := uint32(0)
	for _, end := range ends {
		if end > from+1 {
			sortKeys(out[from:end])
		}
		from = end
	}
	return out
}

// sortKeys sorts in descending order.
func sortKeys(x []uint64) {
	if len(x) > 16 {
		slices.Sort(x)
		slices.Reverse(x)
		return
	}
	for i := 1; i < len(x); i++ {
		v, j := x[i], i
		for ; j > 0 && x[j-1] < v; j-- {
			x[j] = x[j-1]
		}
		x[j] = v
	}
}

// all lists every column.
func (a *accumulator) all(m *meter) {
	if a.n = len(a.sum); a.every == nil {
		a.every = cleared[uint32](m, roundUp(a.n, 16))
		for j := range a.sum {
			a.every[j] = uint32(j)
			if j%longest == longest-1 {
				m.stream(longest)
			}
		}
	}
}

// additions is how many entries of B row r of A·B adds to its sums.
func additions(p *naive.Product, r int, m *meter) (n int) {
	from, to := p.A.Range(r)
	for e := from; e < to; e++ {
		f, end := p.B.Range(int(p.A.Index[e]))
		n += end - f
		m.spend(1)
	}
	return n
}

// tally accumulates row r of A·B, which has so many additions, as whole numbers
// in bytes, and tells whether it has: it does where all values are 1. The sums
// before do not matter; afterwards they are the row's, or 0 or what they were.
func (a *accumulator) tally(p *naive.Product, r, additions int, m *meter) bool {
	from, to := p.A.Range(r)
	if additions == 0 || len(p.B.Value) > 0 || to-from >= 1<<24 {
		return false
	}
	for at := from; at < to && len(p.A.Value) > 0; at += longest {
		end := min(at+longest, to)
		m.spend(end - at)
		if !allOne(p.A, at, end) {
			return false
		}
	}
	if a.counts == nil {
		a.counts = cleared[byte](m, roundUp(len(a.sum), 64))
	}
	sum, offsets := a.sum[:roundUp(len(a.sum), 64)], p.B.Offsets[p.B.First:]
	counted, fresh := 0, 1
	for rows := range slices.Chunk(p.A.Index[from:to], math.MaxUint8) { // more would be more than a byte holds
		for len(rows) > 0 {
			n, work := 0, 0
			for n < len(rows) && work < longest {
				f, t := p.B.Range(int(rows[n]))
				if t-f > 4*longest {
					clear(a.counts)
					wipe(m, a.sum)
					return false
				}
				n, work = n+1, work+t-f
			}
			a.s.tally(&a.counts[0], &rows[0], n, &offsets[0], p.B.Offsets[0], &p.B.Index[0])
			m.spend(n + work)
			rows = rows[n:]
		}
		for at := 0; at < len(sum); at += longest {
			n := min(longest, len(sum)-at)
			counted += a.s.widen(&sum[at], &a.counts[at], n, fresh)
			m.stream(2 * n)
		}
		fresh = 0
	}
	if counted != additions { // a row of B has a column more than once, and a byte has lost 256
		wipe(m, a.sum)
		return false
	}
	return true
}

// asked is how many entries of a row are asked for ahead: the processor fetches
// the next ones by itself.
const asked = 128

// ask has row r of b fetched while another is added.
func (a *accumulator) ask(b *naive.Sparse, r int) {
	if from, to := b.Range(r); from < to {
		var value *float32
		if len(b.Value) > 0 {
			value = &b.Value[from]
		}
		a.s.ask(&b.Index[from], value, min(to-from, asked))
	}
}

// row accumulates row r of A·B, for its best k.
func (a *accumulator) row(p *naive.Product, r, k int, m *meter) {
	n, many := additions(p, r, m), len(a.sum)
	if p.Only.Rows == 0 && a.narrows(p, r, k, m) {
		many /= sparing
	}
	if a.dense = n >= many; a.dense {
		a.all(m)
		if a.tally(p, r, n, m) {
			a.stale = false
			return
		}
	}
	if a.stale {
		wipe(m, a.sum)
		a.stale = false
	}
	from, to := p.A.Range(r)
	for e := from; e < to; e++ {
		w := p.A.At(e)
		f, end := p.B.Range(int(p.A.Index[e]))
		if e+1 < to {
			a.ask(&p.B, int(p.A.Index[e+1]))
		}
		m.spend(1)
		for f < end {
			t := min(f+longest, end)
			var value []float32
			if len(p.B.Value) > 0 {
				value = p.B.Value[f:t]
			}
			a.add(w, p.B.Index[f:t], value, m)
			m.spend(t - f)
			f = t
		}
	}
}

// narrowing is what narrow needs.
type narrowing struct {
	norms []float32 // of whole blocks of columns; nil before the first row
	tame  bool      // each is 0 or neither tiny nor huge
	peaks []uint32
}

// blockOf is the columns that have sixteen peaks.
const blockOf = 128

// sparing is how many columns a row may have for each of its additions: with more,
// listing those that it adds to takes less time than narrowing all of them.
const sparing = 8

// tame tells whether x is 0 or so far from what float32 cannot hold that sums and
// products of two such numbers are, too.
func tame(x float32) bool { return x == 0 || x >= 0x1p-40 && x <= 0x1p40 }

// narrows tells whether narrow is there for row r's best k: they are few, and
// there is no division by what is tiny or huge.
func (a *accumulator) narrows(p *naive.Product, r, k int, m *meter) bool {
	cols := len(a.sum)
	if a.s.peaks == nil || cols < 32*k {
		return false
	}
	if a.peaks == nil {
		a.peaks, a.tame = cleared[uint32](m, roundUp(cols, blockOf)/8), tame(p.Gamma)
		if len(p.Norms) > 0 {
			a.norms = cleared[float32](m, roundUp(cols, blockOf))
			move(m, a.norms, p.Norms)
			for part := range slices.Chunk(p.Norms, longest) {
				a.tame = a.tame && !slices.ContainsFunc(part, func(v float32) bool { return !tame(v) })
				m.stream(2 * len(part))
			}
		}
	}
	return a.tame && (len(p.Norms) == 0 || tame(p.Alpha[r]) && tame(p.Beta[r]))
}

// narrow leaves the columns of row r that may be among its best k in touched,
// and their keys, and returns how many there are; or 0 where it cannot tell. The
// sums are left as they are.
//
// A peak is about the best score of eight columns. As many columns reach the k-th
// best peak as peaks do, but for the error of what is only about right; so those
// that do not are left out, before anything is divided.
func (a *accumulator) narrow(p *naive.Product, r, k int, m *meter) int {
	if !a.narrows(p, r, k, m) {
		return 0
	}
	var alpha, beta float32
	if len(p.Norms) > 0 {
		alpha, beta = p.Alpha[r], p.Beta[r]
	}
	sum := a.sum[:roundUp(len(a.sum), blockOf)]
	norms := func(at int) *float32 {
		if a.norms == nil {
			return nil
		}
		return &a.norms[at]
	}
	top := uint32(0)
	for at := 0; at < len(sum); at += longest {
		n := min(longest, len(sum)-at)
		a.s.peaks(&a.peaks[at/8], &sum[at], norms(at), alpha, beta, p.Gamma, n/blockOf, &a.top[0])
		top = max(top, slices.Max(a.top[:]))
		m.stream(3 * n)
	}
	least, count := a.s.cut(a.peaks, top, k, k/4+8, m)
	const less = 1 - 0x1p-12 // by four times that of the reciprocal, for what is divided and for what is picked
	bound := math.Float32frombits(least) * less
	if count < k || !(bound >= 0x1p-80 && bound <= 0x1p80) {
		return 0
	}
	n := 0
	for at := 0; at < len(sum); at += longest {
		l := min(longest, len(sum)-at)
		c := a.s.pick(&a.keys[n], &a.touched[n], &sum[at], norms(at), alpha, beta, p.Gamma, &a.peaks[at/8], l/blockOf, bound*less)
		for i := range a.touched[n : n+c] {
			a.touched[n+i] += uint32(at)
		}
		n += c
		m.stream(l + 2*c)
	}
	keys := a.keys[:roundUp(n, 16)]
	a.rate(p, r, keys, a.touched[:n], m)
	reached := 0
	for part := range slices.Chunk(keys, longest) {
		reached += a.s.above(&part[0], len(part), turned(bound))
		m.stream(len(part))
	}
	if reached < k {
		return 0
	}
	return n
}

// ProductTopK is naive.ProductTopK on one thread, with bitmaps of B's columns
// or without.
func (s *set) ProductTopK(dst naive.Sparse, p naive.Product, k int, columns *bitmaps, pause func()) int {
	m := scattered(pause)
	a, c := s.accumulator(p.B.Cols, m), columns.counting(&p, m)
	k = min(k, p.B.Cols)
	n := 0
	dst.Offsets[0] = 0
	for r := range p.A.Rows {
		if !c.row(a, r, m) {
			a.row(&p, r, k, m)
		}
		if p.Only.Rows > 0 {
			a.restrict(p.Kept(r), m)
		}
		if p.Without.Rows > 0 {
			a.drop(p.Without.Row(r), m)
		}
		if j := p.Diagonal + r; p.OffDiagonal && j < p.B.Cols {
			a.sum[j] = 0
		}
		n = m.write(dst, n, a.take(&p, r, k, m))
		m.spend(4)
		dst.Offsets[r+1] = uint64(n)
	}
	return n
}

// ProductRows is naive.ProductRows.
func ProductRows(dst naive.Matrix, a, b naive.Sparse, pause func()) {
	m := scattered(pause)
	for r := range a.Rows {
		row := dst.Row(r)
		wipe(m, row)
		from, to := a.Range(r)
		for e := from; e < to; e++ {
			w := a.At(e)
			f, t := b.Range(int(a.Index[e]))
			m.spend(1)
			for ; f < t; f += longest {
				n := min(longest, t-f)
				for g := f; g < f+n; g++ {
					row[b.Index[g]] += float32(w * b.At(g))
				}
				m.spend(n)
			}
		}
		m.canonical(row)
		m.spend(1)
	}
}
