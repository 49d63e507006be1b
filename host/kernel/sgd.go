package kernel

import (
	"math"
	"slices"
	"unsafe"

	"rechost/guest/num/naive"
)

// BPR is naive.BPR.
func BPR(users, items, bias []float32, p naive.Pairwise, pause func()) int {
	return active.BPR(users, items, bias, p, pause)
}

// BPRScratch is the most space that BPR needs beside 8 bytes a column, 8 a row
// and 8 an entry of the block.
const BPRScratch = 16 << 20

// pair is an entry of the block.
type pair struct{ row, item uint32 }

// sample is a draw: a user, an item of his, and one that is not.
type sample struct {
	pair
	other uint32
}

// BPR asks a table of bits whether a user has an item of the block, as long as
// the table is small, and searches his row where it is not.
func (s *set) BPR(users, items, bias []float32, p naive.Pairwise, pause func()) int {
	meter := scattered(pause)
	place := cleared[uint32](meter, p.Rows.Cols)
	for i, c := range p.Items {
		place[c] = uint32(i + 1)
		meter.spend(1)
	}
	width := (len(p.Items) + 63) / 64
	var bits []uint64
	if n := p.Rows.Rows * width; p.Verify && n <= BPRScratch/8 {
		bits = cleared[uint64](meter, n)
	}
	n := 0
	if p.Rows.Rows > 0 {
		first, _ := p.Rows.Range(0)
		_, end := p.Rows.Range(p.Rows.Rows - 1)
		n = end - first
	}
	pairs := cleared[pair](meter, n)[:0]
	starts := cleared[uint32](meter, min(n, p.Rows.Rows)+1)[:0]
	for r := range p.Rows.Rows {
		before := len(pairs)
		for row := range slices.Chunk(p.Rows.Row(r), longest) {
			for _, c := range row {
				if i := place[c]; i != 0 {
					pairs = append(pairs, pair{uint32(r), i - 1})
					if bits != nil {
						bits[r*width+int(i-1)/64] |= 1 << ((i - 1) % 64)
					}
				}
			}
			meter.spend(len(row))
		}
		if len(pairs) > before {
			starts = append(starts, uint32(before))
		}
		meter.spend(1)
	}
	if len(pairs) == 0 {
		return 0
	}
	starts = append(starts, uint32(len(pairs)))
	k, done := len(items)/len(p.Items), 0
	meter = s.meter(pause)
	steps := ascent{s: s, k: k, p: &p, users: cleared[uint32](meter, p.Rows.Rows), items: cleared[uint32](meter, len(p.Items))}
	var batch [64]sample
	var words [2 * len(batch)]uint32 // two a sample, so a batch begins with a block
	for n, total := 0, p.Passes*len(pairs); n < total; n += len(batch) {
		// First a batch of draws, none of which waits for another, so that the
		// processor fetches what they name before the steps need it.
		drawn := batch[:min(len(batch), total-n)]
		s.blocks(&words[0], p.Seed, p.Stream, uint64(n)/2, len(words)/4)
		left := 0
		for d := range drawn {
			w0, w1 := words[2*d], words[2*d+1]
			at := uint64(w0) * uint64(len(pairs)) >> 32
			if p.PerUser {
				user := uint64(w0) * uint64(len(starts)-1)
				from, to := uint64(starts[user>>32]), uint64(starts[user>>32+1])
				at = from + user&math.MaxUint32*(to-from)>>32
			}
			e, j := pairs[at], uint32(uint64(w1)*uint64(len(p.Items))>>32)
			keep := 1
			if bits != nil {
				keep = int(^bits[int(e.row)*width+int(j/64)] >> (j % 64) & 1) // the user has item i as well
			} else if e.item == j {
				keep = 0
			} else if p.Verify {
				if _, has := slices.BinarySearch(p.Rows.Row(int(e.row)), p.Items[j]); has {
					keep = 0
				}
			}
			drawn[left].pair, drawn[left].other = e, j
			left += keep
		}
		steps.all(users, items, bias, drawn[:left], meter)
		done += left
		meter.stream(100 * len(drawn))
	}
	meter.canonical(users)
	meter.canonical(items)
	meter.canonical(bias)
	return done
}

// mostSamples is how many samples set.ascend takes at most.
const mostSamples = 16

// ascent takes the steps of samples, in order, as many at a time as have nothing
// in common: those can as well be taken at once.
type ascent struct {
	s            *set
	k            int
	p            *naive.Pairwise
	group        uint32
	users, items []uint32 // the last group that each was in
}

func (a *ascent) all(users, items, bias []float32, drawn []sample, m *meter) {
	most := min(mostSamples, longest/a.k)
	for len(drawn) > 0 {
		if most == 0 {
			a.long(users, items, bias, drawn[0], m)
			drawn = drawn[1:]
			continue
		}
		if a.group++; a.group == 0 { // the numbers of groups begin anew
			wipe(m, a.users)
			wipe(m, a.items)
			a.group = 1
		}
		n := 0
		for n < min(len(drawn), most) {
			d := &drawn[n]
			u, i, j := &a.users[d.row], &a.items[d.item], &a.items[d.other]
			if *u == a.group || *i == a.group || *j == a.group {
				break
			}
			*u, *i, *j = a.group, a.group, a.group
			n++
		}
		a.s.ascend(&users[0], &items[0], &bias[0], &drawn[0].row, n, a.k, a.p.Rate, a.p.Decay)
		m.spend(8 * n * a.k)
		drawn = drawn[n:]
	}
}

// long takes the step of one sample whose vectors are so long that they are gone
// through in pieces.
func (a *ascent) long(users, items, bias []float32, d sample, m *meter) {
	u, i, j := at(&users[0], int(d.row)*a.k), at(&items[0], int(d.item)*a.k), at(&items[0], int(d.other)*a.k)
	pieces := func(do func(from, n int)) {
		for from := 0; from < a.k; from += longest {
			n := min(longest, a.k-from)
			do(from, n)
			m.stream(6 * n)
		}
	}
	var lanes [naive.Lanes]float32
	pieces(func(from, n int) { addApart(&lanes, at(u, from), at(i, from), at(j, from), n) })
	bi, bj := &bias[d.item], &bias[d.other]
	z := naive.Fall((*bi - *bj) + naive.Tree(&lanes))
	pieces(func(from, n int) { goPull(at(u, from), at(i, from), at(j, from), n, z, a.p.Rate, a.p.Decay) })
	pullBias(bi, bj, z, a.p.Rate, a.p.Decay)
}

func pullBias(i, j *float32, z, rate, decay float32) {
	*i += float32(rate * (z - float32(decay**i)))
	*j -= float32(rate * (z + float32(decay**j)))
}

func goBlocks(dst *uint32, seed, stream, counter uint64, n int) {
	blocks := unsafe.Slice((*[4]uint32)(unsafe.Pointer(dst)), n)
	for i := range blocks {
		blocks[i] = naive.Block(seed, stream, counter+uint64(i))
	}
}

func goAscend(users, items, bias *float32, drawn *uint32, n, k int, rate, decay float32) {
	for _, d := range unsafe.Slice((*sample)(unsafe.Pointer(drawn)), n) {
		u, i, j := at(users, int(d.row)*k), at(items, int(d.item)*k), at(items, int(d.other)*k)
		bi, bj := at(bias, int(d.item)), at(bias, int(d.other))
		z := naive.Fall((*bi - *bj) + goApart(u, i, j, k))
		goPull(u, i, j, k, z, rate, decay)
		pullBias(bi, bj, z, rate, decay)
	}
}

// goApart is naive.Dot of u and i-j.
func goApart(u, i, j *float32, n int) float32 {
	var s [naive.Lanes]float32
	addApart(&s, u, i, j, n)
	return naive.Tree(&s)
}

// addApart adds element f of u times that of i-j to sum f%16, in order.
func addApart(s *[naive.Lanes]float32, u, i, j *float32, n int) {
	us, is, js := unsafe.Slice(u, n), unsafe.Slice(i, n), unsafe.Slice(j, n)
	for f, a := range us {
		s[f%naive.Lanes] += float32(a * (is[f] - js[f]))
	}
}

func goPull(u, i, j *float32, n int, z, rate, decay float32) {
	us, is, js := unsafe.Slice(u, n), unsafe.Slice(i, n), unsafe.Slice(j, n)
	for f, a := range us {
		t, d := float32(z*a), is[f]-js[f]
		us[f] = a + float32(rate*(float32(z*d)-float32(decay*a)))
		is[f] += float32(rate * (t - float32(decay*is[f])))
		js[f] -= float32(rate * (t + float32(decay*js[f])))
	}
}
