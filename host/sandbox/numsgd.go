package sandbox

import (
	"rechost/guest/num/naive"
	"rechost/host/kernel"
)

func numBPR(a *args) uint64 {
	users, items, bias := a.u32(), a.u32(), a.u32()
	k := a.count("k")
	if k == 0 {
		a.c.fail("%s: vectors without elements", a.name)
	}
	rows := a.sparse("rows")
	a.ascending("rows", rows)
	n := a.count("items")
	p := naive.Pairwise{Rows: rows, Items: a.rows(a.u32(), n, rows.Cols)}
	p.Passes = int(a.count("passes"))
	p.Rate, p.Decay = a.f32(), a.f32()
	flags := uint32(a.next())
	if flags > 3 {
		a.c.fail("%s: flags %#x", a.name, flags)
	}
	p.Verify, p.PerUser = flags&1 != 0, flags&2 != 0
	p.Seed, p.Stream = a.next(), a.next()
	u := a.writesAt("users", users, uint64(rows.Rows)*k)
	i := a.writesAt("items", items, n*k)
	b := a.writesAt("bias", bias, n)
	a.apart()
	// A block's entries are no more than those of its rows, which are checked.
	entries := uint64(0)
	if rows.Rows > 0 {
		from, _ := rows.Range(0)
		_, to := rows.Range(rows.Rows - 1)
		entries = uint64(to - from)
	}
	a.scratch(9*uint64(rows.Cols) + 8*uint64(rows.Rows) + 8*entries + kernel.BPRScratch)
	if n == 0 || rows.Rows == 0 {
		return 0
	}
	twice := make([]bool, rows.Cols)
	for t, c := range p.Items {
		if twice[c] {
			a.c.fail("%s: item %d of the block, %d, is there twice", a.name, t, c)
		}
		twice[c] = true
		if t%piece == piece-1 {
			a.c.pause()
		}
	}
	return uint64(kernel.BPR(u, i, b, p, a.c.pause))
}
