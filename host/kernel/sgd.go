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
	for i, c := range p.Items {
		place[c] = uint32(i + 1)
	}
	width := (len(p.Items) + 63) / 64
	var bits []uint64
	if n := p.Rows.Rows * width; p.Verify && n <= BPRScratch/8 {
		bits = make([]uint64, n)
	}
	n := 0
	for r := range p.Rows.Rows {
		n += len(p.Rows.Row(r))
	}
	pairs := make([]pair, 0, n)
	var starts []uint32
	meter := scattered(pause)
	for r := range p.Rows.Rows {
		row, before := p.Rows.Row(r), len(pairs)
		for _, c := range row {
			if i := place[c]; i != 0 {
				pairs = append(pairs, pair{uint32(r), i - 1})
				if bits != nil {
					bits[r*width+int(i-1)/64] |= 1 << ((i - 1) % 64)
				}
			}
		}
		if len(pairs) > before {
			starts = append(starts, uint32(before))
		}
		meter.spend(1 + len(row))
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
			z := naive.Fall((bias[i] - bias[j]) + s.apart(u, vi, vj, k))
			s.pull(u, vi, vj, k, z, p.Rate, p.Decay)
			bias[i] += float32(p.Rate * (z - float32(p.Decay*bias[i])))
			bias[j] -= float32(p.Rate * (z + float32(p.Decay*bias[j])))
		}
		done += left
		meter.spend(len(drawn) * (8*k + 400))
	}
	canonical(users)
	canonical(items)
	canonical(bias)
	return done
}

// goApart is naive.Dot of u and i-j.
func goApart(u, i, j *float32, n int) float32 {
	us, is, js := unsafe.Slice(u, n), unsafe.Slice(i, n), unsafe.Slice(j, n)
	var s [16]float32
	for f, a := range us {
		s[f%16] += float32(a * (is[f] - js[f]))
	}
	for w := 8; w > 0; w /= 2 {
		for l := range w {
			s[l] += s[l+w]
		}
	}
	return s[0]
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
