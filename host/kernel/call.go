package kernel

import (
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"rechost/guest/num/naive"
)

// meter calls pause after about a quarter of a millisecond of work in warm
// memory; in memory that is touched for the first time it may be three times as
// long.
type meter struct {
	pause func()
	quota int
	left  int
	_     [104]byte // two threads' meters share no line of the cache
}

// meter counts multiplications with their additions.
func (s *set) meter(pause func()) *meter {
	quota := map[string]int{"avx512": 10 << 20, "avx2": 6 << 20}[s.name]
	if quota == 0 {
		quota = 128 << 10
	}
	return &meter{pause: pause, quota: quota, left: quota}
}

// scattered counts reads and writes all over memory.
func scattered(pause func()) *meter { return &meter{pause: pause, quota: 64 << 10, left: 64 << 10} }

// streaming counts in stretch what is only read or written in order.
func streaming(pause func()) *meter { return &meter{pause: pause, quota: stretch, left: stretch} }

// stretch is the numbers that go through memory in order in an eighth of a
// millisecond, 1 MiB of them. Where each page is new it takes half of one.
const stretch = 1 << 18

// apart is the numbers in order that take as long as one that is far from the
// others, in a page that may be new.
const apart = 256

// longest is how many numbers are gone through between looks at the meter.
const longest = 1 << 16

func (m *meter) spend(n int) {
	if m.left -= n; m.left < 0 {
		m.left = m.quota
		if m.pause != nil {
			m.pause()
		}
	}
}

// stream counts n numbers that are read or written in order, or what else takes
// half a nanosecond each.
func (m *meter) stream(n int) { m.spend(int(int64(n) * int64(m.quota) / stretch)) }

// each is a meter like m for each of some threads, which has it for all its
// pieces of work: a new one for each piece would never come to its end where
// they are small.
func (m *meter) each(threads int) []meter {
	all := make([]meter, max(threads, 1))
	for i := range all {
		all[i].quota, all[i].left = m.quota, m.quota
	}
	return all
}

// use is m with the pause of another piece of work.
func (m *meter) use(pause func()) *meter {
	m.pause = pause
	return m
}

// wipe sets x to 0.
func wipe[T any](m *meter, x []T) {
	for len(x) > 0 {
		n := min(len(x), longest)
		clear(x[:n])
		m.stream(n * int(unsafe.Sizeof(x[0])) / 4)
		x = x[n:]
	}
}

// move copies src to dst, which is as long.
func move[T any](m *meter, dst, src []T) {
	for len(src) > 0 {
		n := min(len(src), longest)
		copy(dst[:n], src)
		m.stream(n * int(unsafe.Sizeof(src[0])) / 2)
		dst, src = dst[n:], src[n:]
	}
}

// canonical is the function of that name.
func (m *meter) canonical(x []float32) {
	for len(x) > 0 {
		n := min(len(x), longest)
		canonical(x[:n])
		m.stream(n)
		x = x[n:]
	}
}

func first(x []float32) *float32 { return unsafe.SliceData(x) }

// sort puts keys into descending order. Those that are many are parted by the
// highest bit in which they differ until they are few.
func (m *meter) sort(keys []uint64) {
	for len(keys) > longest/8 {
		or, and := uint64(0), uint64(math.MaxUint64)
		for part := range slices.Chunk(keys, longest) {
			for _, k := range part {
				or, and = or|k, and&k
			}
			m.stream(2 * len(part))
		}
		if or == and {
			return
		}
		bit := uint64(1) << (bits.Len64(or&^and) - 1)
		high := 0
		for from := 0; from < len(keys); from += longest {
			to := min(from+longest, len(keys))
			for i := from; i < to; i++ {
				if keys[i]&bit != 0 {
					keys[i], keys[high] = keys[high], keys[i]
					high++
				}
			}
			m.stream(8 * (to - from))
		}
		m.sort(keys[:high])
		keys = keys[high:]
	}
	m.stream(2 * len(keys) * bits.Len(uint(len(keys))))
	sortKeys(keys)
}

// canonical makes every NaN of x the one that results may hold.
func canonical(x []float32) {
	for i, v := range x {
		if v != v {
			x[i] = math.Float32frombits(0x7fc00000)
		}
	}
}

// Dot is naive.Dot.
func Dot(x, y []float32, pause func()) float32 { return active.longDot(x, y, streaming(pause)) }

// longDot is Dot of vectors of any length: what is carried from piece to piece
// are the sixteen sums, which the tree then adds.
func (s *set) longDot(x, y []float32, m *meter) float32 {
	y = y[:len(x)]
	var lanes [naive.Lanes]float32
	for len(x) > longest {
		s.lanes(&lanes[0], &x[0], &y[0], longest)
		m.stream(2 * longest)
		x, y = x[longest:], y[longest:]
	}
	s.lanes(&lanes[0], first(x), first(y), len(x))
	return naive.Tree(&lanes)
}

// Dot is naive.Dot of vectors that are not long.
func (s *set) Dot(x, y []float32) float32 {
	return naive.Canonical(s.dot(first(x), first(y[:len(x)]), len(x)))
}

// Sum is naive.Sum, its sums carried as longDot carries them.
func Sum(x []float32, pause func()) float32 {
	m := streaming(pause)
	var lanes [naive.Lanes]float32
	for len(x) > longest {
		naive.AddLanes(&lanes, x[:longest])
		m.stream(longest)
		x = x[longest:]
	}
	naive.AddLanes(&lanes, x)
	return naive.Tree(&lanes)
}

// Axpy is naive.Axpy.
func Axpy(a float32, x, y []float32) { active.Axpy(a, x, y) }

func (s *set) Axpy(a float32, x, y []float32) {
	s.axpy(a, first(x), first(y[:len(x)]), len(x))
	canonical(y[:len(x)])
}

// Scale is naive.Scale.
func Scale(a float32, x []float32) { naive.Scale(a, x) }

// AddGram is naive.AddGram.
func AddGram(dst []float32, m naive.Matrix, threads int, pause func()) {
	active.AddGram(dst, m, threads, pause)
}

// Gather is naive.Gather.
func Gather(dst []float32, m naive.Matrix, rows []uint32, pause func()) {
	meter := scattered(pause)
	for t, r := range rows {
		move(meter, dst[t*m.Cols:][:m.Cols], m.Row(int(r)))
		meter.spend(1)
	}
}

// RidgeCG is naive.RidgeCG.
func RidgeCG(x []float32, p naive.Ridge, steps int, pause func()) {
	active.RidgeCG(x, p, steps, pause)
}

// RidgeCholesky is naive.RidgeCholesky.
func RidgeCholesky(x []float32, p naive.Ridge, pause func()) int {
	return active.RidgeCholesky(x, p, pause)
}

// Uniform is naive.Uniform.
func Uniform(dst []float32, seed, stream, counter uint64, pause func()) {
	randomly(naive.Uniform, dst, seed, stream, counter, pause)
}

// Normal is naive.Normal.
func Normal(dst []float32, seed, stream, counter uint64, pause func()) {
	randomly(naive.Normal, dst, seed, stream, counter, pause)
}

func randomly(fill func([]float32, uint64, uint64, uint64), dst []float32, seed, stream, counter uint64, pause func()) {
	const piece = 1 << 14 // 0.3 ms
	for len(dst) > 0 {
		n := min(piece, len(dst))
		fill(dst[:n], seed, stream, counter)
		if dst, counter = dst[n:], counter+uint64(n); pause != nil {
			pause()
		}
	}
}
