package datasets

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"rechost/host/fault"
	"rechost/host/table"
)

// tokens reads a text of short words, without ever holding a line: lines of
// user-item lists may have any length.
type tokens struct {
	name string
	r    *bufio.Reader
	line int64  // of the last word, from 1
	head []byte // the beginning of that line, for messages
	word []byte
}

// wordEnd is what comes behind a word.
type wordEnd uint8

const (
	endField wordEnd = iota // more of the line
	endLine
	endFile
)

const maxWord = 64

// next reads the next word that blanks and tabs end, which may be empty at the end
// of a line.
func (t *tokens) next() ([]byte, wordEnd, error) {
	t.word = t.word[:0]
	for {
		c, err := t.r.ReadByte()
		if err == io.EOF {
			return t.word, endFile, nil
		}
		if err != nil {
			return nil, endFile, fault.Data("%s: after line %d: %v", t.name, t.line, err)
		}
		if len(t.head) < 200 && c != '\n' && c != '\r' {
			t.head = append(t.head, c)
		}
		switch c {
		case ' ', '\t':
			if len(t.word) > 0 {
				return t.word, endField, nil
			}
		case '\r':
			if p, _ := t.r.Peek(1); len(p) == 1 && p[0] != '\n' {
				return nil, endLine, t.bad("has a carriage return in its middle")
			}
		case '\n':
			return t.word, endLine, nil
		default:
			if len(t.word) == maxWord {
				return nil, endField, t.bad("has a word of more than %d characters", maxWord)
			}
			t.word = append(t.word, c)
		}
	}
}

func (t *tokens) startLine() {
	t.line++
	t.head = t.head[:0]
}

func (t *tokens) bad(format string, a ...any) *fault.Error {
	e := fault.Data(format, a...)
	e.Msg = lineError(t.name, t.line, t.head, e.Msg)
	return e
}

// id reads a non-negative integer.
func (t *tokens) id(word []byte, what string) (int64, error) {
	x, ok := parseInt(word)
	if !ok || x < 0 {
		return 0, t.bad("%s %q is not a number from 0", what, fault.Clean(string(word), 30))
	}
	return x, nil
}

var pairColumns = []table.Column{{Name: "user", Type: table.TypeInt64}, {Name: "item", Type: table.TypeInt64}}

// fixed refuses the options that a format without choices has no use for.
func fixed(format string, o ImportOptions) error {
	for _, x := range []struct {
		name string
		set  bool
	}{
		{"delimiter", o.Delimiter != ""},
		{"header", o.Header != ""},
		{"quotes", o.Quotes != ""},
		{"columns", len(o.Columns) > 0},
		{"encoding", o.Encoding != ""},
	} {
		if x.set {
			return fault.Use("%s has a fixed form, which --%s cannot change", format, x.name).WithHint("leave out --%s", x.name)
		}
	}
	return nil
}

// importLightGCN reads "user item item …" a line.
func importLightGCN(ctx context.Context, src *source, o ImportOptions, rep *ImportReport, out io.Writer) error {
	if err := fixed("lightgcn", o); err != nil {
		return err
	}
	return importWords(ctx, src, rep, out, pairColumns, func(t *tokens, word []byte, end wordEnd, rows *rows) error {
		user, err := t.id(word, "the user")
		if err != nil {
			return err
		}
		items := 0
		for end == endField {
			if word, end, err = t.next(); err != nil {
				return err
			}
			if len(word) == 0 { // blanks at the end of the line
				break
			}
			item, err := t.id(word, "the item")
			if err != nil {
				return err
			}
			rows.putInt(0, user)
			rows.putInt(1, item)
			if err := rows.end(); err != nil {
				return err
			}
			items++
		}
		if items == 0 {
			rep.UsersWithoutItems++
		}
		return nil
	})
}

// importNCF reads the files of the NCF repository: NAME.rating, which is as
// u.data, and NAME.negative, "(user,positive) negative negative …" a line.
func importNCF(ctx context.Context, src *source, o ImportOptions, rep *ImportReport, out io.Writer) error {
	head, _, err := src.head(1)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte("(")) {
		if o.Delimiter == "" {
			o.Delimiter = "\t"
		}
		return importMovieLens(ctx, src, o, rep, out)
	}
	if err := fixed("a .negative file", o); err != nil {
		return err
	}
	rep.found("a positive and its negatives a line; label is 1 and 0: --min-value 1 keeps the positives")
	columns := append(pairColumns[:2:2], table.Column{Name: "label", Type: table.TypeInt32})
	return importWords(ctx, src, rep, out, columns, func(t *tokens, word []byte, end wordEnd, rows *rows) error {
		u, i, ok := bytes.Cut(bytes.TrimSuffix(bytes.TrimPrefix(word, []byte("(")), []byte(")")), []byte(","))
		if !ok || word[0] != '(' || word[len(word)-1] != ')' {
			return t.bad("does not begin with (user,item)")
		}
		user, err := t.id(u, "the user")
		if err != nil {
			return err
		}
		positive, err := t.id(i, "the item")
		if err != nil {
			return err
		}
		put := func(item, label int64) error {
			rows.putInt(0, user)
			rows.putInt(1, item)
			rows.putInt(2, label)
			return rows.end()
		}
		if err := put(positive, 1); err != nil {
			return err
		}
		for end == endField {
			if word, end, err = t.next(); err != nil {
				return err
			}
			if len(word) == 0 {
				break
			}
			item, err := t.id(word, "the item")
			if err != nil {
				return err
			}
			if err := put(item, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// importWords reads a text line by line: fn is given the first word of each
// and reads the others up to the line's end.
func importWords(ctx context.Context, src *source, rep *ImportReport, out io.Writer, columns []table.Column,
	fn func(t *tokens, word []byte, end wordEnd, rows *rows) error,
) error {
	in, err := src.open()
	if err != nil {
		return err
	}
	defer in.Close()
	for _, c := range columns {
		rep.Columns = append(rep.Columns, ImportedColumn{Name: c.Name, Type: c.Type})
	}
	rows, err := newRows(out, columns)
	if err != nil {
		return err
	}
	t := &tokens{name: src.name, r: bufio.NewReaderSize(in, 1<<16)}
	err = func() error {
		for {
			t.startLine()
			if t.line&0xff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			word, end, err := t.next()
			switch {
			case err != nil:
				return err
			case len(word) > 0:
				if err := fn(t, word, end, rows); err != nil {
					return err
				}
			case end == endLine:
				rep.BlankLines++
			}
			if end == endFile {
				return nil
			}
			if _, err := t.r.Peek(1); err == io.EOF {
				return nil
			}
		}
	}()
	if cerr := rows.close(); err == nil {
		err = cerr
	}
	rep.Rows = rows.written
	if src.gzip {
		rep.found("gzip")
	}
	if err == nil && rep.Rows == 0 {
		return fault.Data("%s: has no interactions", src.name)
	}
	return err
}
