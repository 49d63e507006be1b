package kernel

import "rechost/guest/num/naive"

// Sizes of the blocks of a product: so many steps of the sum at a time, after
// which the sums go back to memory, which keeps their order; so many columns
// of B and rows of A, of which every thread has its own.
const (
	gemmSteps = 256
	gemmCols  = 2048
	gemmRows  = 96 // a multiple of every tile's height
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
	cols := min(gemmCols, roundUp(n, s.wide))
	steps := min(gemmSteps, k)
	right := make([]float32, steps*cols)
	mine := make([]*gemmWorker, threads)
	for i := range mine {
		mine[i] = &gemmWorker{s: s, meter: s.meter(nil), left: make([]float32, steps*gemmRows), edge: make([]float32, s.tall*s.wide)}
	}
	pieces := (m + gemmRows - 1) / gemmRows
	for j := 0; j < n; j += cols {
		width := min(cols, n-j)
		panels := (width + s.wide - 1) / s.wide
		for p := 0; p < k; p += steps {
			depth := min(steps, k-p)
			share(threads, panels, pause, func(worker, q int, pause func()) {
				s.packWide(right[q*depth*s.wide:][:depth*s.wide], b, p, j+q*s.wide, min(s.wide, width-q*s.wide))
				mine[worker].meter.use(pause).stream(32 + 16*depth)
			})
			share(threads, pieces, pause, func(worker, i int, pause func()) {
				w := mine[worker]
				w.meter.use(pause).stream(32 * gemmRows)
				w.rows(dst[i*gemmRows*n+j:], n, a, right, i*gemmRows, p, depth, width, p+depth == k)
			})
		}
	}
}

type gemmWorker struct {
	s          *set
	left, edge []float32
	meter      *meter
}

// rows adds depth steps from p on to gemmRows rows of a block of the product.
func (w *gemmWorker) rows(dst []float32, ldc int, a naive.Matrix, right []float32, i, p, depth, width int, last bool) {
	s := w.s
	height := min(gemmRows, a.Rows-i)
	if p == 0 {
		for r := range height {
			clear(dst[r*ldc:][:width])
		}
	}
	for r := 0; r < height; r += s.tall {
		s.packTall(w.left[r*depth:][:depth*s.tall], a.Data[(i+r)*a.Cols+p:], a.Cols, min(s.tall, height-r))
	}
	w.meter.spend(4 * height * depth)
	for j := 0; j < width; j += s.wide {
		b := &right[j*depth]
		for r := 0; r < height; r += s.tall {
			s.tileOf(dst[r*ldc+j:], ldc, min(s.tall, height-r), min(s.wide, width-j), &w.left[r*depth], s.tall, b, s.wide, depth, w.edge)
		}
		w.meter.spend(height * s.wide * depth)
		w.meter.stream(32)
	}
	if last {
		for r := range height {
			s.clean(&dst[r*ldc], width, 0)
		}
	}
}

// tileOf is tile for the first rows and cols of one, of which nothing else is
// read or written.
func (s *set) tileOf(dst []float32, ldc, rows, cols int, a *float32, lda int, b *float32, ldb, n int, edge []float32) {
	if rows == s.tall && cols == s.wide {
		s.tile(&dst[0], ldc, a, lda, b, ldb, n)
		return
	}
	for r := range rows {
		copy(edge[r*s.wide:][:cols], dst[r*ldc:])
	}
	s.tile(&edge[0], s.wide, a, lda, b, ldb, n)
	for r := range rows {
		copy(dst[r*ldc:][:cols], edge[r*s.wide:])
	}
}

// packWide writes columns [j, j+cols) of rows p and on of m as a panel of
// wide, whose other columns become 0.
func (s *set) packWide(panel []float32, m naive.Matrix, p, j, cols int) {
	if cols < s.wide {
		clear(panel)
	}
	for at := 0; at < len(panel); at += s.wide {
		copy(panel[at:][:cols], m.Data[p*m.Cols+j:])
		p++
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
	i, whole := 0, n&^3
	for ; i+4 <= rows && whole > 0; i += 4 {
		_, _ = src[(i+3)*lds+n-1], dst[(n-1)*ldd+i+3]
		s.turn(&dst[i], ldd, &src[i*lds], lds, whole)
		for j := i; j < i+4; j++ {
			for p := whole; p < n; p++ {
				dst[p*ldd+j] = src[j*lds+p]
			}
		}
	}
	for ; i < rows; i++ {
		for p, v := range src[i*lds:][:n] {
			dst[p*ldd+i] = v
		}
	}
}
