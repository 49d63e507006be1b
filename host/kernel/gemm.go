package kernel

import (
	"sync"
	"sync/atomic"

	"rechost/guest/num/naive"
)

// Sizes of the blocks of a product: so many steps of the sum at a time, after
// which the sums go back to memory, which keeps their order; so many columns
// of B, which its threads share, and rows of A, of which each has its own.
const (
	gemmSteps = 256
	gemmCols  = 2048
	gemmRows  = 48 // a multiple of every tile's height
	gemmPack  = 16 // steps of B that are packed at a time
)

// Gemm is naive.Gemm.
func Gemm(dst []float32, a, b naive.Matrix, threads int, pause func()) {
	active.Gemm(dst, a, b, threads, pause)
}

func (s *set) Gemm(dst []float32, a, b naive.Matrix, threads int, pause func()) {
	m, n, k := a.Rows, b.Cols, a.Cols
	threads = max(threads, 1)
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		clear(dst)
		return
	}
	g := &gemm{s: s, dst: dst, a: a, b: b, cols: min(gemmCols, roundUp(n, s.wide)), steps: min(gemmSteps, k)}
	g.deep = (k + g.steps - 1) / g.steps
	blocks := (n + g.cols - 1) / g.cols * g.deep
	g.packs, g.runs = (g.steps+gemmPack-1)/gemmPack, (m+gemmRows-1)/gemmRows
	g.right = make([]gemmRight, min(threads, 2, blocks))
	for i := range g.right {
		kept := borrow(g.steps * g.cols)
		defer panels.Put(kept)
		g.right[i].panels = *kept
	}
	g.added = make([]atomic.Int32, g.runs)
	mine := make([]gemmWorker, threads)
	for i := range mine {
		mine[i] = gemmWorker{make([]float32, g.steps*gemmRows), make([]float32, s.tall*s.wide)}
	}
	meters := s.meter(nil).each(threads)
	each := g.packs + g.runs
	share(threads, blocks*each, pause, func(worker, piece int, pause func()) {
		g.piece(piece/each, piece%each, &mine[worker], meters[worker].use(pause))
	})
}

// panels are kept between products, as to allocate and clear them takes about as
// long as to pack them. What is in them is written before it is read.
var panels sync.Pool // of *[]float32

func borrow(n int) *[]float32 {
	if x, ok := panels.Get().(*[]float32); ok && cap(*x) >= n {
		*x = (*x)[:n]
		return x
	}
	x := make([]float32, n)
	return &x
}

// gemm is a product on its way. It goes through blocks of B, from top to bottom
// and then from left to right. Each is packed, in pieces of some of its rows,
// and then multiplied by runs of A's rows. Threads that have no more to do in
// one block pack the next one into other panels.
type gemm struct {
	s           *set
	dst         []float32
	a, b        naive.Matrix
	cols, steps int // of a block
	deep        int // blocks one below the other
	packs, runs int // pieces of a block
	right       []gemmRight
	added       []atomic.Int32 // by run of rows: how many blocks are in its sums
}

// gemmRight is where blocks of B are packed, in turn.
type gemmRight struct {
	panels         []float32
	packed, needed atomic.Int64 // pieces that have been packed here, and runs that are done with it, of all blocks
}

// gemmWorker is a thread's own space: panels of A, and a tile at the edge.
type gemmWorker struct{ left, edge []float32 }

// piece does a piece of block t, when those before are as far as it needs them.
func (g *gemm) piece(t, i int, w *gemmWorker, meter *meter) {
	right, turn := &g.right[t%len(g.right)], t/len(g.right)
	j, p := t/g.deep*g.cols, t%g.deep*g.steps
	width, depth := min(g.cols, g.b.Cols-j), min(g.steps, g.b.Rows-p)
	if i < g.packs {
		await(func() bool { return right.needed.Load() >= int64(turn*g.runs) }, meter.pause)
		g.pack(right.panels, i*gemmPack, p, j, width, depth, meter)
		right.packed.Add(1)
		return
	}
	i -= g.packs
	await(func() bool {
		return right.packed.Load() >= int64((turn+1)*g.packs) && g.added[i].Load() >= int32(t)
	}, meter.pause)
	g.rows(w, right.panels, i*gemmRows, p, j, width, depth, meter)
	g.added[i].Add(1)
	right.needed.Add(1)
}

// pack writes gemmPack rows of a block of B, from the first on, to its panels of
// wide, in which columns that there are not are 0.
func (g *gemm) pack(panels []float32, first, p, j, width, depth int, meter *meter) {
	wide := g.s.wide
	for r := first; r < min(first+gemmPack, depth); r++ {
		row := g.b.Data[(p+r)*g.b.Cols+j:][:width]
		for at := r * wide; len(row) >= wide; at += depth * wide {
			copy(panels[at:][:wide], row)
			row = row[wide:]
		}
		if len(row) > 0 {
			end := panels[(width/wide*depth+r)*wide:][:wide]
			clear(end[copy(end, row):])
		}
		meter.stream(32 + 2*width)
	}
}

// rows adds depth steps from p on to gemmRows rows of a block of the product.
func (g *gemm) rows(w *gemmWorker, right []float32, i, p, j, width, depth int, meter *meter) {
	s, ldc := g.s, g.b.Cols
	dst, height := g.dst[i*ldc+j:], min(gemmRows, g.a.Rows-i)
	for r := 0; r < height; r += s.tall {
		s.packTall(w.left[r*depth:][:depth*s.tall], g.a.Data[(i+r)*g.a.Cols+p:], g.a.Cols, min(s.tall, height-r))
	}
	meter.stream(4 * height * depth)
	fresh := 0
	if p == 0 {
		fresh = 1
	}
	last := (width - 1) / s.wide * s.wide
	for j := 0; j < width; j += s.wide {
		r, b := 0, &right[j*depth]
		if count := height / s.tall; j+s.wide <= width && count > 0 {
			s.column(&dst[j], ldc, s.wide, &w.left[0], s.tall*depth, b, depth, count, fresh, &right[min(j+s.wide, last)*depth], s.wide/count)
			r = count * s.tall
		}
		for ; r < height; r += s.tall {
			s.tileOf(dst[r*ldc+j:], ldc, min(s.tall, height-r), min(s.wide, width-j), &w.left[r*depth], s.tall, b, s.wide, depth, w.edge, p == 0)
		}
		meter.spend(height * s.wide * depth)
		meter.stream(32)
	}
	if p+depth == g.b.Rows {
		for r := range height {
			s.clean(&dst[r*ldc], width, 0)
		}
		meter.stream(height * width)
	}
}

// tileOf is tile for the first rows and cols of one, of which nothing else is
// read or written; from 0 where it is fresh.
func (s *set) tileOf(dst []float32, ldc, rows, cols int, a *float32, lda int, b *float32, ldb, n int, edge []float32, fresh bool) {
	if rows == s.tall && cols == s.wide && !fresh {
		s.tile(&dst[0], ldc, a, lda, b, ldb, n)
		return
	}
	clear(edge)
	for r := 0; r < rows && !fresh; r++ {
		copy(edge[r*s.wide:][:cols], dst[r*ldc:])
	}
	s.tile(&edge[0], s.wide, a, lda, b, ldb, n)
	for r := range rows {
		copy(dst[r*ldc:][:cols], edge[r*s.wide:])
	}
}

// packTall writes the first steps of rows numbers, which lie stride apart in
// from, as a panel of tall: step p of row i at p*tall+i. Other rows become 0.
func (s *set) packTall(panel, from []float32, stride, rows int) {
	n := len(panel) / s.tall
	if rows < s.tall {
		clear(panel)
	}
	s.transpose(panel, s.tall, from, stride, rows, n)
}

// transpose sets dst[p*ldd+i] to src[i*lds+p] for i < rows and p < n.
func (s *set) transpose(dst []float32, ldd int, src []float32, lds, rows, n int) {
	r, m := rows&^3, n&^3
	if r > 0 && m > 0 {
		_, _ = src[(r-1)*lds+n-1], dst[(n-1)*ldd+r-1]
		s.turn(&dst[0], ldd, &src[0], lds, r, m)
	} else {
		r = 0
	}
	for i := range rows {
		from := 0
		if i < r {
			from = m
		}
		for p := from; p < n; p++ {
			dst[p*ldd+i] = src[i*lds+p]
		}
	}
}
