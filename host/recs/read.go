package recs

import (
	"context"
	"errors"
	"os"
	"slices"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/table"
)

// Table is a file of recommendations, read back. Lists.Users are dense ids of
// Users, one target for each, and Lists.Items of Items.
type Table struct {
	Users, Items matrix.IDs
	Lists        Lists
	Scored       bool // the file has scores; otherwise they are -rank
	Digest       digest.Digest
}

// ReadOptions name columns; "" finds them by their names.
type ReadOptions struct {
	User, Item string
}

// Read reads a file of recommendations, of rechost or of any other tool, with
// rows in any order: user and item columns by name, "rank" or "score" or both,
// or the only value column there is. The order within a list is that of rank,
// or else of descending score with ties by smaller item. An item that a user's
// list has twice is an error; a file without rows is not.
func Read(ctx context.Context, name string, o ReadOptions) (*Table, error) {
	score, rank, err := orderColumns(name)
	if err != nil {
		return nil, err
	}
	// A rank is read as a time of unit microseconds, which is kept as it is.
	set, err := interactions.Open([]string{name}, interactions.Options{
		User: o.User, Item: o.Item, Value: score, Time: rank, TimeUnit: unitOf(rank), NoValue: score == "", NoTime: rank == "",
	})
	if err != nil {
		return nil, err
	}
	defer set.Close()
	if r := set.Report(); r.Files[0].Rows == 0 {
		sum, _, err := digest.OfFile(name)
		if err != nil {
			return nil, fault.File(name, err)
		}
		t := &Table{Users: noIDs(r.User), Items: noIDs(r.Item), Scored: score != "", Digest: sum}
		t.Lists.Offsets = []uint64{0}
		return t, nil
	}
	m, err := matrix.Build(ctx, set, matrix.Options{Duplicates: matrix.Error})
	if err != nil {
		return nil, err
	}
	if n := m.Read.LeftOut.Sum(); n > 0 {
		return nil, fault.Data("%s: rows that lack a user, an item, a score or a rank: %d", name, n)
	}
	t := &Table{Users: m.Users, Items: m.Items, Digest: m.Read.Files[0].Digest, Scored: score != ""}
	t.Lists = Lists{Users: make([]uint32, m.Users.Len()), Offsets: m.ByUser.Offsets, Items: m.ByUser.Index, Scores: m.ByUser.Value}
	for u := range t.Lists.Users {
		t.Lists.Users[u] = uint32(u)
		if err := order(t, &m.ByUser, u, rank != ""); err != nil {
			return nil, fault.Data("%s: user %s: %v", name, text(&m.Users, uint32(u)), err)
		}
	}
	return t, nil
}

// noIDs is the dictionary of a column without rows.
func noIDs(c interactions.Column) matrix.IDs {
	d := matrix.IDs{Name: c.Name, Type: c.Type, Values: table.Vector{Kind: table.Ints}}
	if k := c.Type.Kind(); k == table.Bytes || k == table.Uints {
		d.Values.Kind = k
	}
	return d
}

func unitOf(rank string) string {
	if rank == "" {
		return ""
	}
	return "us"
}

// orderColumns finds the columns that order lists.
func orderColumns(name string) (score, rank string, err error) {
	st, err := os.Stat(name)
	if err == nil && st.IsDir() {
		return "", "", fault.Use("%s is a folder, not a file of recommendations", name)
	}
	f, err := table.Open(name)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	for _, fd := range f.Fields() {
		integer := fd.Type.Kind() == table.Ints || fd.Type.Kind() == table.Uints
		switch {
		case fd.Nested:
		case fd.Name == Rank.Name && integer && (fd.Type.Logical == "" || fd.Type.Logical == table.Integer):
			rank = fd.Name
		case fd.Name == Score.Name:
			score = fd.Name
		}
	}
	if score == "" && rank == "" {
		i, err := interactions.Choose(name, f.Fields(), interactions.Value, "")
		if err != nil {
			return "", "", err
		}
		if i < 0 {
			return "", "", fault.Data("%s: no column score or rank, so that its lists have no order", name)
		}
		score = f.Fields()[i].Name
	}
	return score, rank, nil
}

// order puts one user's entries in their order.
func order(t *Table, c *matrix.CSR, u int, ranked bool) error {
	a, b := c.Offsets[u], c.Offsets[u+1]
	type entry struct {
		rank  int64
		item  uint32
		score float32
	}
	es := make([]entry, b-a)
	for i := range es {
		k := a + uint64(i)
		es[i] = entry{item: c.Index[k], score: c.Value[k]}
		if ranked {
			es[i].rank = c.Time[k]
		}
	}
	slices.SortFunc(es, func(x, y entry) int {
		switch {
		case ranked && x.rank != y.rank:
			return less(x.rank < y.rank)
		case !ranked && x.score != y.score:
			return less(x.score > y.score)
		case x.item != y.item:
			return less(x.item < y.item)
		}
		return 0
	})
	for i, e := range es {
		k := a + uint64(i)
		t.Lists.Items[k], t.Lists.Scores[k] = e.item, e.score
		if !t.Scored {
			t.Lists.Scores[k] = -float32(e.rank)
		}
		if ranked && i > 0 && e.rank == es[i-1].rank {
			return errors.New("two items have the same rank")
		}
	}
	return nil
}

func less(b bool) int {
	if b {
		return -1
	}
	return 1
}
