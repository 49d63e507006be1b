package cli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rechost/host/fault"
	"rechost/host/matrix"
	"rechost/host/table"
)

// Names of the columns of a file of titles, whatever their case and
// underscores, the surest first.
var (
	titleItems = []string{"item", "itemid", "iid", "movieid", "productid", "stockcode", "asin", "sku", "trackid", "bookid", "id"}
	titleNames = []string{"title", "name", "itemname", "itemtitle", "movietitle", "productname", "description"}
)

// readTitles reads a title for items of a dictionary, by dense id: from
// Parquet, or else from CSV with a header or one of MovieLens's old files
// without. Items without one have "".
func readTitles(name string, items *matrix.IDs) ([]string, error) {
	titles := make([]string, items.Len())
	take := func(id, title string) {
		if i, ok := items.Find(id); ok && titles[i] == "" {
			titles[i] = title
		}
	}
	var err error
	if isParquet(name) {
		err = parquetTitles(name, take)
	} else {
		err = csvTitles(name, take)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range titles {
		if t != "" {
			return titles, nil
		}
	}
	if len(titles) == 0 {
		return titles, nil
	}
	return nil, fault.Data("%s: has a title for none of the %s in the recommendations", name, plural(len(titles), "item")).
		WithHint("an item there is called %q here", clean(items.Text(0)))
}

// isParquet looks for the magic bytes, so that a name's ending does not count.
func isParquet(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return strings.EqualFold(filepath.Ext(name), ".parquet")
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && (string(magic[:]) == "PAR1" || string(magic[:]) == "PARE")
}

func parquetTitles(name string, take func(id, title string)) error {
	f, err := table.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var names []string
	for _, c := range f.Fields() {
		names = append(names, c.Name)
	}
	item, title, err := titleColumns(name, names)
	if err != nil {
		return err
	}
	fields := f.Fields()
	ids := matrix.IDs{Name: names[item], Type: fields[item].Type}
	texts := matrix.IDs{Name: names[title], Type: fields[title].Type}
	for g := range f.Groups() {
		v, err := f.Read(g, []int{item, title})
		if err != nil {
			return err
		}
		ids.Values, texts.Values = v[0], v[1]
		for r := range v[0].Len() {
			if v[0].IsNull(r) || v[1].IsNull(r) {
				continue
			}
			take(ids.Text(v[0].At(r)), texts.Text(v[1].At(r)))
		}
	}
	return nil
}

func csvTitles(name string, take func(id, title string)) error {
	if fi, err := os.Stat(name); err == nil && fi.IsDir() {
		return fault.Use("%s is a folder, not a file of titles", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return fault.File(name, err)
	}
	defer f.Close()
	b := bufio.NewReaderSize(f, 1<<16)
	first, err := b.Peek(b.Size())
	switch {
	case len(first) == 0 && errors.Is(err, io.EOF):
		return fault.Data("%s: the file is empty", name)
	case err != nil && !errors.Is(err, io.EOF):
		return fault.File(name, err)
	}
	line, _, _ := strings.Cut(string(first), "\n")
	if sep := movieLens(line); sep != "" {
		return splitTitles(name, b, sep, take)
	}
	r := reader(b)
	if r.Comma = separator(line); r.Comma == 0 {
		r.Comma = ','
	}
	head, err := r.Read()
	var pe *csv.ParseError
	switch {
	case errors.As(err, &pe):
		return fault.Data("%s: not a CSV file with a header: %v", name, err)
	case err != nil:
		return fault.File(name, err)
	}
	names := append([]string(nil), head...)
	names[0] = strings.TrimPrefix(names[0], bom)
	item, title, err := titleColumns(name, names)
	if err != nil {
		return err
	}
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fault.Data("%s: %v", name, err)
		case len(row) <= max(item, title):
			line, _ := r.FieldPos(0)
			return fault.Data("%s: line %d has %s, the header has %d", name, line, plural(len(row), "field"), len(names))
		}
		take(strings.Clone(row[item]), latin1(row[title]))
	}
}

// bom is what some programs put before UTF-8.
const bom = "\ufeff"

func reader(f io.Reader) *csv.Reader {
	r := csv.NewReader(f)
	r.ReuseRecord = true
	r.LazyQuotes = true // titles hold quotes that nobody escaped
	r.FieldsPerRecord = -1
	return r
}

// separator is what stands between the names of a header, or 0 where the line
// is no header of titles.
func separator(line string) rune {
	for _, c := range ",\t;|" {
		r := reader(strings.NewReader(strings.TrimPrefix(line, bom)))
		r.Comma = c
		if head, err := r.Read(); err == nil {
			if _, _, err := titleColumns("", head); err == nil {
				return c
			}
		}
	}
	return 0
}

// movieLens is the separator of a file as MovieLens had them first, u.item and
// movies.dat: without a header, an id and a title in front.
func movieLens(line string) string {
	if separator(line) != 0 {
		return ""
	}
	for _, sep := range []string{"::", "|"} {
		if id, _, ok := strings.Cut(line, sep); ok && id != "" && !strings.ContainsAny(id, ",;\t ") {
			return sep
		}
	}
	return ""
}

// splitTitles reads lines of an id, a title and more.
func splitTitles(name string, f io.Reader, sep string, take func(id, title string)) error {
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			continue
		}
		fields := strings.SplitN(line, sep, 3)
		if len(fields) < 2 {
			return fault.Data("%s: line %d has no %s, which stands between the fields of line 1", name, n, sep)
		}
		take(fields[0], latin1(fields[1]))
	}
	if err := lines.Err(); err != nil {
		return fault.File(name, err)
	}
	return nil
}

// latin1 reads bytes that are not UTF-8 as Latin-1, as old public data sets are.
func latin1(s string) string {
	if strings.ToValidUTF8(s, "") == s {
		return strings.Clone(s)
	}
	runes := make([]rune, 0, len(s))
	for i := range len(s) {
		runes = append(runes, rune(s[i]))
	}
	return string(runes)
}

// titleColumns finds the two columns by name.
func titleColumns(file string, names []string) (item, title int, err error) {
	find := func(words []string) int {
		for _, w := range words {
			for i, n := range names {
				if strings.ReplaceAll(strings.ToLower(strings.TrimSpace(n)), "_", "") == w {
					return i
				}
			}
		}
		return -1
	}
	item, title = find(titleItems), find(titleNames)
	for _, x := range []struct {
		at   int
		what string
	}{{item, "item"}, {title, "title"}} {
		if x.at < 0 {
			return 0, 0, fault.Data("%s: no column for the %s: the columns are %s", file, x.what, strings.Join(names, ", ")).
				WithHint("name the columns item and title")
		}
	}
	return item, title, nil
}
