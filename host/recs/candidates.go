package recs

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/table"
)

// Candidates are the items that lists may hold: for each user, or the same for
// everybody.
type Candidates struct {
	ForAll  bool          // one row, which holds for every user
	Offsets []uint64      // users of the data + 1, or 2; from 0
	Items   []uint32      // dense, ascending within a row, each once
	Read    int64         // rows of the file that name what they must; in Parquet repeats count once
	LeftOut int64         // rows that do not: a null or empty id
	Unknown int64         // of Read, those with a user or an item that the data does not have
	Sample  string        // the first of them, for a message
	Digest  digest.Digest // of the file's bytes
}

// Row is the candidates of a user, a dense id.
func (c *Candidates) Row(user uint32) []uint32 {
	if c.ForAll {
		user = 0
	}
	return c.Items[c.Offsets[user]:c.Offsets[user+1]]
}

// Of is the rows of some users: where each ends, from 0, and the items.
func (c *Candidates) Of(users []uint32) (offsets []uint64, items []uint32) {
	offsets = make([]uint64, 1, len(users)+1)
	for _, u := range users {
		items = append(items, c.Row(u)...)
		offsets = append(offsets, uint64(len(items)))
	}
	return offsets, items
}

// Without counts those of users who have no candidate, whose lists are empty.
func (c *Candidates) Without(users []uint32) (n int) {
	for _, u := range users {
		if len(c.Row(u)) == 0 {
			n++
		}
	}
	return n
}

// ReadCandidates reads a file of candidates: Parquet, or text whose fields are
// divided by tabs, commas or semicolons, with a user and an item column; or
// with one column, of items, for everybody. Columns have the names that m's
// have, or are found as m's are. Text of one column needs no header.
func ReadCandidates(ctx context.Context, name string, m *matrix.Matrix) (*Candidates, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.File(name, err)
	}
	defer f.Close()
	p := &pairs{name: name, m: m}
	sum := sha256.New()
	r := bufio.NewReader(io.TeeReader(f, sum))
	if head, _ := r.Peek(4); string(head) == "PAR1" || string(head) == "PARE" {
		err = p.parquet(ctx)
	} else if err = p.text(ctx, r); err == nil {
		p.c.Digest = digest.Digest(sum.Sum(nil))
	}
	if err != nil {
		return nil, err
	}
	switch {
	case p.c.Read == 0:
		return nil, fault.Data("%s: no candidates in it", name)
	case len(p.list) == 0:
		return nil, fault.Data("%s: none of its %d rows is of the data, not even %s", name, p.c.Read, p.c.Sample)
	}
	return p.rows(), nil
}

// pairs gathers what a file of candidates has of the data.
type pairs struct {
	name string
	m    *matrix.Matrix
	list []uint64 // user<<32 | item, dense; users are 0 where the candidates are for all
	c    Candidates
}

// rows makes rows of the pairs.
func (p *pairs) rows() *Candidates {
	if !slices.IsSorted(p.list) {
		slices.Sort(p.list)
	}
	p.list = slices.Compact(p.list)
	c, users := &p.c, p.m.Users.Len()
	if c.ForAll {
		users = 1
	}
	c.Offsets, c.Items = make([]uint64, users+1), make([]uint32, len(p.list))
	for e, x := range p.list {
		c.Offsets[x>>32+1]++
		c.Items[e] = uint32(x)
	}
	for u := range users {
		c.Offsets[u+1] += c.Offsets[u]
	}
	return c
}

// columns finds the places of the user and the item column; that of users is
// -1 in a file of one column.
func (p *pairs) columns(fields []table.Field) (user, item int, err error) {
	flat := 0
	for _, f := range fields {
		if !f.Nested {
			flat++
		}
	}
	choose := func(role interactions.Role, asInData string) (int, error) {
		if i, err := interactions.Choose(p.name, fields, role, asInData); err == nil {
			return i, nil
		}
		i, err := interactions.Choose(p.name, fields, role, "")
		var e *fault.Error
		if errors.As(err, &e) {
			err = e.WithHint("call the columns %s and %s as the data does, or leave one column, of items, for everybody", p.m.Users.Name, p.m.Items.Name)
		}
		return i, err
	}
	user = -1
	if p.c.ForAll = flat == 1; !p.c.ForAll {
		if user, err = choose(interactions.User, p.m.Users.Name); err != nil {
			return -1, -1, err
		}
	}
	item, err = choose(interactions.Item, p.m.Items.Name)
	return user, item, err
}

// miss counts a row that is not of the data.
func (p *pairs) miss(what, id string) {
	if p.c.Unknown == 0 {
		p.c.Sample = what + " " + fault.Clean(id, 200)
	}
	p.c.Unknown++
}

func (p *pairs) parquet(ctx context.Context) error {
	f, err := table.Open(p.name)
	if err != nil {
		return err
	}
	fields := f.Fields()
	f.Close()
	user, item, err := p.columns(fields)
	if err != nil {
		return err
	}
	if user < 0 {
		ids, err := interactions.ReadIDs(p.name, interactions.Item, fields[item].Name)
		if err != nil {
			return err
		}
		p.c.Digest = ids.Digest
		one := matrix.IDs{Type: ids.Type, Values: ids.Values}
		for i := range ids.Len() {
			p.add("", one.Text(i))
		}
		return nil
	}
	set, err := interactions.Open([]string{p.name}, interactions.Options{User: fields[user].Name, Item: fields[item].Name, NoValue: true, NoTime: true})
	if err != nil {
		return err
	}
	defer set.Close()
	m, err := matrix.Build(ctx, set, matrix.Options{})
	if err != nil {
		return err
	}
	p.c.Digest, p.c.Read, p.c.LeftOut = m.Read.Files[0].Digest, int64(m.ByUser.Entries()), m.Read.LeftOut.Sum()
	users, items := match(&p.m.Users, &m.Users), match(&p.m.Items, &m.Items)
	for u, du := range users {
		row, _ := m.ByUser.Row(u)
		for _, i := range row {
			switch {
			case du == matrix.None:
				p.miss("user", m.Users.Text(u))
			case items[i] == matrix.None:
				p.miss("item", m.Items.Text(int(i)))
			default:
				p.list = append(p.list, uint64(du)<<32|uint64(items[i]))
			}
		}
	}
	return nil
}

// match returns for each id of a file its dense id in the data, or None. Ids
// of another type match by their texts.
func match(data, file *matrix.IDs) []uint32 {
	dense, ok := data.Match(file)
	if ok {
		return dense
	}
	for i := range dense {
		if d, ok := data.Find(file.Text(i)); ok {
			dense[i] = uint32(d)
		}
	}
	return dense
}

// find looks an id up as it stands, then without blanks around it.
func find(d *matrix.IDs, text string) (int, bool) {
	i, ok := d.Find(text)
	if !ok {
		i, ok = d.Find(strings.TrimSpace(text))
	}
	return i, ok
}

// add takes one row of the file. user is not looked at where the candidates
// are for all.
func (p *pairs) add(user, item string) {
	if strings.TrimSpace(item) == "" || !p.c.ForAll && strings.TrimSpace(user) == "" {
		p.c.LeftOut++
		return
	}
	p.c.Read++
	u := 0
	if !p.c.ForAll {
		var ok bool
		if u, ok = find(&p.m.Users, user); !ok {
			p.miss("user", user)
			return
		}
	}
	i, ok := find(&p.m.Items, item)
	if !ok {
		p.miss("item", item)
		return
	}
	p.list = append(p.list, uint64(u)<<32|uint64(i))
}

func (p *pairs) text(ctx context.Context, r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), longestLine)
	user, item, separator := -1, 0, byte(0)
	for line := 1; s.Scan(); line++ {
		if line%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b := bytes.TrimSuffix(s.Bytes(), []byte("\r"))
		if line == 1 {
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
			header, sep := split(bytes.TrimRight(b, " \t"))
			fields := make([]table.Field, len(header))
			for i, h := range header {
				fields[i] = table.Field{Name: h, Type: table.TypeString}
			}
			var err error
			if user, item, err = p.columns(fields); err == nil {
				separator = sep
				continue
			} else if len(header) > 1 {
				return err
			}
			user, item = -1, 0
		}
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		fields := []string{unquote(string(b))}
		if separator != 0 {
			fields, _ = splitBy(b, separator)
		}
		if place := max(user, item); place >= len(fields) {
			return fault.Data("%s: line %d has %s, and field %d is wanted", p.name, line, countText(len(fields), "field"), place+1)
		}
		u := ""
		if user >= 0 {
			u = fields[user]
		}
		p.add(u, fields[item])
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fault.Data("%s: a line of more than %d bytes", p.name, longestLine)
	case err != nil:
		return fault.File(p.name, err)
	}
	return nil
}

func countText(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Notes says of a person's file of candidates what of it was not used, and how
// many of the users to recommend for it leaves without a list.
func (c *Candidates) Notes(name string, users []uint32) (notes []string) {
	if c.Unknown > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s not of the data: %s, for one", name, countText(int(c.Unknown), "row"), c.Sample))
	}
	if c.LeftOut > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s without a user or an item", name, countText(int(c.LeftOut), "row")))
	}
	if n := c.Without(users); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: no candidates for %s, who get no list", name, countText(n, "user")))
	}
	return notes
}
