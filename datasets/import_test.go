package datasets

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/table"
)

// shown is how many rows read makes text of; the others are empty.
const shown = 10_000

// read returns a Parquet file as text: a line of names and types, then a line
// a row, nulls as ~.
func read(t *testing.T, path string) []string {
	t.Helper()
	f, err := table.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	var all []int
	for k, c := range f.Fields() {
		names = append(names, c.Name+" "+c.Type.String())
		all = append(all, k)
	}
	lines := []string{strings.Join(names, ", ")}
	for g := range f.Groups() {
		v, err := f.Read(g, all)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) > shown { // only counted
			lines = append(lines, make([]string, f.GroupRows(g))...)
			continue
		}
		for i := range f.GroupRows(g) {
			if i >= shown {
				lines = append(lines, "")
				continue
			}
			var row []string
			for k := range v {
				c := &v[k]
				switch {
				case c.IsNull(i):
					row = append(row, "~")
				case c.Kind == table.Ints:
					row = append(row, fmt.Sprint(c.Ints[c.At(i)]))
				case c.Kind == table.Floats:
					row = append(row, fmt.Sprint(c.Floats[c.At(i)]))
				case c.Kind == table.Floats32:
					row = append(row, fmt.Sprint(c.Floats32[c.At(i)]))
				default:
					row = append(row, string(c.Bytes(i)))
				}
			}
			lines = append(lines, strings.Join(row, " / "))
		}
	}
	return lines
}

// run imports text that is given as a file of the given name.
func run(t *testing.T, format, name, text string, o ImportOptions) ([]string, ImportReport, error) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, name), filepath.Join(dir, "out.parquet")
	if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	rep, err := Import(context.Background(), format, in, out, o)
	if err != nil {
		left, _ := os.ReadDir(dir)
		if len(left) != 1 {
			t.Errorf("after a failure %d files are left", len(left))
		}
		return nil, rep, err
	}
	lines := read(t, out)
	if int64(len(lines)-1) != rep.Rows {
		t.Errorf("%d rows, the report says %d", len(lines)-1, rep.Rows)
	}
	return lines, rep, nil
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return b.String()
}

func TestImportText(t *testing.T) {
	for _, c := range []struct {
		name, format, file, text string
		o                        ImportOptions
		want                     []string
		found                    string // among what was detected
	}{
		{
			name: "header and types", format: "csv", text: "user_id,item,rating,note\n1,85123A,4.5,\n2,71053,3,x\n",
			want: []string{"user_id int64, item string, rating double, note string", "1 / 85123A / 4.5 / ~", "2 / 71053 / 3 / x"}, found: "a header",
		},
		{
			name: "no header", format: "csv", text: "1\t2\t3\n4\t5\t6\n",
			want: []string{"column1 int64, column2 int64, column3 int64", "1 / 2 / 3", "4 / 5 / 6"}, found: "no header",
		},
		{
			name: "no header, named", format: "csv", text: "1::2::3.0\r\n4::5::6\r\n", o: ImportOptions{Columns: []string{"u", "i", "r"}},
			want: []string{"u int64, i int64, r double", "1 / 2 / 3", "4 / 5 / 6"}, found: "lines end in CRLF",
		},
		{
			name: "quotes", format: "csv", text: "item,title\n1,\"Good, the \"\"Bad\"\"\"\n2,\"two\r\nlines\"\n3,plain \"quotes\" inside\n4,\"\"\n",
			want: []string{"item int64, title string", `1 / Good, the "Bad"`, "2 / two\r\nlines", `3 / plain "quotes" inside`, "4 / ~"},
		},
		{
			name: "quotes as text", format: "csv", text: "item\ttitle\n1\t\"Heroes\n", o: ImportOptions{Quotes: "no"},
			want: []string{"item int64, title string", `1 / "Heroes`},
		},
		{
			name: "gzip, byte order mark, no last line end, blank lines", format: "csv", text: zipped("\xef\xbb\xbfuser;item\n\n1;2\n\r\n3;4"),
			want: []string{"user int64, item int64", "1 / 2", "3 / 4"}, found: "a byte order mark",
		},
		{
			name: "latin-1", format: "csv", text: "item|title\n1|Mis\xe9rables, Les\n2|x\n",
			want: []string{"item int64, title string", "1 / Misérables, Les", "2 / x"}, found: "1 line in Latin-1, written as UTF-8",
		},
		{
			name: "windows-1252", format: "csv", text: "item|title\n1|10 \x80\n",
			want: []string{"item int64, title string", "1 / 10 €"}, found: "1 line in Windows-1252, written as UTF-8",
		},
		{
			name: "utf-8", format: "csv", text: "item|title\n1|Amélie\n",
			want: []string{"item int64, title string", "1 / Amélie"}, found: "UTF-8",
		},
		{
			name: "what is no number", format: "csv", text: "a,b,c,d,e,f,user\n0114709,9223372036854775808,-0,9007199254740993,1e999,+5,u\n1,1,1.5,1.5,1,1,v\n",
			want: []string{"a string, b string, c double, d string, e string, f string, user string", "0114709 / 9223372036854775808 / -0 / 9007199254740993 / 1e999 / +5 / u", "1 / 1 / 1.5 / 1.5 / 1 / 1 / v"},
		},
		{
			name: "limits and nulls", format: "csv", text: "user,x\n-9223372036854775808,1e3\n9223372036854775807,\n,.5\n",
			want: []string{"user int64, x double", "-9223372036854775808 / 1000", "9223372036854775807 / ~", "~ / 0.5"},
		},
		{
			name: "spoilt numbers", format: "csv", text: "user,x\n1,1\n2,NA\n", want: []string{"user int64, x string", "1 / 1", "2 / NA"}, found: "x is text since line 3 has NA",
		},
		{
			name: "header forced off", format: "csv", text: "user,item\na,b\n", o: ImportOptions{Header: "no"},
			want: []string{"column1 string, column2 string", "user / item", "a / b"},
		},
		{
			name: "header forced on", format: "csv", text: "1,2\n3,4\n", o: ImportOptions{Header: "yes"}, want: []string{"1 int64, 2 int64", "3 / 4"},
		},
		{
			name: "blanks between fields", format: "csv", text: "org_id remap_id\n8975 0\n", o: ImportOptions{Delimiter: " "},
			want: []string{"org_id int64, remap_id int64", "8975 / 0"}, found: "space between fields",
		},
		{name: "one column", format: "csv", text: "user\n1\n2\n", want: []string{"user int64", "1", "2"}, found: "one field a line"},
		{
			name: "u.data", format: "movielens", file: "u.data", text: "196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
			want: []string{"user int64, item int64, rating double, timestamp int64", "196 / 242 / 3 / 881250949", "186 / 302 / 3 / 891717742"},
		},
		{
			name: "ratings.csv", format: "movielens", file: "ratings.csv", text: "userId,movieId,rating\n1,2,3\n",
			want: []string{"userId int64, movieId int64, rating double", "1 / 2 / 3"},
		},
		{
			name: "u.item", format: "movielens", file: "u.item", text: "1|\"Mis\xe9rables\"|01-Jan-1995|\n2|1984|02-Jan-1984|\n",
			want: []string{"item int64, title string", `1 / "Misérables"`, "2 / 1984"},
		},
		{
			name: "movies.dat", format: "movielens", file: "movies.dat", text: "1::Toy Story (1995)::Animation|Children's\n2::1984::Drama\n",
			want: []string{"item int64, title string", "1 / Toy Story (1995)", "2 / 1984"},
		},
		{
			name: "lightgcn", format: "lightgcn", text: "0 5 6 7\r\n1\n2  5 \n\n3 9",
			want: []string{"user int64, item int64", "0 / 5", "0 / 6", "0 / 7", "2 / 5", "3 / 9"},
		},
		{
			name: "ncf negatives", format: "ncf", text: "(0,25)\t1064\t174\n(1,133)\t7\t\n",
			want: []string{"user int64, item int64, label int32", "0 / 25 / 1", "0 / 1064 / 0", "0 / 174 / 0", "1 / 133 / 1", "1 / 7 / 0"},
		},
		{
			name: "ncf ratings", format: "ncf", text: "0\t25\t5\t978824351\n",
			want: []string{"user int64, item int64, rating double, timestamp int64", "0 / 25 / 5 / 978824351"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.file
			if file == "" {
				file = "in.txt"
			}
			got, rep, err := run(t, c.format, file, c.text, c.o)
			if err != nil {
				t.Fatalf("%v (%s)", err, fault.HintOf(err))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
			if blank, alone := int64(strings.Count(c.name, "blank lines")*2), int64(strings.Count(c.name, "lightgcn")); c.format == "csv" && rep.BlankLines != blank || rep.UsersWithoutItems != alone {
				t.Errorf("%d blank lines, %d users without items", rep.BlankLines, rep.UsersWithoutItems)
			}
			if c.found != "" && !slices.ContainsFunc(rep.Detected, func(s string) bool { return strings.HasPrefix(s, c.found) }) {
				t.Errorf("detected %q, not %q", rep.Detected, c.found)
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	for _, c := range []struct {
		name, format, text string
		o                  ImportOptions
		want               string // the message behind the file's name
		code               fault.Code
	}{
		{"a short line", "csv", "user,item\n1,2\n3\n4,5\n", ImportOptions{}, ": line 3: has 1 field where the first line has 2: 3", fault.BadData},
		{"a long line", "csv", "1,2\n1,2,\x1b[31m3\n", ImportOptions{}, ": line 2: has 3 fields where the first line has 2: 1,2,\uFFFD[31m3", fault.BadData},
		{"a quote never closed", "csv", "user,item\n1,\"2\n3,4\n", ImportOptions{Delimiter: ","}, `: line 2: a quote is opened here and never closed: 1,"2`, fault.BadData},
		{"a quote never closed, the delimiter found out", "csv", "user,item\n1,2\n3,\"4\n5,6\n", ImportOptions{}, `: line 3: a quote is opened here and never closed: 3,"4`, fault.BadData},
		{"text after a quote, the delimiter found out", "csv", "user;item\n1;\"2\"3\n4;5\n", ImportOptions{}, `: line 2: text after a closing quote: 1;"2"3`, fault.BadData},
		{"text after a quote", "csv", "user,item\n1,\"2\"3\n", ImportOptions{Delimiter: ","}, `: line 2: text after a closing quote: 1,"2"3`, fault.BadData},
		{"no text", "csv", "a,b\n1,\x00\n", ImportOptions{}, ": line 2: has a zero byte, so this is not a text file: 1,\uFFFD", fault.BadData},
		{"utf-16", "csv", "\xff\xfea\x00", ImportOptions{}, ": is UTF-16, which is not read", fault.BadData},
		{"empty", "csv", "", ImportOptions{}, ": is empty", fault.BadData},
		{"only a header", "csv", "user,item\n", ImportOptions{}, ": has a header and no rows", fault.BadData},
		{"two encodings", "csv", "user,item\n1,\xc3\xa9\n2,\xe9\n", ImportOptions{}, ": line 3: is not UTF-8, though other lines are: 2,\uFFFD", fault.BadData},
		{"not utf-8", "csv", "user,item\n1,\xe9\n", ImportOptions{Encoding: "utf-8"}, ": line 2: is not UTF-8: 1,\uFFFD", fault.BadData},
		{"no character", "csv", "user,item\n1,\x81\n", ImportOptions{}, ": line 2: has a byte that neither Latin-1 nor Windows-1252 has: 1,\uFFFD", fault.BadData},
		{"a name twice", "csv", "user,item,user\n1,2,3\n", ImportOptions{Header: "yes"}, ": line 1: two columns are named user", fault.BadData},
		{"a cut gzip", "csv", zipped(strings.Repeat("1,2\n3,4\n", 99))[:20], ImportOptions{}, ": the compressed data ends too early: unexpected EOF", fault.BadData},
		{"a rating that is none", "movielens", "1\t2\t3\n1\t2\tx\n", ImportOptions{}, `: line 2: rating is not a number: x: 1\t2\tx`, fault.BadData},
		{"no ratings", "movielens", "1\t2\n", ImportOptions{}, ": line 1: MovieLens ratings have 3 or 4 fields, not 2", fault.BadData},
		{"no id", "lightgcn", "0 1\n1 2 x 4\n", ImportOptions{}, `: line 2: the item "x" is not a number from 0: 1 2 x `, fault.BadData},
		{"negative", "lightgcn", "0 1\n-1 2\n", ImportOptions{}, `: line 2: the user "-1" is not a number from 0: -1 `, fault.BadData},
		{"no lists", "lightgcn", "0\n1\n", ImportOptions{}, ": has no interactions", fault.BadData},
		{"no pair", "ncf", "(0,1)\t2\n1,2\t3\n", ImportOptions{}, `: line 2: does not begin with (user,item): 1,2\t`, fault.BadData},
		{"half a pair", "ncf", "(0,1)\t2\n(\t3\n", ImportOptions{}, `: line 2: does not begin with (user,item): (\t`, fault.BadData},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := run(t, c.format, "in.txt", c.text, c.o)
			if err == nil {
				t.Fatal("no error")
			}
			if _, msg, _ := strings.Cut(err.Error(), "in.txt"); msg != c.want {
				t.Errorf("got %q, want %q", msg, c.want)
			}
			if fault.CodeOf(err) != c.code {
				t.Errorf("code %d, want %d", fault.CodeOf(err), c.code)
			}
		})
	}
	ctx := context.Background()
	dir := t.TempDir()
	in := filepath.Join(dir, "in.csv")
	if err := os.WriteFile(in, []byte("user,item\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format, in, out string
		o               ImportOptions
		code            fault.Code
	}{
		{"xml", in, "out", ImportOptions{}, fault.Usage},
		{"csv", in, in, ImportOptions{Force: true}, fault.Usage},
		{"csv", in + "x", filepath.Join(dir, "out"), ImportOptions{}, fault.Failed},
		{"csv", dir, filepath.Join(dir, "out"), ImportOptions{}, fault.Usage},
		{"csv", in, dir, ImportOptions{}, fault.Usage},
		{"csv", in, filepath.Join(dir, "no", "out"), ImportOptions{}, fault.Failed},
		{"csv", in, filepath.Join(dir, "out"), ImportOptions{Columns: []string{"a"}}, fault.Usage},
		{"csv", in, filepath.Join(dir, "out"), ImportOptions{Header: "maybe"}, fault.Usage},
		{"csv", in, filepath.Join(dir, "out"), ImportOptions{Quotes: "maybe"}, fault.Usage},
		{"csv", in, filepath.Join(dir, "out"), ImportOptions{Encoding: "koi8-r"}, fault.Usage},
		{"lightgcn", in, filepath.Join(dir, "out"), ImportOptions{Columns: []string{"a", "b"}}, fault.Usage},
	} {
		if _, err := Import(ctx, c.format, c.in, c.out, c.o); err == nil || fault.CodeOf(err) != c.code {
			t.Errorf("%+v: %v, code %d", c, err, fault.CodeOf(err))
		}
	}
	out := filepath.Join(dir, "out.parquet")
	if _, err := Import(ctx, "csv", in, out, ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Import(ctx, "csv", in, out, ImportOptions{}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a file was overwritten unasked: %v", err)
	}
	if _, err := Import(ctx, "csv", in, out, ImportOptions{Force: true}); err != nil {
		t.Errorf("--force: %v", err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Import(stopped, "csv", in, out+"2", ImportOptions{}); fault.CodeOf(err) != fault.Interrupted {
		t.Errorf("a cancelled import ends with %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("%d files are left, want 2", len(left))
	}
}

func TestImportPublicData(t *testing.T) {
	const ml = "ml-latest-small-2018/ml-latest-small/"
	for _, c := range []struct {
		format, file string
		rows         int64
		columns      string
		first        string
	}{
		{"movielens", "ml-100k/u.data", 100_000, "user int64, item int64, rating double, timestamp int64", "196 / 242 / 3 / 881250949"},
		{"csv", "ml-100k/u.data", 100_000, "column1 int64, column2 int64, column3 int64, column4 int64", "196 / 242 / 3 / 881250949"},
		{"movielens", "ml-100k/u.item", 1682, "item int64, title string", "1 / Toy Story (1995)"},
		{"movielens", "ml-1m/ratings.csv.gz", 1_000_209, "user int64, item int64, rating double", "1 / 1193 / 5"},
		{"csv", "ml-1m/infae_split.csv.gz", 1_000_209, "user int64, item int64, rating int64, split int64", "1 / 1193 / 5 / 2"},
		{"ncf", "ml-1m-ncf/ml-1m.test.rating", 6040, "user int64, item int64, rating double, timestamp int64", "0 / 25 / 5 / 978824351"},
		{"ncf", "ml-1m-ncf/ml-1m.test.negative", 604_000, "user int64, item int64, label int32", "0 / 25 / 1"},
		{"lightgcn", "gowalla/light_gcn_gowalla/train.txt", 810_128, "user int64, item int64", "0 / 0"},
		{"lightgcn", "gowalla/light_gcn_gowalla/test.txt", 217_242, "user int64, item int64", ""},
		{"movielens", ml + "ratings.csv", 100_836, "userId int64, movieId int64, rating double, timestamp int64", "1 / 1 / 4 / 964982703"},
		{"movielens", ml + "movies.csv", 9742, "item int64, title string", "1 / Toy Story (1995)"},
		{"csv", ml + "movies.csv", 9742, "movieId int64, title string, genres string", ""},
		{"csv", ml + "tags.csv", 3683, "userId int64, movieId int64, tag string, timestamp int64", "2 / 60756 / funny / 1445714994"},
		{"csv", ml + "links.csv", 9742, "movieId int64, imdbId string, tmdbId int64", "1 / 0114709 / 862"},
		{"csv", "online-retail-cc0/interactions.csv.gz", 397_924, "user int64, item string, rating int64, timestamp int64", "17850 / 85123A / 6 / 1291191960"},
		{"movielens", "spark-sample-movielens/sample_movielens_ratings.txt", 1501, "user int64, item int64, rating double, timestamp int64", "0 / 2 / 3 / 1424380312"},
		{"csv", "spark-sample-movielens/sample_movielens_ratings.txt", 1501, "column1 int64, column2 int64, column3 int64, column4 int64", ""},
	} {
		t.Run(c.format+" "+filepath.Base(c.file), func(t *testing.T) {
			in, out := dataFile(t, c.file), filepath.Join(t.TempDir(), "out.parquet")
			rep, err := Import(context.Background(), c.format, in, out, ImportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%q", rep.Detected)
			lines := read(t, out)
			if rep.Rows != c.rows || int64(len(lines)-1) != c.rows || lines[0] != c.columns || c.first != "" && lines[1] != c.first {
				t.Errorf("%d rows of %s, first %s", rep.Rows, lines[0], lines[1])
			}
		})
	}
}

// The training pairs of the NCF split have a published digest: users and items
// of MovieLens-1M numbered from 0 by first appearance, minus the test pairs,
// as sorted lines.
func TestImportedPairsOfNCF(t *testing.T) {
	if testing.Short() {
		t.Skip("a million rows")
	}
	pairs := func(format, file string) [][2]int64 {
		in, out := dataFile(t, file), filepath.Join(t.TempDir(), "out.parquet")
		if _, err := Import(context.Background(), format, in, out, ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		f, err := table.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var all [][2]int64
		for g := range f.Groups() {
			v, err := f.Read(g, []int{0, 1})
			if err != nil {
				t.Fatal(err)
			}
			for i := range v[0].Ints {
				all = append(all, [2]int64{v[0].Ints[i], v[1].Ints[i]})
			}
		}
		return all
	}
	test := map[[2]int64]bool{}
	for _, p := range pairs("ncf", "ml-1m-ncf/ml-1m.test.rating") {
		test[p] = true
	}
	users, items := map[int64]int64{}, map[int64]int64{}
	number := func(of map[int64]int64, raw int64) int64 {
		n, ok := of[raw]
		if !ok {
			n = int64(len(of))
			of[raw] = n
		}
		return n
	}
	var train [][2]int64
	for _, p := range pairs("movielens", "ml-1m/ratings.csv.gz") {
		p = [2]int64{number(users, p[0]), number(items, p[1])}
		if !test[p] {
			train = append(train, p)
		}
	}
	slices.SortFunc(train, func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	var lines bytes.Buffer
	for _, p := range train {
		fmt.Fprintf(&lines, "%d\t%d\n", p[0], p[1])
	}
	sum := digest.Of(lines.Bytes())
	if len(train) != 994_169 || !strings.HasPrefix(sum.String(), "3936bdbc79d13e58") {
		t.Errorf("%d pairs with digest %s", len(train), sum)
	}
}
