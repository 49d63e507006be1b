package recs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
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
// list has twice is an error.
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
	m, err := matrix.Build(ctx, set, matrix.Options{Duplicates: matrix.Error})
	if err != nil {
		return nil, err
	}
	if n := m.Read.LeftOut.Sum(); n > 0 {
		return nil, fault.Data("%s: %d rows lack a user, an item, a score or a rank", name, n)
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
		return "", "", fault.Data("%s: a folder, not a file of recommendations", name)
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

// Targets are users to recommend for.
type Targets struct {
	Users   []uint32 // dense, ascending, without repeats
	Read    int      // ids in the file, repeats and unknown ones included
	Unknown int      // ids that the data does not have
	Sample  string   // the first of them, for a message
}

// ReadIDs reads the users to recommend for: a Parquet file with a user
// column, named column or else found by its name; or text with one id a line;
// or CSV, of which it takes the user column that the header names, or the
// only one.
func ReadIDs(name, column string, users *matrix.IDs) (Targets, error) {
	f, err := os.Open(name)
	if err != nil {
		return Targets{}, fault.Data("%s: %v", name, cause(err))
	}
	defer f.Close()
	var head [4]byte
	n, _ := io.ReadFull(f, head[:])
	var t Targets
	if string(head[:n]) == "PAR1" || string(head[:n]) == "PARE" {
		err = t.parquet(name, column, users)
	} else if _, err = f.Seek(0, io.SeekStart); err == nil {
		err = t.text(name, column, f, users)
	}
	if err != nil {
		return Targets{}, err
	}
	slices.Sort(t.Users)
	t.Users = slices.Compact(t.Users)
	if t.Read == 0 {
		return t, fault.Data("%s: no users in it", name)
	}
	if len(t.Users) == 0 {
		return t, fault.Data("%s: none of its %d users is in the data, not even %s", name, t.Read, t.Sample)
	}
	return t, nil
}

// add counts one id of a file.
func (t *Targets) add(text string, users *matrix.IDs) {
	t.Read++
	if i, ok := users.Find(text); ok {
		t.Users = append(t.Users, uint32(i))
		return
	}
	if t.Unknown == 0 {
		t.Sample = fault.Clean(text, 200)
	}
	t.Unknown++
}

func (t *Targets) parquet(name, column string, users *matrix.IDs) error {
	ids, err := interactions.ReadIDs(name, interactions.User, column)
	if err != nil {
		return err
	}
	for i := range ids.Len() {
		one := matrix.IDs{Type: ids.Type, Values: ids.Values}
		t.add(one.Text(i), users)
	}
	return nil
}

// text reads one id a line, or CSV.
func (t *Targets) text(name, column string, r io.Reader, users *matrix.IDs) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), 1<<20)
	place, separator := -1, byte(0)
	for line := 1; s.Scan(); line++ {
		b := bytes.TrimSuffix(s.Bytes(), []byte("\r"))
		if line == 1 {
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
			header, sep := split(b)
			fields := make([]table.Field, len(header))
			for i, h := range header {
				fields[i] = table.Field{Name: h, Type: table.TypeString}
			}
			i, err := interactions.Choose(name, fields, interactions.User, column)
			switch {
			case err == nil:
				place, separator = i, sep
				continue
			case len(header) > 1:
				return err
			}
		}
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		if place < 0 || separator == 0 {
			t.add(unquote(string(b)), users)
			continue
		}
		fields, _ := splitBy(b, separator)
		if place >= len(fields) {
			return fault.Data("%s: line %d has %d fields, and the user is field %d", name, line, len(fields), place+1)
		}
		t.add(fields[place], users)
	}
	if err := s.Err(); err != nil {
		return fault.Data("%s: %v", name, err)
	}
	return nil
}

// split divides a header by the separator that it has: tab, comma or
// semicolon.
func split(b []byte) ([]string, byte) {
	for _, sep := range []byte("\t,;") {
		if bytes.IndexByte(b, sep) >= 0 {
			return splitBy(b, sep)
		}
	}
	return []string{unquote(string(b))}, 0
}

// splitBy divides a line at separators outside quotes.
func splitBy(b []byte, sep byte) ([]string, byte) {
	var out []string
	quoted, start := false, 0
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			out = append(out, unquote(string(b[start:i])))
			start = i + 1
		}
	}
	return append(out, unquote(string(b[start:]))), sep
}

// unquote takes a CSV field's quotes and doubled quotes away.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return string(bytes.ReplaceAll([]byte(s[1:len(s)-1]), []byte(`""`), []byte(`"`)))
}
