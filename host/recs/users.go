package recs

import (
	"bufio"
	"bytes"
	"cmp"
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

// Targets are users to recommend for.
type Targets struct {
	Users   []uint32      // dense, ascending, without repeats
	Read    int           // ids in the file, repeats and unknown ones included
	Unknown int           // of Read, ids that the data does not have
	Sample  string        // the first of them, for a message
	Digest  digest.Digest // of the bytes that were read
}

// ReadIDs reads the users to recommend for: a Parquet file with a user
// column, named column or else found by its name; or text with one id a line;
// or CSV, of which it takes the user column that the header names, or the
// only one. Blanks around an id and empty lines do not count. Text may come
// from a pipe.
func ReadIDs(name, column string, users *matrix.IDs) (Targets, error) {
	f, err := os.Open(name)
	if err != nil {
		return Targets{}, fault.File(name, err)
	}
	defer f.Close()
	var t Targets
	sum := sha256.New()
	r := bufio.NewReader(io.TeeReader(f, sum))
	if head, _ := r.Peek(4); string(head) == "PAR1" || string(head) == "PARE" {
		err = t.parquet(name, column, users)
	} else if err = t.text(name, column, r, users); err == nil {
		t.Digest = digest.Digest(sum.Sum(nil))
	}
	if err != nil {
		return Targets{}, err
	}
	slices.Sort(t.Users)
	t.Users = slices.Compact(t.Users)
	switch {
	case t.Read == 0:
		return t, fault.Data("%s: no users in it", name)
	case len(t.Users) > 0:
		return t, nil
	case t.Read == 1:
		return t, fault.Data("%s: its only user, %s, is not in the data", name, t.Sample)
	}
	return t, fault.Data("%s: none of its %d users is in the data, not even %s", name, t.Read, t.Sample)
}

// Missing says of a person's file of users how many the data does not have,
// or "" where it has all.
func (t *Targets) Missing(name string) string {
	switch t.Unknown {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%s: user %s is not in the data and gets no list", name, t.Sample)
	}
	return fmt.Sprintf("%s: %d of its users are not in the data and get no list: %s, for one", name, t.Unknown, t.Sample)
}

// add counts one id of a file. An id in the data may itself have blanks around
// it, so it is looked for as it stands first.
func (t *Targets) add(text string, users *matrix.IDs) {
	i, ok := users.Find(text)
	if !ok {
		text = strings.TrimSpace(text)
		i, ok = users.Find(text)
	}
	switch {
	case ok:
		t.Users = append(t.Users, uint32(i))
	case text == "":
		return
	default:
		if t.Unknown == 0 {
			t.Sample = fault.Clean(text, 200)
		}
		t.Unknown++
	}
	t.Read++
}

func (t *Targets) parquet(name, column string, users *matrix.IDs) error {
	ids, err := interactions.ReadIDs(name, interactions.User, column)
	if err != nil {
		return inUsersFile(err, column)
	}
	for i := range ids.Len() {
		one := matrix.IDs{Type: ids.Type, Values: ids.Values}
		t.add(one.Text(i), users)
	}
	t.Digest = ids.Digest
	return nil
}

// inUsersFile gives an error about the columns of a file of users its hint:
// --user names the column of the data as well, so that is not the way out.
func inUsersFile(err error, column string) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Hint == "" {
		return err
	}
	return e.WithHint("call the column %s in this file, or make it text with one id a line", cmp.Or(column, "user"))
}

// longestLine is the most bytes of a line of text that are read.
const longestLine = 1 << 20

// text reads one id a line, or CSV.
func (t *Targets) text(name, column string, r io.Reader, users *matrix.IDs) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), longestLine)
	place, separator := -1, byte(0)
	for line := 1; s.Scan(); line++ {
		b := bytes.TrimSuffix(s.Bytes(), []byte("\r"))
		if line == 1 {
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
			header, sep := split(bytes.TrimRight(b, " \t"))
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
				return inUsersFile(err, column)
			}
		}
		if len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		if separator == 0 {
			t.add(unquote(string(b)), users)
			continue
		}
		fields, _ := splitBy(b, separator)
		if place >= len(fields) {
			return fault.Data("%s: line %d has %d fields, and the user is field %d", name, line, len(fields), place+1)
		}
		t.add(fields[place], users)
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fault.Data("%s: a line of more than %d bytes, which is no user", name, longestLine)
	case err != nil:
		return fault.File(name, err)
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
