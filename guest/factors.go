package guest

import "rechost/guest/num"

// RecommendByFactors writes the recommendations of a matrix factorisation: for
// each target the items with the largest product of its row of users and their
// rows of items, two inputs of float32 with a row a user and a row an item.
// What [Task.Mask] leaves out is left out. A target without a profile gets an
// empty list, since its row says nothing of it. The stage binds
// "targets" aligned and both factors whole.
func (t *Task) RecommendByFactors(users, items string) {
	u, v := t.Matrix(users), t.Matrix(items)
	ids, own, lists := t.U32("targets.user"), t.U64("targets.offsets"), t.Recommendations()
	// As many targets at a time as have places for 2^18 items: what the kernel does
	// once for all of them is then little.
	t.Blocks(min(max(1<<18/t.Top(), 64), 4096), func(first, rows int) {
		l := num.ScoreTopK(u, ids[first:first+rows], v, t.Mask(first, rows), t.Top())
		for r := range rows {
			from, to := l.Offsets[r], l.Offsets[r+1]
			if own[first+r] == own[first+r+1] {
				to = from
			}
			lists.Add(l.Index[from:to], l.Score[from:to])
		}
	})
}
