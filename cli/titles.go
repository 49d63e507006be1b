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
// Parquet, or else from CSV with a header. Items without one have "".
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
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<16))
	r.ReuseRecord = true
	r.LazyQuotes = true // titles hold quotes that nobody escaped
	r.FieldsPerRecord = -1
	head, err := r.Read()
	var pe *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return fault.Data("%s: the file is empty", name)
	case errors.As(err, &pe):
		return fault.Data("%s: not a CSV file with a header: %v", name, err)
	case err != nil:
		return fault.File(name, err)
	}
	names := append([]string(nil), head...)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
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
