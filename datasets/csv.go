package datasets

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"rechost/host/fault"
	"rechost/host/table"
)

// layout is how delimited text is to be read.
type layout struct {
	delim  string
	quotes bool
	header bool
	names  []string           // of the columns kept
	keep   []int              // which fields they are
	fields int                // in every record
	as     map[int]table.Type // kept column -> type that it must have, instead of the one found
}

var delimiterNames = map[string]string{",": "comma", ";": "semicolon", "\t": "tab", "|": "|", "::": "::", " ": "space"}

func delimiterName(d string) string {
	if n := delimiterNames[d]; n != "" {
		return n + " between fields"
	}
	if d == "" {
		return "one field a line"
	}
	return fault.Clean(d, 20) + " between fields"
}

// look reads the beginning of a file and finds its delimiter, header and
// number of fields.
func look(src *source, o ImportOptions, rep *ImportReport, quote func(delim string) bool) (layout, [][][]byte, error) {
	var l layout
	head, whole, err := src.head(sampleBytes)
	if err != nil {
		return l, nil, err
	}
	l.delim = o.Delimiter
	if l.delim == `\t` || l.delim == "tab" {
		l.delim = "\t"
	}
	if l.delim == "" {
		l.delim = sniffDelimiter(src.name, head, whole, quote)
	} else if strings.ContainsAny(l.delim, "\"\r\n") {
		return l, nil, fault.Use("a delimiter cannot have quotes or line ends in it")
	}
	l.quotes = quote(l.delim)
	recs, err := sample(src.name, head, whole, l.delim, l.quotes)
	if err != nil {
		return l, nil, err
	}
	if len(recs) == 0 {
		return l, nil, fault.Data("%s: is empty", src.name)
	}
	l.fields = len(recs[0])
	var why string
	switch o.Header {
	case "yes", "no":
		l.header, why = o.Header == "yes", "as told"
	default:
		l.header, why = looksLikeHeader(recs)
	}
	rep.found("%s", delimiterName(l.delim))
	if l.header {
		rep.found("a header: %s", why)
	} else {
		rep.found("no header: %s", why)
	}
	l.keep = make([]int, l.fields)
	for k := range l.keep {
		l.keep[k] = k
	}
	return l, recs, nil
}

// headerNames makes column names of the first record.
func headerNames(name string, first [][]byte) ([]string, error) {
	names := make([]string, len(first))
	seen := map[string]bool{}
	for k, f := range first {
		if !utf8.Valid(f) {
			f, _ = appendLatin1(nil, f)
		}
		n := strings.TrimSpace(string(f))
		if strings.ContainsFunc(n, unicode.IsControl) {
			return nil, fault.Data("%s: line 1: a column name has control characters: %s", name, fault.Clean(n, 60))
		}
		if n == "" {
			n = columnName(k)
		}
		if seen[n] {
			return nil, fault.Data("%s: line 1: two columns are named %s", name, fault.Clean(n, 60)).WithHint("name them all: --columns a,b,…")
		}
		seen[n] = true
		names[k] = n
	}
	return names, nil
}

func columnName(k int) string {
	return "column" + string(appendDecimal(nil, uint64(k+1), decimals(k+1)))
}

func decimals(n int) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

func checkNames(names []string, fields int, file string) error {
	if len(names) != fields {
		return fault.Use("%d column names for %s, which has %d columns", len(names), file, fields)
	}
	seen := map[string]bool{}
	for _, n := range names {
		if n == "" || seen[n] {
			return fault.Use("column names must be different and not empty: %s", fault.Clean(strings.Join(names, ","), 120))
		}
		seen[n] = true
	}
	return nil
}

func importCSV(ctx context.Context, src *source, o ImportOptions, rep *ImportReport, out io.Writer) error {
	l, recs, err := look(src, o, rep, func(d string) bool { return o.Quotes != "no" && d != "::" })
	if err != nil {
		return err
	}
	switch {
	case len(o.Columns) > 0:
		if err := checkNames(o.Columns, l.fields, src.name); err != nil {
			return err
		}
		l.names = o.Columns
	case l.header:
		if l.names, err = headerNames(src.name, recs[0]); err != nil {
			return err
		}
	default:
		for k := range l.fields {
			l.names = append(l.names, columnName(k))
		}
		if l.fields == 1 {
			rep.found("a column named %s", l.names[0])
		} else {
			rep.found("columns named %s to %s", l.names[0], l.names[l.fields-1])
		}
	}
	return importDelimited(ctx, src, l, o, rep, out)
}

// importMovieLens knows the shapes of MovieLens files of all releases.
func importMovieLens(ctx context.Context, src *source, o ImportOptions, rep *ImportReport, out io.Writer) error {
	l, recs, err := look(src, o, rep, func(d string) bool { return o.Quotes != "no" && d == "," })
	if err != nil {
		return err
	}
	if l.header {
		if l.names, err = headerNames(src.name, recs[0]); err != nil {
			return err
		}
	}
	base := strings.TrimSuffix(strings.ToLower(filepath.Base(src.name)), ".gz")
	titles := base == "u.item" || strings.HasPrefix(base, "movies.") || l.header && l.fields >= 2 && plainName(recs[0][1]) == "title"
	l.as = map[int]table.Type{}
	switch {
	case titles:
		if l.fields < 2 {
			return fault.Data("%s: line 1: titles have an item and a title, not %d field", src.name, l.fields)
		}
		rep.found("titles: the first two of %d fields", l.fields)
		l.names, l.keep = []string{"item", "title"}, l.keep[:2]
		l.as[1] = table.TypeString // a film called 1984 is not a number
	case !l.header:
		if l.fields != 3 && l.fields != 4 {
			return fault.Data("%s: line 1: MovieLens ratings have 3 or 4 fields, not %d", src.name, l.fields).
				WithHint("import it as csv: rechost datasets import --format csv %s OUT.parquet", src.name)
		}
		rep.found("ratings")
		l.names = []string{"user", "item", "rating", "timestamp"}[:l.fields]
		l.as[2] = table.TypeDouble
	default:
		for k, n := range l.names {
			if plainName([]byte(n)) == "rating" {
				l.as[k] = table.TypeDouble
			}
		}
	}
	if len(o.Columns) > 0 {
		if err := checkNames(o.Columns, len(l.keep), src.name); err != nil {
			return err
		}
		l.names = o.Columns
	}
	return importDelimited(ctx, src, l, o, rep, out)
}

// scan calls fn for every record after the header. It checks the number of
// fields and, now and then, the context.
func scan(ctx context.Context, src *source, l layout, fn func(c *records, fields [][]byte) error) (*records, error) {
	r, err := src.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c := newRecords(src.name, r, l.delim, l.quotes)
	for n := int64(0); ; n++ {
		if n&0xfff == 0 && ctx.Err() != nil {
			return c, ctx.Err()
		}
		fields, err := c.next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		if len(fields) != l.fields {
			return c, c.bad("has %s where the first line has %d", counted(len(fields), "field"), l.fields).
				WithHint("fields are taken to have %s; --delimiter names another", delimiterName(l.delim))
		}
		if n == 0 && l.header {
			continue
		}
		if err := fn(c, fields); err != nil {
			return c, err
		}
	}
}

// importDelimited reads the file once for types and encoding and once for its
// values.
func importDelimited(ctx context.Context, src *source, l layout, o ImportOptions, rep *ImportReport, out io.Writer) error {
	kinds := make([]columnKind, len(l.keep))
	var enc encoding
	c, err := scan(ctx, src, l, func(c *records, fields [][]byte) error {
		enc.see(c.raw, c.first)
		for k, f := range l.keep {
			kinds[k].see(fields[f], c.first)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if kinds[0].values+kinds[0].nulls == 0 {
		return fault.Data("%s: has a header and no rows", src.name)
	}
	rep.BlankLines = c.blank
	if src.gzip {
		rep.found("gzip")
	}
	if src.bom {
		rep.found("a byte order mark, left out")
	}
	if c.crlf {
		rep.found("lines end in CRLF")
	}
	latin1, err := enc.decide(src.name, o.Encoding, rep)
	if err != nil {
		return err
	}
	columns := make([]table.Column, len(l.keep))
	for k := range columns {
		t := kinds[k].is()
		if want, ok := l.as[k]; ok {
			if want == table.TypeDouble && !kinds[k].floats && kinds[k].values > 0 {
				return badNumber(ctx, src, l, k)
			}
			t = want
		} else if kinds[k].spoiltBy != "" {
			rep.found("%s is text since line %d has %s", fault.Clean(l.names[k], 60), kinds[k].spoiltLine, kinds[k].spoiltBy)
		}
		columns[k] = table.Column{Name: l.names[k], Type: t, Optional: kinds[k].nulls > 0}
		rep.Columns = append(rep.Columns, ImportedColumn{Name: l.names[k], Type: t, Nulls: kinds[k].nulls})
	}
	rows, err := newRows(out, columns)
	if err != nil {
		return err
	}
	_, err = scan(ctx, src, l, func(c *records, fields [][]byte) error {
		for k, f := range l.keep {
			if err := rows.put(k, fields[f], latin1); err != nil {
				return c.bad("%v", err)
			}
		}
		return rows.end()
	})
	if cerr := rows.close(); err == nil {
		err = cerr
	}
	rep.Rows = rows.written
	return err
}

// badNumber names the first line whose value in kept column k is no number.
func badNumber(ctx context.Context, src *source, l layout, k int) error {
	_, err := scan(ctx, src, l, func(c *records, fields [][]byte) error {
		if f := fields[l.keep[k]]; len(f) > 0 {
			if _, ok := parseFloat(f); !ok {
				return c.bad("%s is not a number: %s", fault.Clean(l.names[k], 60), fault.Clean(string(f), 40))
			}
		}
		return nil
	})
	if err == nil {
		err = fault.New(fault.Failed, "%s: changed while it was read", src.name)
	}
	return err
}

// decide says whether the file is Latin-1. A file that has both valid UTF-8 of
// several bytes and other bytes above ASCII is an error, since reading it
// as either would garble it, unless the user has said which it is.
func (e *encoding) decide(name, told string, rep *ImportReport) (latin1 bool, err error) {
	bad := func(what string) error {
		err := fault.Data("%s", what)
		err.Msg = lineError(name, e.firstOther, e.otherText, what)
		return err.WithHint("say what it is: --encoding latin-1, or repair the line")
	}
	switch {
	case told == "latin-1":
		rep.found("latin-1, as told, written as UTF-8")
		return true, nil
	case e.otherLines == 0:
		if e.utf8Lines > 0 {
			rep.found("UTF-8")
		}
		return false, nil
	case told == "utf-8":
		return false, bad("is not UTF-8")
	case e.utf8Lines > 0:
		return false, bad("is not UTF-8, though other lines are")
	case e.high:
		rep.found("%s in Windows-1252, written as UTF-8", counted(e.otherLines, "line"))
	default:
		rep.found("%s in Latin-1, written as UTF-8", counted(e.otherLines, "line"))
	}
	return true, nil
}
