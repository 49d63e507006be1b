package sandbox

import (
	"math"
	"slices"

	"rechost/guest/abi"
	"rechost/guest/num/naive"
	"rechost/host/fault"
	"rechost/host/kernel"
)

// The kernels trust what they are given, so this file looks at every number
// first: ranges, offsets, indices, and that no result overlaps an argument,
// which a kernel could otherwise change after it was looked at.

// function makes fn a kernel. Parameters and result: p an address, i an i32, l
// an i64, f an f32.
func function(name, params, result string, fn func(a *args) uint64) {
	kernels[name] = hostFunc{valueTypes(params), valueTypes(result), func(c *call, stack []uint64) {
		r := fn(&args{c: c, name: name, stack: stack})
		if result != "" {
			stack[0] = r
		}
	}}
}

func init() {
	function(abi.FnDot, "lpp", "f", numDot)
	function(abi.FnSum, "lp", "f", numSum)
	function(abi.FnAxpy, "lfpp", "", numAxpy)
	function(abi.FnScale, "lfp", "", numScale)
	function(abi.FnRowSums, "ppi", "", numRowSums)
	function(abi.FnColSums, "ppi", "", numColSums)
	function(abi.FnTranspose, "pppp", "", numTranspose)
	function(abi.FnAddGram, "pp", "", numAddGram)
	function(abi.FnGather, "pplp", "", numGather)
	function(abi.FnProductRows, "ppp", "", numProductRows)
	function(abi.FnProductTopK, "pppplpppflppp", "l", numProductTopK)
	function(abi.FnScoreTopK, "plpppplppp", "l", numScoreTopK)
	function(abi.FnRidgeCG, "pppppffffi", "", numRidgeCG)
	function(abi.FnRidgeCholesky, "pppppffff", "l", numRidgeCholesky)
	function(abi.FnBPR, "ppplplplffill", "l", numBPR)
	function(abi.FnUniform, "lplll", "", numUniform)
	function(abi.FnNormal, "lplll", "", numNormal)
}

func valueTypes(s string) (t []valueType) {
	for _, r := range s {
		t = append(t, map[rune]valueType{'p': i32, 'i': i32, 'l': i64, 'f': f32}[r])
	}
	return t
}

func numDot(a *args) uint64 {
	n := a.count("length")
	return f32bits(kernel.Dot(a.reads("x", n), a.reads("y", n), a.c.pause))
}

func numSum(a *args) uint64 {
	n := a.count("length")
	return f32bits(kernel.Sum(a.reads("x", n), a.c.pause))
}

func numAxpy(a *args) uint64 {
	n, f := a.count("length"), a.f32()
	x, y := a.reads("x", n), a.writes("y", n)
	a.apart()
	for len(x) > piece {
		kernel.Axpy(f, x[:piece], y[:piece])
		x, y = x[piece:], y[piece:]
		a.c.pause()
	}
	kernel.Axpy(f, x, y)
	return 0
}

// piece is how many numbers the simplest kernels take between pauses.
const piece = 1 << 16

func numScale(a *args) uint64 {
	n, f := a.count("length"), a.f32()
	x := a.writes("x", n)
	for len(x) > piece {
		kernel.Scale(f, x[:piece])
		x = x[piece:]
		a.c.pause()
	}
	kernel.Scale(f, x)
	return 0
}

func (a *args) power() int {
	p := int32(a.next())
	if p < 0 || p > 2 {
		a.c.fail("%s: power %d is not 0, 1 or 2", a.name, p)
	}
	return int(p)
}

func numRowSums(a *args) uint64 {
	dst := a.u32()
	m := a.sparse("m")
	power := a.power()
	out := a.writesAt("dst", dst, uint64(m.Rows))
	a.apart()
	kernel.RowSums(out, m, power, a.c.pause)
	return 0
}

func numColSums(a *args) uint64 {
	dst := a.u32()
	m := a.sparse("m")
	power := a.power()
	out := a.writesAt("dst", dst, uint64(m.Cols))
	a.apart()
	kernel.ColSums(out, m, power, a.c.pause)
	return 0
}

func numTranspose(a *args) uint64 {
	m := a.sparse("m")
	t := naive.Sparse{Offsets: a.writesU64("offsets", uint64(m.Cols)+1)}
	n := uint64(len(m.Index))
	t.Index = a.writesU32("index", n)
	if value := a.u32(); len(m.Value) > 0 {
		t.Value = a.writesAt("value", value, n)
	}
	threads := a.threads(uint64(m.Cols) * 8)
	a.apart()
	kernel.Transpose(t, m, threads, a.c.pause)
	return 0
}

func numAddGram(a *args) uint64 {
	dst := a.u32()
	m := a.matrix("m")
	out := a.writesAt("dst", dst, uint64(m.Cols)*uint64(m.Cols))
	a.apart()
	a.scratch(uint64(a.c.threads) * kernel.OuterScratch(uint64(m.Cols)))
	kernel.AddGram(out, m, a.c.threads, a.c.pause)
	return 0
}

func numGather(a *args) uint64 {
	dst := a.u32()
	m := a.matrix("m")
	n := a.count("rows")
	rows := a.rows(a.u32(), n, m.Rows)
	out := a.writesAt("dst", dst, n*uint64(m.Cols))
	a.apart()
	kernel.Gather(out, m, rows, a.c.pause)
	return 0
}

func numProductRows(a *args) uint64 {
	dst := a.u32()
	x, y := a.sparse("a"), a.sparse("b")
	a.chain(x, y)
	out := a.writesAt("dst", dst, uint64(x.Rows)*uint64(y.Cols))
	a.apart()
	kernel.ProductRows(naive.Matrix{Rows: x.Rows, Cols: y.Cols, Data: out}, x, y, a.c.pause)
	return 0
}

// chain checks that a's columns are b's rows.
func (a *args) chain(x, y naive.Sparse) {
	if x.Cols > y.Rows {
		a.c.fail("%s: a has %d columns and b %d rows", a.name, x.Cols, y.Rows)
	}
}

func numProductTopK(a *args) uint64 {
	p := naive.Product{A: a.sparse("a"), B: a.counting("b")}
	a.chain(p.A, p.B)
	p.Mask = a.mask(p.A.Rows, p.B.Cols)
	diagonal := int64(a.next())
	if diagonal < -1 || diagonal > most {
		a.c.fail("%s: diagonal %d", a.name, diagonal)
	}
	p.OffDiagonal, p.Diagonal = diagonal >= 0, int(max(diagonal, 0))
	norms, alpha, beta := a.u32(), a.u32(), a.u32()
	p.Gamma = a.f32()
	if norms != 0 {
		p.Norms = a.readsAt("norms", norms, uint64(p.B.Cols))
		p.Alpha = a.readsAt("alpha", alpha, uint64(p.A.Rows))
		p.Beta = a.readsAt("beta", beta, uint64(p.A.Rows))
	}
	each := uint64(p.B.Cols) * kernel.ProductScratch
	threads := a.listing(p.A.Rows, 0, each)
	room := a.scratch(0) - uint64(threads)*each
	if threads > 1 { // see listing
		room -= min(room, 8*uint64(p.A.Rows))
	}
	return a.lists(p.A.Rows, func(dst naive.Sparse, k int) int {
		return kernel.ProductTopK(dst, p, k, threads, int(room), a.c.pause)
	})
}

func numScoreTopK(a *args) uint64 {
	users := a.matrix("users")
	n, at := a.count("rows"), a.u32()
	var rows []uint32
	if at != 0 {
		rows = a.rows(at, n, users.Rows)
	} else if n != uint64(users.Rows) {
		a.c.fail("%s: %d rows of users without their numbers, which has %d", a.name, n, users.Rows)
	}
	items := a.matrix("items")
	mask := a.mask(int(n), items.Rows)
	if users.Cols != items.Cols {
		a.c.fail("%s: users have %d columns and items %d", a.name, users.Cols, items.Cols)
	}
	a.ascending("without", mask.Without)
	once := uint64(0)
	if mask.Only.Rows == 1 { // the kernel puts these items together
		once = 4 * uint64(len(mask.Only.Index)) * uint64(items.Cols)
	}
	return a.lists(int(n), func(dst naive.Sparse, k int) int {
		threads := a.listing(int(n), once, uint64(kernel.ScoreScratch(int(n), items.Rows, items.Cols, k)))
		return kernel.ScoreTopK(dst, users, rows, items, mask, k, threads, a.c.pause)
	})
}

// lists reads the arguments k, offsets, index and score and runs a kernel that
// writes lists of rows rows.
func (a *args) lists(rows int, run func(dst naive.Sparse, k int) int) uint64 {
	k := a.count("k")
	dst := naive.Sparse{Offsets: a.writesU64("offsets", uint64(rows)+1)}
	dst.Index = a.writesU32("index", uint64(rows)*k)
	dst.Value = a.writes("score", uint64(rows)*k)
	a.apart()
	if k == 0 {
		for part := range slices.Chunk(dst.Offsets, piece) {
			clear(part)
			a.c.pause()
		}
		return 0
	}
	return uint64(run(dst, int(k)))
}

func (a *args) ridge() ([]float32, naive.Ridge) {
	x, rows, factors := a.u32(), a.sparse("rows"), a.matrix("factors")
	k := uint64(factors.Cols)
	if rows.Cols > factors.Rows {
		a.c.fail("%s: rows have %d columns and factors %d rows", a.name, rows.Cols, factors.Rows)
	}
	p := naive.Ridge{Rows: rows, Factors: factors}
	p.Gram = a.reads("gram", k*k)
	p.Lambda = a.reads("lambda", uint64(rows.Rows))
	p.Weight = [2]float32{a.f32(), a.f32()}
	p.Target = [2]float32{a.f32(), a.f32()}
	out := a.writesAt("x", x, uint64(rows.Rows)*k)
	a.apart()
	return out, p
}

func numRidgeCG(a *args) uint64 {
	x, p := a.ridge()
	steps := int32(a.next())
	if steps < 0 || steps > 1<<16 {
		a.c.fail("%s: %d steps", a.name, steps)
	}
	longest := 0 // row, which may be of an input that is larger than the module's memory
	for r := range p.Rows.Rows {
		from, to := p.Rows.Range(r)
		longest = max(longest, to-from)
		if r%piece == piece-1 {
			a.c.pause()
		}
	}
	a.scratch(kernel.RidgeScratch(uint64(longest), uint64(len(p.Rows.Index))))
	kernel.RidgeCG(x, p, int(steps), a.c.pause)
	return 0
}

func numRidgeCholesky(a *args) uint64 {
	x, p := a.ridge()
	a.scratch(kernel.OuterScratch(uint64(p.Factors.Cols)))
	return uint64(int64(kernel.RidgeCholesky(x, p, a.c.pause)))
}

func numUniform(a *args) uint64 {
	n := a.count("length")
	kernel.Uniform(a.writes("dst", n), a.next(), a.next(), a.next(), a.c.pause)
	return 0
}

func numNormal(a *args) uint64 {
	n := a.count("length")
	kernel.Normal(a.writes("dst", n), a.next(), a.next(), a.next(), a.c.pause)
	return 0
}

func f32bits(x float32) uint64 { return uint64(math.Float32bits(x)) }

// threads is how many threads a kernel may use that needs so much space on
// each: no more than the module's memory leaves of its limit. It refuses work
// for which that is too little on one.
func (a *args) threads(each uint64) int { return a.threadsBeside(0, each) }

// threadsBeside is threads for a kernel that needs some more space once.
func (a *args) threadsBeside(once, each uint64) int {
	left := a.scratch(once+each) - once
	most := uint64(max(a.c.threads, 1))
	if each > 0 {
		most = min(most, left/each)
	}
	return int(most)
}

// listing is threadsBeside for a kernel that makes so many lists: on several
// threads, it keeps where each list begins as well.
func (a *args) listing(rows int, once, each uint64) int {
	threads := a.threadsBeside(once, each)
	if free := a.c.mem.limit - uint64(len(a.c.mem.bytes)) - once; threads > 1 && free-uint64(threads)*each < 8*uint64(rows) {
		return 1
	}
	return threads
}

// scratch refuses work that needs more space of the host's than the module's
// memory leaves of its limit, and returns what that is. Kernels run one at a
// time and the guest waits for them, so space need not be taken and given back.
func (a *args) scratch(n uint64) (left uint64) {
	m := a.c.mem
	left = m.limit - uint64(len(m.bytes))
	if n > left {
		b := a.c.module.budget
		a.c.end(fault.Lim("%s: needs %s to work in, beside %s of memory: of its limit of %s, %s",
			a.name, size(int64(min(n, math.MaxInt64))), size(int64(len(m.bytes))), size(b.limit), b.aside()).
			WithHint("allow more with --memory %s", b.enough(int64(min(n, 1<<62))+int64(len(m.bytes)))))
	}
	return left
}
