package datasets

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"rechost/host/fault"
	"rechost/host/table"
)

// ImportOptions say how to read a text file. The zero value finds everything
// out and says what it found.
type ImportOptions struct {
	Delimiter string   // csv: between fields, one character or several; "" sniffs , ; tab | and ::
	Header    string   // csv, movielens: "yes", "no", or "" to find out
	Quotes    string   // csv, movielens: "no" takes double quotes as ordinary characters; "" or "yes" as RFC 4180 where fields have one character between them
	Columns   []string // csv, movielens, ncf ratings: names instead of the file's own, or where it has none
	Encoding  string   // csv, movielens: "utf-8", "latin-1" (read as Windows-1252, which contains it), or "" to find out
	Force     bool     // replace a file that exists
}

// ImportedColumn is a column of the file written.
type ImportedColumn struct {
	Name  string     `json:"name"`
	Type  table.Type `json:"type"`
	Nulls int64      `json:"nulls,omitempty"` // empty fields
}

// ImportReport says what was read, how it was understood, and what was
// written.
type ImportReport struct {
	Format            string           `json:"format"`
	In                string           `json:"in"`
	Out               string           `json:"out"`
	Rows              int64            `json:"rows"`
	Bytes             int64            `json:"bytes"`
	Columns           []ImportedColumn `json:"columns"`
	Detected          []string         `json:"detected"` // one finding each, for people
	BlankLines        int64            `json:"blank_lines,omitempty"`
	UsersWithoutItems int64            `json:"users_without_items,omitempty"` // lightgcn: lines with a user alone
}

func (r *ImportReport) found(format string, a ...any) {
	r.Detected = append(r.Detected, fmt.Sprintf(format, a...))
}

// counted is a number of things of a name: 1 line, 2 lines.
func counted[T int | int64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// importers read an open source into out, of which they must have made the
// file's columns before the first row.
var importers = map[string]func(ctx context.Context, in *source, o ImportOptions, rep *ImportReport, out io.Writer) error{
	"csv":       importCSV,
	"movielens": importMovieLens,
	"lightgcn":  importLightGCN,
	"ncf":       importNCF,
}

// Formats lists the formats that Import reads.
func Formats() []string {
	var names []string
	for n := range importers {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Import reads the text file in (plain or gzip, by its content) and writes the
// Parquet file out.
//
//   - csv: rows of fields; quotes as in RFC 4180, CRLF, a byte order mark, UTF-8
//     or Latin-1. A column is int64 where every value is an integer that loses
//     nothing, double where every value is a decimal number, else string:
//     leading zeros, 85123A and numbers beyond 64 bits stay as they are. An
//     empty field is null.
//   - movielens: u.data, ratings.dat, ratings.csv give user, item, rating
//     (double) and timestamp; u.item, movies.dat, movies.csv give item and title.
//     Files without a header get these names; others keep their own.
//   - lightgcn: "user item item …" a line, gives user and item. Users without
//     items are counted.
//   - ncf: the .rating files as movielens; a .negative file gives user, item and
//     label, in the order of the file: first the line's positive with label 1,
//     then its negatives with label 0, all of one user side by side.
//
// A line that does not fit is an error of code fault.BadData that names file,
// line and content. The file appears under its name when it is complete; one
// that exists is an error of code fault.Usage unless Force is set. Text whose types
// must be inferred is read twice, so in must be a file and not a pipe.
func Import(ctx context.Context, format, in, out string, o ImportOptions) (ImportReport, error) {
	rep := ImportReport{Format: format, In: in, Out: out, Detected: []string{}}
	read := importers[format]
	if read == nil {
		return rep, fault.Use("no format %q: the formats are %s", fault.Clean(format, 40), strings.Join(Formats(), ", "))
	}
	if o.Header != "" && o.Header != "yes" && o.Header != "no" {
		return rep, fault.Use("header is yes or no, not %q", fault.Clean(o.Header, 40))
	}
	if o.Quotes != "" && o.Quotes != "yes" && o.Quotes != "no" {
		return rep, fault.Use("quotes is yes or no, not %q", fault.Clean(o.Quotes, 40))
	}
	if o.Encoding != "" && o.Encoding != "utf-8" && o.Encoding != "latin-1" {
		return rep, fault.Use("encoding is utf-8 or latin-1, not %q", fault.Clean(o.Encoding, 40))
	}
	info, err := os.Stat(in)
	switch {
	case err != nil:
		return rep, fault.File(in, err)
	case info.IsDir():
		return rep, fault.Use("%s is a folder, not a file", in)
	case !info.Mode().IsRegular():
		return rep, fault.New(fault.Failed, "%s: not a regular file, as it must be to be read twice", in).
			WithHint("save it to a file, and name that")
	}
	src := &source{name: in}
	rep.Bytes, err = create(out, o.Force, []string{in}, func(w io.Writer) error {
		return read(ctx, src, o, &rep, w)
	})
	return rep, err
}
