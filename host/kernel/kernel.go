// Package kernel is the fast form of the numeric kernels: the functions of
// package naive, which say what is computed, with the same bits.
//
//	kernel.RidgeCG(x, p, 3, pause)   // naive.RidgeCG(x, p, 3)
//
// # Notes
//
// Arguments are trusted, and assembly reads what they say: lengths, offsets
// and indices have to be checked before (package sandbox does it), and results
// may not overlap arguments.
//
// A call works in pieces of at most about a millisecond and calls pause
// between them, which may panic to give up. nil is no pause.
//
// The form is chosen when the program starts: AVX-512, AVX2 or plain Go, by
// what the processor has, or by the environment variable RECHOST_KERNELS
// (avx512, avx2, go); Use chooses another. The build tag purego leaves assembly out. Calls may run at
// the same time; those that take a number of threads use so many, with the same
// bits for any.
//
// See RATIONALE.md for what was measured.
package kernel

//go:generate go run -C gen . -dir ../

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// set is one form of the inner loops. Pointers are to the first element; none
// of them looks at, or makes, canonical NaNs.
type set struct {
	name string

	// dot is naive.Dot of n elements.
	dot func(x, y *float32, n int) float32
	// lanes adds x[i]*y[i] to s[i%16] for i < n in order: dot before its tree,
	// of a vector that is gone through in pieces. No element of s is -0.
	lanes func(s, x, y *float32, n int)
	// axpy adds a*x to y, n elements.
	axpy func(a float32, x, y *float32, n int)
	// divide divides n elements of x by d.
	divide func(d float32, x *float32, n int)
	// gemv adds x[j]*m[j*stride+i] to q[i] for i < cols, for j < rows in order.
	gemv func(q, x, m *float32, rows, cols, stride int)
	// line sets y[i] to m*v[i] + b for i < n, and returns how many of them are 0.
	line func(y, v *float32, m, b float32, n int) int
	// aim sets dir to a*src and q to lambda*dir, k elements, and returns dot(dir, dir).
	aim func(dir, q *float32, a float32, src *float32, lambda float32, k int) float32
	// fit does, for each of n entries in order, with y its row of k elements,
	// q += (c + w*dot(y, p)) * y; where w is 0, q += c*y. c may be nil, for zeros. more
	// is how many entries follow in index, whose rows it may fetch.
	fit func(q, p, y *float32, index *uint32, w, c *float32, n, more, k int)
	// energy adds, for each entry e < n in order, w*dot(y, p)*dot(y, p) to s[e%16],
	// where w is not 0. Else its arguments are fit's.
	energy func(s, p, y *float32, index *uint32, w *float32, n, more, k int)
	// along goes a step of the conjugate gradient method of k elements: with a =
	// old / dot(dir, q), x += a*dir and res += -a*q; then, with now = dot(res, res),
	// which it returns, dir = res + now/old*dir, and q = lambda*dir.
	along func(dir, q, x, res *float32, old, lambda float32, k int) float32

	// tile adds to the tall x wide block of dst (rows ldc apart), for step p
	// < n in order, a[p*lda+i] * b[p*ldb+j].
	tall, wide int
	tile       func(dst *float32, ldc int, a *float32, lda int, b *float32, ldb int, n int)
	// column is count > 0 tiles one below the other, with lda = tall and ldb = wide:
	// the next one's a begins panel elements after the last one's. They start from 0
	// where fresh is not 0. Who goes on with the column that begins next elements
	// after dst finds it in the cache, and with it what ahead points to: hop elements
	// more at each step, whatever is there.
	column func(dst *float32, ldc, next int, a *float32, panel int, b *float32, n, count, fresh int, ahead *float32, hop int)
	// corner adds c[i]*r[j] to dst[i*ld+j] for i <= j < n, a multiple of 16. What is
	// below the diagonal may become anything.
	corner func(dst *float32, ld int, c, r *float32, n int)
	// sweep sweeps tall rows of wide elements by their own pivots. For k < tall, in
	// order: -row k goes to row k of minus, row k is divided by pivot[k] and goes to
	// row k of ratio too, and what row i of the others gets is c[k*tall+i] times the
	// row of ratio, or of minus where left is not 0.
	sweep func(rows, minus, ratio, c, pivot *float32, left int)
	// score is tile into a block of tall rows of 32 elements (dst, of which it
	// may leave any part as it was if it returns 0), from 0 and with lda = tall,
	// ldb = wide. Bit j of hits[i] tells whether element (i, j) is above
	// floor[i]; returned is the or of all hits.
	score func(dst, a, b *float32, n int, floor *float32, hits *uint32) uint32

	// rows adds v[e]*m[index[e]*span+j] to dst[j] for j < span, for n entries e
	// in order. Bit j of what it returns tells whether dst[j] is above floor.
	rows func(dst, v, m *float32, index *uint32, n int, floor float32) uint64
	// turn sets dst[p*ldd+i] to src[i*lds+p] for i < rows and p < n, multiples of 4
	// and above 0.
	turn func(dst *float32, ldd int, src *float32, lds, rows, n int)
	// deal copies n > 0 rows of wide elements to panels of tall. A row is in parts, see
	// set.part: part x of row k goes to dst[at[x]+k*tall].
	deal func(dst *float32, at *int, rows *float32, n int)
	// lift copies n rows of span elements, which are lds apart, to one after the other.
	lift func(dst, src *float32, lds, n int)
	// clean changes the bits flip of n elements of x and makes NaNs canonical.
	clean func(x *float32, n int, flip uint32)

	// scatter adds w*value[e], or w where value is nil, to sum[index[e]], in
	// order, for m entries. A column whose sum was 0 before (its bits are) goes
	// to the end of the list of n; the number after the list may be written.
	// It returns the list's new length.
	scatter func(sum, touched *uint32, n int, w float32, index *uint32, value *float32, m int) int
	// spread is scatter without the list.
	spread func(sum *uint32, w float32, index *uint32, value *float32, m int)
	// ask has the processor fetch n entries, whose value may be nil, into its
	// cache while it works on others.
	ask func(index *uint32, value *float32, n int)
	// tally adds 1 to count[index[f]], in bytes that go on from 255 to 0, for the
	// entries f from offsets[rows[e]]-base up to offsets[rows[e]+1]-base, for n > 0
	// rows.
	tally func(count *byte, rows *uint32, n int, offsets *uint64, base uint64, index *uint32)
	// widen adds n counts, a multiple of 64, to sums, or sets the sums to them where
	// fresh is not 0, and sets them to 0. It returns what they come to.
	widen func(sum *uint32, count *byte, n, fresh int) int
	// peaks sets, for each of some blocks of 128 columns in order, sixteen peaks to
	// about the best score of eight columns each, or 0 where none is above it, and
	// the sixteen numbers of top to the best of these. A score is what it is in rate;
	// a quotient is wrong by at most 2^-13 of it, for sums and what they are divided
	// by that are not tiny or huge. It is nil where there is no such form; so is pick.
	peaks func(peaks, sum *uint32, norms *float32, alpha, beta, gamma float32, blocks int, top *uint32)
	// pick packs the sums of the columns whose scores, as in peaks, are at least least,
	// and their numbers in the blocks, in order. It returns how many there are, and
	// may write sixteen numbers more of both.
	pick func(keys, columns, sum *uint32, norms *float32, alpha, beta, gamma float32, peaks *uint32, blocks int, least float32) int
	// fetch sets keys[i] to sum[index[i]], and that to 0, for n columns in order.
	fetch func(keys, sum, index *uint32, n int)
	// rate turns n sums (float32 bits; n is a multiple of 16) into keys in
	// place: the score x / (alpha*norms[index] + beta - gamma*x), or x where
	// norms is nil, turned so that keys order as scores do; 0 for a score that
	// is 0 or NaN. It leaves the greatest key in one of the 16 numbers of top.
	rate func(keys, index *uint32, norms *float32, alpha, beta, gamma float32, n int, top *uint32)
	// meet sets dst[i*ldd+j] to the number of bits, as float32, that sets i < 4 of
	// rows and j < n of columns have in common. Each has so many words, a multiple
	// of 8; n is a multiple of 4. It is nil where the processor cannot count bits
	// by vectors.
	meet func(dst *float32, ldd int, rows, columns *uint64, words, n int)

	// above counts the keys of at least least among n, a multiple of 16.
	above func(keys *uint32, n int, least uint32) int
	// sift packs the keys of at least least among n, a multiple of 16, and the
	// complements of their columns: key<<32 | ^index, in order. It returns how
	// many there are, and may write eight numbers more.
	sift func(out *uint64, keys, index *uint32, n int, least uint32) int

	// blocks writes n blocks, a multiple of 8, from a counter on: four words each,
	// see naive.Block.
	blocks func(dst *uint32, seed, stream, counter uint64, n int)
	// ascend takes naive.BPR's step for n <= mostSamples samples (drawn is the
	// first one's), no two of which have a row or an item in common, with vectors
	// of k elements.
	ascend func(users, items, bias *float32, drawn *uint32, n, k int, rate, decay float32)
}

// FormEnv is the environment variable that asks for a form: avx512, avx2 or
// go. All give the same bits; it is for tests and measurements.
const FormEnv = "RECHOST_KERNELS"

var (
	active    *set
	activeErr error
)

func init() { Use(os.Getenv(FormEnv)) }

// Use chooses the form that is named as in FormEnv, or the best one for "". No
// kernel may be running. Name says whether it could be had.
func Use(form string) { active, activeErr = choose(form) }

// choose picks the form that want names, or the best one for an empty want.
// It fails, and gives the best one, where want cannot be had.
func choose(want string) (*set, error) {
	all := available()
	for _, s := range all {
		if s.name == want {
			return s, nil
		}
	}
	if want == "" {
		return all[0], nil
	}
	if !slices.Contains([]string{"avx512", "avx2", "go"}, want) {
		return all[0], fmt.Errorf("%s: no kernels are called %q: they are avx512, avx2 and go", FormEnv, want)
	}
	return all[0], fmt.Errorf("%s: this program on this processor has no %s kernels: it has %s",
		FormEnv, want, strings.Join(Forms(), ", "))
}

// Forms lists the forms that can be used here, best first.
func Forms() []string {
	var names []string
	for _, s := range available() {
		names = append(names, s.name)
	}
	return names
}

// Name tells which form is used: avx512, avx2 or go. The error says why it is
// not the one that RECHOST_KERNELS asks for.
func Name() (string, error) { return active.name, activeErr }
