package kernel

import "rechost/guest/num/naive"

// Descend is naive.ElasticNet's.
func Descend(w, slope []float32, p naive.ElasticNet, threads int, pause func()) {
	active.Descend(w, slope, p, threads, pause)
}

const (
	// descentBlock is how many weights, and as many slopes, go through their
	// turns together: 512 KiB.
	descentBlock = 64 << 10
	// packed is how many weights above 0 have the part of the Gram matrix that
	// is theirs packed: 9 MiB.
	packed = 1536
	// visit is what it costs to look at a weight, with its division, in
	// multiplications of a loop over many.
	visit = 512
)

// DescendScratch is the bytes that each thread of Descend needs beside its
// arguments, on n items.
func DescendScratch(n int) int {
	a := min(n, packed)
	return 4*a*a + 64*n + 8*descentBlock
}

// Descend takes blocks of rows through their turns over all weights together,
// so that a row of the Gram matrix is fetched once for all of a block. Threads
// share blocks.
func (s *set) Descend(w, slope []float32, p naive.ElasticNet, threads int, pause func()) {
	n := p.Gram.Cols
	if n == 0 || len(w) == 0 {
		return
	}
	rows := len(w) / n
	size := max(1, min(descentBlock/n, (rows+threads-1)/max(threads, 1)))
	meters := s.meter(nil).each(threads)
	share(threads, (rows+size-1)/size, pause, func(worker, i int, pause func()) {
		from, to := i*size, min(i*size+size, rows)
		s.descend(w[from*n:to*n], slope[from*n:to*n], p, p.First+from, meters[worker].use(pause))
	})
}

// descent is a row that has not settled.
type descent struct {
	w, slope   []float32
	own        int // the weight that stays
	left       int // turns
	moved, top float32
}

func (s *set) descend(w, slope []float32, p naive.ElasticNet, first int, meter *meter) {
	n := p.Gram.Cols
	open := make([]descent, len(w)/n)
	for r := range open {
		open[r] = descent{w: w[r*n:][:n:n], slope: slope[r*n:][:n:n], own: first + r, left: p.Turns}
	}
	var few activeSet
	for p.Turns > 0 && len(open) > 0 {
		for i := range n {
			row := p.Gram.Row(i)
			for k := range open {
				if o := &open[k]; i != o.own {
					x := p.Weight(o.w[i], o.slope[i], row[i])
					d := x - o.w[i]
					if d != 0 {
						s.axpy(-d, &row[0], &o.slope[0], n)
						meter.spend(4 * n)
					}
					o.w[i] = x
					o.moved, o.top = max(o.moved, d, -d), max(o.top, x)
				}
			}
			meter.spend(visit * len(open))
		}
		still := open[:0]
		for _, o := range open {
			settled := !(o.moved > float32(p.Tolerance*o.top))
			if o.left--; settled {
				continue
			}
			few.descend(s, &o, p, meter)
			if o.moved, o.top = 0, 0; o.left > 0 {
				still = append(still, o)
			}
		}
		open = still
	}
	meter.canonical(w)
	meter.canonical(slope)
	meter.stream(64 * len(w) / n)
}

// activeSet is the weights of a row that are above 0, and what is theirs.
type activeSet struct {
	index            []int
	w, before, slope []float32
	gram             []float32 // of them by them
}

// descend takes a row through the turns that are over its weights above 0.
func (f *activeSet) descend(s *set, o *descent, p naive.ElasticNet, meter *meter) {
	f.index, f.w, f.slope, f.gram = f.index[:0], f.w[:0], f.slope[:0], f.gram[:0]
	for i, x := range o.w {
		if x > 0 && i != o.own {
			f.index, f.w, f.slope = append(f.index, i), append(f.w, x), append(f.slope, o.slope[i])
		}
	}
	f.before = append(f.before[:0], f.w...)
	n := len(f.index)
	if n <= packed {
		for _, i := range f.index {
			f.gram = f.pick(f.gram, p.Gram.Row(i))
			meter.spend(16 * n)
		}
	}
	spare := cleared[float32](meter, n)[:0]
	for last := false; o.left > 0 && !last; o.left-- {
		var moved, top float32
		for k, i := range f.index {
			x := p.Weight(f.w[k], f.slope[k], p.Gram.Data[i*p.Gram.Cols+i])
			d := x - f.w[k]
			if d != 0 {
				row := spare
				if n <= packed {
					row = f.gram[k*n:][:n]
				} else {
					row = f.pick(spare, p.Gram.Row(i))
					meter.spend(16 * n)
				}
				s.axpy(-d, &row[0], &f.slope[0], n)
				meter.spend(n)
			}
			f.w[k] = x
			moved, top = max(moved, d, -d), max(top, x)
			meter.spend(visit)
		}
		last = !(moved > float32(p.Tolerance*top))
	}
	for k, i := range f.index {
		if d := f.w[k] - f.before[k]; d != 0 {
			s.axpy(-d, &p.Gram.Row(i)[0], &o.slope[0], len(o.slope))
			meter.spend(4 * len(o.slope))
		}
	}
	for k, i := range f.index {
		o.w[i], o.slope[i] = f.w[k], f.slope[k]
	}
}

// pick appends the elements of row that belong to the set.
func (f *activeSet) pick(to, row []float32) []float32 {
	for _, i := range f.index {
		to = append(to, row[i])
	}
	return to
}
