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

// BPRScratch is the most space that BPR needs beside 4 bytes a column, 4 a
// row and 8 an entry of the block.
const BPRScratch = 16 << 20

// pair is an entry of the block.
type pair struct{ row, item uint32 }

// sample is a draw: two random words, then what they name.
type sample struct {
	w0, w1 uint32
	pair
	other uint32
}

// BPR asks a table of bits whether a user has an item of the block, as long as
// the table is small, and searches his row where it is not.
func (s *set) BPR(users, items, bias []float32, p naive.Pairwise, pause func()) int {
	place := make([]uint32, p.Rows.Cols)
	meter := scattered(pause)
	for i, c := range p.Items {
		place[c] = uint32(i + 1)
		meter.spend(1)
	}
	width := (len(p.Items) + 63) / 64
	var bits []uint64
	if n := p.Rows.Rows * width; p.Verify && n <= BPRScratch/8 {
		bits = make([]uint64, n)
	}
	n := 0
	if p.Rows.Rows > 0 {
		first, _ := p.Rows.Range(0)
		_, end := p.Rows.Range(p.Rows.Rows - 1)
		n = end - first
	}
	pairs := make([]pair, 0, n)
	starts := make([]uint32, 0, min(n, p.Rows.Rows)+1)
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
	var batch [64]sample
	for n, total := 0, p.Passes*len(pairs); n < total; n += len(batch) {
		// First a batch of draws, none of which waits for another, so that the
		// processor fetches what they name before the steps need it.
		drawn := batch[:min(len(batch), total-n)]
		for at := range drawn {
			if at%2 != 0 {
				continue
			}
			w := naive.Block(p.Seed, p.Stream, uint64(n+at)/2)
			drawn[at].w0, drawn[at].w1 = w[0], w[1]
			if at+1 < len(drawn) {
				drawn[at+1].w0, drawn[at+1].w1 = w[2], w[3]
			}
		}
		left := 0
		for _, d := range drawn {
			at := uint64(d.w0) * uint64(len(pairs)) >> 32
			if p.PerUser {
				user := uint64(d.w0) * uint64(len(starts)-1)
				from, to := uint64(starts[user>>32]), uint64(starts[user>>32+1])
				at = from + user&math.MaxUint32*(to-from)>>32
			}
			e, j := pairs[at], uint32(uint64(d.w1)*uint64(len(p.Items))>>32)
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
		for at := range drawn[:left] {
			d := &drawn[at]
			i, j := d.item, d.other
			u, vi, vj := &users[int(d.row)*k], &items[int(i)*k], &items[int(j)*k]
			z := naive.Fall((bias[i] - bias[j]) + s.apartAll(u, vi, vj, k, meter))
			s.pullAll(u, vi, vj, k, z, p.Rate, p.Decay, meter)
			bias[i] += float32(p.Rate * (z - float32(p.Decay*bias[i])))
			bias[j] -= float32(p.Rate * (z + float32(p.Decay*bias[j])))
		}
		done += left
		meter.spend(len(drawn) * 8 * min(k, longest))
		meter.stream(100 * len(drawn))
	}
	meter.canonical(users)
	meter.canonical(items)
	meter.canonical(bias)
	return done
}

// apartAll is apart in pieces, which carry the sixteen sums.
func (s *set) apartAll(u, i, j *float32, n int, m *meter) float32 {
	if n <= longest {
		return s.apart(u, i, j, n)
	}
	var lanes [naive.Lanes]float32
	for from := 0; from < n; from += longest {
		size := min(longest, n-from)
		addApart(&lanes, at(u, from), at(i, from), at(j, from), size)
		m.stream(4 * size)
	}
	return naive.Tree(&lanes)
}

// pullAll is pull in pieces.
func (s *set) pullAll(u, i, j *float32, n int, z, rate, decay float32, m *meter) {
	if n <= longest {
		s.pull(u, i, j, n, z, rate, decay)
		return
	}
	for from := 0; from < n; from += longest {
		size := min(longest, n-from)
		s.pull(at(u, from), at(i, from), at(j, from), size, z, rate, decay)
		m.stream(6 * size)
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
