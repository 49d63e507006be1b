package interactions

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/table"
)

// col is a column of a test file.
type col struct {
	name string
	t    table.Type
	v    table.Vector
}

func ints64(name string, x ...int64) col { return col{name, table.TypeInt64, table.IntVector(x)} }
func text(name string, x ...string) col  { return col{name, table.TypeString, table.BytesVector(x...)} }
func doubles(name string, x ...float64) col {
	return col{name, table.TypeDouble, table.FloatVector(x)}
}

func file(t *testing.T, name string, cols ...col) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var cs []table.Column
	var vs []table.Vector
	for _, c := range cols {
		cs = append(cs, table.Column{Name: c.name, Type: c.t, Optional: c.v.Null != nil})
		vs = append(vs, c.v)
	}
	w, err := table.NewWriter(&b, cs, 1)
	if err == nil {
		err = w.Write(vs)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// read gives each interaction as text, sorted: user item value time.
func read(paths []string, o Options) ([]string, Report, error) {
	o.Workers = 1
	set, err := Open(paths, o)
	if err != nil {
		return nil, Report{}, err
	}
	defer set.Close()
	type raw struct {
		s string
		t int64
	}
	var rows []raw
	id := func(v *table.Vector, i int) string {
		switch v.Kind {
		case table.Ints:
			return fmt.Sprint(v.Ints[i])
		case table.Uints:
			return fmt.Sprint(v.Uints[i])
		}
		return string(v.Bytes(i))
	}
	err = set.Scan(context.Background(), func(_, _ int, b *Batch) error {
		for i := range b.User.Len() {
			r := raw{s: id(&b.User, i) + " " + id(&b.Item, i)}
			if b.Value != nil {
				r.s += fmt.Sprint(" ", b.Value[i])
			}
			if b.Time != nil {
				r.t = b.Time[i]
			}
			rows = append(rows, r)
		}
		return nil
	})
	var out []string
	for _, r := range rows {
		if set.report.Time != nil {
			r.s += fmt.Sprint(" @", set.Micros(r.t))
		}
		out = append(out, r.s)
	}
	slices.Sort(out)
	return out, set.Report(), err
}

func TestColumnsByName(t *testing.T) {
	dir := t.TempDir()
	one := func(names ...string) string {
		var cols []col
		for _, n := range names {
			cols = append(cols, ints64(n, 1))
		}
		return file(t, filepath.Join(dir, "ratings.parquet"), cols...)
	}
	tests := []struct {
		names []string
		o     Options
		want  string // user item value time, or the error
		hint  string
	}{
		{[]string{"user", "item"}, Options{}, "user item - -", ""},
		{[]string{"user", "item"}, Options{User: "user", Item: "item"}, "user item - -", ""}, // no column is left to look at
		{[]string{"Customer ID", "StockCode", "Quantity", "InvoiceDate"}, Options{}, "Customer ID StockCode Quantity InvoiceDate", ""},
		{[]string{"user_id:token", "item_id:token", "rating:float", "timestamp:float"}, Options{}, "user_id:token item_id:token rating:float timestamp:float", ""},
		{[]string{"timestamp", "movieId", "rating", "userId"}, Options{}, "userId movieId rating timestamp", ""},
		{[]string{"asin", "parent_asin", "user_id"}, Options{}, "ratings.parquet: more than one column for items: asin, parent_asin", "say which: --item asin"},
		{[]string{"asin", "parent_asin", "user_id"}, Options{Item: "parent_asin"}, "user_id parent_asin - -", ""},
		{[]string{"who", "movieId", "rating"}, Options{}, "ratings.parquet: no column for users: the columns are who, movieId, rating", "name it: --user who"},
		{[]string{"user", "what it is", "rating"}, Options{}, "ratings.parquet: no column for items: the columns are user, what it is, rating", "name it: --item 'what it is'"},
		{[]string{"who", "movieId", "rating"}, Options{User: "who"}, "who movieId rating -", ""},
		{[]string{"who", "movieId"}, Options{User: "WHO"}, "who movieId - -", ""},
		{[]string{"who", "movieId"}, Options{User: "who", Item: "movieId"}, "who movieId - -", ""},
		{[]string{"who", "movieId"}, Options{User: "nobody"}, "ratings.parquet: no column nobody for users: the columns are who, movieId", "say which: --user who"},
		{[]string{"user", "item", "rating", "count"}, Options{}, "ratings.parquet: more than one column for values: rating, count", "say which: --value rating"},
		{[]string{"user", "item", "rating", "count"}, Options{NoValue: true}, "user item - -", ""},
		{[]string{"user", "item", "rating"}, Options{User: "rating"}, "rating item - -", ""},
		{[]string{"user", "item", "time", "date"}, Options{NoTime: true}, "user item - -", ""},
		{[]string{"user", "item"}, Options{Value: "item"}, "ratings.parquet: no column for items: the columns are user", "name it: --item user"},
		{[]string{"user", "item"}, Options{MinValue: new(float64)}, "ratings.parquet: no column for values, which a smallest value needs", "name it: --value COLUMN"},
		{[]string{"user", "item", "x"}, Options{User: "x", Item: "x"}, "column x cannot give both users and items", ""},
	}
	for _, tt := range tests {
		set, err := Open([]string{one(tt.names...)}, tt.o)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), dir+"/")
		} else {
			r := set.Report()
			name := func(c *Column) string {
				if c == nil {
					return "-"
				}
				return c.Name
			}
			got = fmt.Sprint(r.User.Name, " ", r.Item.Name, " ", name(r.Value), " ", name(r.Time))
			set.Close()
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.names, got, tt.want)
		}
		if tt.hint != "" && fault.HintOf(err) != tt.hint {
			t.Errorf("%v: hint %q, want %q", tt.names, fault.HintOf(err), tt.hint)
		}
	}
}

// A column inside a list or struct is never read, and is named where it is
// what stands in the way.
func TestNestedColumns(t *testing.T) {
	fields := []table.Field{{Name: "user.id", Nested: true}, {Name: "item_id"}, {Name: "rating.list.element", Nested: true}, {Name: "x"}}
	for _, tt := range []struct {
		role     Role
		explicit string
		want     string
		hint     string
	}{
		{User, "", "f: column user.id is inside a list, map or struct, which cannot give users", "write the file again with user.id as a column of its own"},
		{User, "user.id", "f: column user.id is inside a list, map or struct, which cannot give users", "write the file again with user.id as a column of its own"},
		{User, "USER", "f: column user.id is inside a list, map or struct, which cannot give users", "write the file again with user.id as a column of its own"},
		{User, "x", "3", ""},
		{User, "y", "f: no column y for users: the columns are item_id, x", "say which: --user x"},
		{Item, "", "1", ""},
		{Value, "", "-1", ""},
		{Value, "rating", "f: column rating.list.element is inside a list, map or struct, which cannot give values", "write the file again with rating.list.element as a column of its own"},
	} {
		i, err := Choose("f", fields, tt.role, tt.explicit)
		got := fmt.Sprint(i)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want || fault.HintOf(err) != tt.hint {
			t.Errorf("%s %q: %s (%s), want %s (%s)", tt.role, tt.explicit, got, fault.HintOf(err), tt.want, tt.hint)
		}
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	pair := func(u int64) []col { return []col{ints64("user", u), ints64("item", 0)} }
	file(t, "a.parquet", pair(1)...)
	file(t, "d/b.parquet", pair(2)...)
	file(t, "d/deep/c.PARQUET", pair(3)...)
	file(t, "d/_hidden.parquet", pair(90)...)
	file(t, "d/.hidden.parquet", pair(91)...)
	file(t, "d/_temporary/x.parquet", pair(92)...)
	os.Mkdir("e", 0o700)
	os.WriteFile("e/empty.parquet", nil, 0o600)
	os.WriteFile("e/_empty.parquet", nil, 0o600)
	os.WriteFile("d/_SUCCESS", nil, 0o600)
	os.WriteFile("d/notes.txt", []byte("x"), 0o600)
	os.Mkdir("none", 0o700)
	file(t, "h/day=1/user=7/x.parquet", ints64("item", 5))
	file(t, "h/day=1/user=8/x.parquet", ints64("item", 6))
	file(t, "h/day=2/user=__HIVE_DEFAULT_PARTITION__/x.parquet", ints64("item", 7))
	file(t, "s/user=a%2Fb/x.parquet", ints64("item", 7))
	file(t, "s/user=7/x.parquet", ints64("item", 8))
	file(t, "n/x.parquet", ints64("user", 1), ints64("item", 2), ints64("extra", 3))
	file(t, "t/item=2/x.parquet", ints64("user", 1), ints64("item", 2))
	file(t, "o/extra=2/x.parquet", ints64("user", 1), ints64("item", 2), ints64("extra", 3))
	tests := []struct {
		paths []string
		want  string
	}{
		{[]string{"a.parquet"}, "[1 0]"},
		{[]string{"d"}, "[2 0 3 0]"},
		{[]string{"d", "a.parquet", "d/b.parquet"}, "[1 0 2 0 3 0]"},
		{[]string{"*.parquet"}, "[1 0]"},
		{[]string{"d/*"}, "error: d/notes.txt: not a readable Parquet file: 1 bytes are too few"},
		{[]string{"d/_h*.parquet"}, "[90 0]"},
		{[]string{"d/*/*.[pP]*"}, "[3 0]"},
		{[]string{"d/_t*/*.parquet"}, "[92 0]"},
		{[]string{"./d/../d/de*/*"}, "[3 0]"},
		{[]string{"../*/h/*/*/x.parquet"}, "[7 5 8 6]"},
		{[]string{"d/**/*.parquet"}, "error: d/**/*.parquet: patterns have no **, for folders of any depth"},
		{[]string{"h"}, "[7 5 8 6]"},
		{[]string{"s"}, "[7 8 a/b 7]"},
		{[]string{"t"}, "error: t/item=2/x.parquet: items twice: the file has a column item, and a folder is named item=2"},
		{[]string{"o"}, "[1 2]"}, // a column that nobody reads
		{[]string{"missing.parquet"}, "error: missing.parquet: no such file or directory"},
		{[]string{"no*.parquet"}, "error: no*.parquet: nothing matches this pattern"},
		{[]string{"none"}, "error: none: no file in this folder ends in .parquet (names that begin with _ or . do not count)"},
		{[]string{"e/empty.parquet"}, "error: e/empty.parquet: the file is empty"},
		{[]string{"e"}, "error: e/empty.parquet: the file is empty"},
		{[]string{"e/*.parquet"}, "error: e/empty.parquet: the file is empty"},
		{[]string{"a.parquet", "n"}, "error: n/x.parquet: a column extra, which a.parquet has not: files of one data set have the same columns"},
		{nil, "error: no input: name Parquet files, folders or patterns"},
	}
	for _, tt := range tests {
		rows, rep, err := read(tt.paths, Options{NoTime: true})
		got := fmt.Sprint(rows)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.paths, got, tt.want)
		}
		for _, f := range rep.Files {
			if d, n, err := digest.OfFile(f.Path); err != nil || d != f.Digest || n != f.Size {
				t.Errorf("%s: digest %s, size %d", f.Path, f.Digest.Short(), f.Size)
			}
		}
	}
	_, rep, _ := read([]string{"h"}, Options{NoTime: true})
	if rep.LeftOut.User != 1 || !rep.User.Hive || rep.User.Type != table.TypeInt64 || len(rep.Fields) != 3 {
		t.Errorf("folders' columns: %+v", rep)
	}
}

func TestTypes(t *testing.T) {
	null := func(c col, rows ...int) col {
		c.v.Null = make([]bool, c.v.Len())
		for _, r := range rows {
			c.v.Null[r] = true
		}
		return c
	}
	nan := math.NaN()
	least := 2.5
	u8 := table.Type{Physical: table.Int32, Logical: table.Integer, Bits: 8, Unsigned: true}
	u64 := table.Type{Physical: table.Int64, Logical: table.Integer, Bits: 64, Unsigned: true}
	dec := table.Type{Physical: table.FixedLen, Length: 12, Logical: table.Decimal, Precision: 25}
	tests := []struct {
		name string
		cols [][]col // of each file
		o    Options
		want string
		left LeftOut
	}{
		{"floats with nulls", [][]col{{doubles("user", 17850, nan, -3), ints64("item", 1, 2, 3)}}, Options{}, "[-3 3 17850 1]", LeftOut{User: 1}},
		{"a fractional id", [][]col{{doubles("user", 1, 2.5), ints64("item", 1, 2)}}, Options{}, "error: 0.parquet: row 1 (counting from 0): user 2.5 in column user is not a whole number: ids that are floats must be", LeftOut{}},
		{"an infinite id", [][]col{{doubles("user", math.Inf(1)), ints64("item", 1)}}, Options{}, "error: 0.parquet: row 0 (counting from 0): user +Inf in column user is not a whole number: ids that are floats must be", LeftOut{}},
		{"null ids", [][]col{{null(text("user", "a", "", "c"), 0), null(ints64("item", 1, 2, 3), 2)}}, Options{}, "[ 2]", LeftOut{User: 1, Item: 1}},
		{"values", [][]col{{ints64("user", 1, 2, 3, 4), ints64("item", 1, 2, 3, 4), null(doubles("rating", 1, nan, 2.5, 4), 3)}}, Options{}, "[1 1 1 3 3 2.5]", LeftOut{Value: 2}},
		{"smallest value", [][]col{{ints64("user", 1, 2, 3), ints64("item", 1, 2, 3), doubles("rating", 1, 2.5, 4)}}, Options{MinValue: &least}, "[2 2 2.5 3 3 4]", LeftOut{MinValue: 1}},
		{"smallest value, pairs", [][]col{{ints64("user", 1, 2, 3), ints64("item", 1, 2, 3), doubles("rating", 1, 2.5, 4)}}, Options{MinValue: &least, NoValue: true}, "[2 2 3 3]", LeftOut{MinValue: 1}},
		{"infinite value", [][]col{{ints64("user", 1), ints64("item", 1), doubles("rating", 1e300)}}, Options{}, "error: 0.parquet: row 0 (counting from 0): the value in column rating is infinite, or too large for 32-bit floating point", LeftOut{}},
		{"text value", [][]col{{ints64("user", 1), ints64("item", 1), text("rating", "5")}}, Options{}, "error: 0.parquet: column rating is string, which cannot be a value: numbers, decimals and booleans can", LeftOut{}},
		{"decimal value", [][]col{{ints64("user", 1), ints64("item", 1), {"rating", table.Type{Physical: table.Int32, Logical: table.Decimal, Precision: 5, Scale: 2}, table.IntVector([]int64{125})}}}, Options{}, "[1 1 1.25]", LeftOut{}},
		{"small unsigned", [][]col{{{"user", u8, table.UintVector([]uint64{255})}, ints64("item", 1)}}, Options{}, "[255 1]", LeftOut{}},
		{"large unsigned", [][]col{{{"user", u64, table.UintVector([]uint64{math.MaxUint64})}, ints64("item", 1)}}, Options{}, "[18446744073709551615 1]", LeftOut{}},
		{"decimal", [][]col{{{"user", dec, table.IntVector([]int64{-7})}, ints64("item", 1)}}, Options{}, "[-7 1]", LeftOut{}},
		{"wider", [][]col{{{"user", table.TypeInt32, table.IntVector([]int64{5})}, ints64("item", 1)}, {ints64("item", 2), ints64("user", 1<<40)}}, Options{}, "[1099511627776 2 5 1]", LeftOut{}},
		{"mixed", [][]col{{ints64("user", 5), ints64("item", 1)}, {text("user", "5"), ints64("item", 1)}}, Options{}, "error: 1.parquet: column user is string, and int64 in 0.parquet: ids of both kinds cannot be told apart", LeftOut{}},
		{"unsigned and signed", [][]col{{ints64("user", 5), ints64("item", 1)}, {{"user", u64, table.UintVector([]uint64{5})}, ints64("item", 1)}}, Options{}, "error: 1.parquet: column user is uint64, and int64 in 0.parquet: ids of both kinds cannot be told apart", LeftOut{}},
		{"boolean", [][]col{{{"user", table.Type{Physical: table.Boolean}, table.Vector{Kind: table.Bools, Bools: []bool{true}}}, ints64("item", 1)}}, Options{}, "error: 0.parquet: column user is boolean, which cannot be an id: integers, whole floats, decimals, strings, binary and UUID can", LeftOut{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var paths []string
			for i, cols := range tt.cols {
				paths = append(paths, file(t, fmt.Sprint(i, ".parquet"), cols...))
			}
			rows, rep, err := read(paths, tt.o)
			got := fmt.Sprint(rows)
			if err != nil {
				got = "error: " + err.Error()
				if fault.CodeOf(err) != fault.BadData {
					t.Errorf("code %d", fault.CodeOf(err))
				}
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if err == nil && (rep.LeftOut != tt.left || rep.Rows != rep.Kept+tt.left.Sum()) {
				t.Errorf("left out %+v of %d, want %+v", rep.LeftOut, rep.Rows, tt.left)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	stamp := func(unit string, x ...int64) col {
		return col{"timestamp", table.Type{Physical: table.Int64, Logical: table.Timestamp, Unit: unit, UTC: true}, table.IntVector(x)}
	}
	// 2010-12-01 08:26:00 UTC
	const s = int64(1291191960)
	null := text("timestamp", "2010-12-01", "")
	tests := []struct {
		name string
		c    col
		o    Options
		want string // times, unit, from
	}{
		{"seconds", ints64("timestamp", s), Options{}, "[@1291191960000000] s magnitude"},
		{"milliseconds", ints64("timestamp", s*1e3, 5), Options{}, "[@1291191960000000 @5000] ms magnitude"},
		{"microseconds", ints64("timestamp", s*1e6), Options{}, "[@1291191960000000] us magnitude"},
		{"nanoseconds", ints64("timestamp", s*1e9+1999, -1), Options{}, "[@1291191960000001 @-1] ns magnitude"},
		{"option", ints64("timestamp", 3000), Options{TimeUnit: "ms"}, "[@3000000] ms option"},
		{"option that cannot be", ints64("timestamp", s*1e9), Options{TimeUnit: "s"}, "error: t.parquet: the times of column timestamp run from 1291191960000000000 to 1291191960000000000, which cannot be in s"},
		{"option for a typed column", stamp("us", s), Options{TimeUnit: "s"}, "error: t.parquet: column timestamp is timestamp(us, utc), which has a unit of its own"},
		{"unknown option", ints64("timestamp", 3000), Options{TimeUnit: "h"}, "error: no time unit h: the units are s, ms, us, ns"},
		{"timestamp ms", stamp("ms", s*1e3), Options{}, "[@1291191960000000] ms type"},
		{"timestamp us", stamp("us", s*1e6), Options{}, "[@1291191960000000] us type"},
		{"timestamp ns", stamp("ns", s*1e9), Options{}, "[@1291191960000000] ns type"},
		{"timestamp out of range", stamp("ms", math.MaxInt64), Options{}, "error: t.parquet: row 0 (counting from 0): the time in column timestamp is out of range"},
		{"date", col{"date", table.Type{Physical: table.Int32, Logical: table.Date}, table.IntVector([]int64{14944, -1})}, Options{}, "[@1291161600000000 @-86400000000] days type"},
		{"floats", doubles("timestamp", float64(s), math.NaN()), Options{}, "[@1291191960000000] s magnitude"},
		{"iso", text("timestamp", "2010-12-01 08:26:00", "2010-12-01T09:26:00.5+01:00", "2010-12-01 08:26", "1969-12-31", "2010-12-01T08:26:00Z"), Options{},
			"[@1291191960000000 @1291191960500000 @1291191960000000 @-86400000000 @1291191960000000] iso type"},
		{"empty text", null, Options{}, "[@1291161600000000] iso type"},
		{"not iso", text("timestamp", "12/1/2010 8:26"), Options{}, `error: t.parquet: row 0 (counting from 0): the time in column timestamp is "12/1/2010 8:26", which is not ISO 8601 (2010-12-01 08:26:00)`},
		{"no such day", text("timestamp", "2010-02-29"), Options{}, `error: t.parquet: row 0 (counting from 0): the time in column timestamp is "2010-02-29", which is not ISO 8601 (2010-12-01 08:26:00)`},
		{"int96", col{"ts", table.Type{Physical: table.Int96}, table.BytesVector("\x00\x00\x00\x00\x00\x00\x00\x00\x8d\x3d\x25\x00")}, Options{}, "[@86400000000] int96 type"},
		{"boolean", col{"ts", table.Type{Physical: table.Boolean}, table.Vector{Kind: table.Bools, Bools: []bool{true}}}, Options{}, "error: t.parquet: column ts is boolean, which cannot be a time: integers, timestamps, dates and ISO 8601 text can"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			n := tt.c.v.Len()
			users := make([]int64, n)
			for i := range users {
				users[i] = int64(i)
			}
			file(t, "t.parquet", ints64("user", users...), ints64("item", users...), tt.c)
			rows, rep, err := read([]string{"t.parquet"}, tt.o)
			got := ""
			if err != nil {
				got = "error: " + err.Error()
			} else {
				for i := range rows {
					rows[i] = rows[i][strings.Index(rows[i], "@"):]
				}
				got = fmt.Sprint(rows, " ", rep.TimeUnit, " ", rep.TimeFrom)
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if fault.CodeOf(err) == fault.BadData && !strings.Contains(fault.HintOf(err), "--no-time") {
				t.Errorf("no way out in the hint %q", fault.HintOf(err))
			}
		})
	}
}

func TestInt96(t *testing.T) {
	b := func(nanos int64, day uint32) []byte {
		out := make([]byte, 12)
		for i := range 8 {
			out[i] = byte(nanos >> (8 * i))
		}
		for i := range 4 {
			out[8+i] = byte(day >> (8 * i))
		}
		return out
	}
	for _, tt := range []struct {
		b    []byte
		want int64
		ok   bool
	}{
		{b(0, 2440588), 0, true},
		{b(45296_000_000_000, 2460311), 1704112496000000, true}, // 2024-01-01 12:34:56
		{b(1500, 2440587), -86400e6 + 1, true},
		{b(0, math.MaxUint32), 0, false},
		{b(0, 1)[:11], 0, false},
	} {
		if got, ok := int96(tt.b); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%x: %d %v, want %d %v", tt.b, got, ok, tt.want, tt.ok)
		}
	}
}

func TestManyFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range manyFiles + 5 {
		file(t, fmt.Sprintf("d/%d.parquet", i), ints64("user", int64(i)), ints64("item", 1))
	}
	rows, rep, err := read([]string{"d"}, Options{})
	if err != nil || len(rows) != manyFiles+5 || len(rep.Files) != manyFiles+5 {
		t.Fatal(len(rows), err)
	}
	set, err := Open([]string{"d"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	file(t, "d/7.parquet", ints64("user", 1, 2), ints64("item", 1, 2))
	err = set.Scan(context.Background(), func(int, int, *Batch) error { return nil })
	if err == nil || err.Error() != "d/7.parquet: the file changed while it was being read" {
		t.Errorf("a file that changes: %v", err)
	}
}

// From 2^53 on a float no longer tells neighbouring integers apart.
func TestFloatIDsThatAreTooLarge(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, x := range []float64{1 << 53, -(1 << 53), 1e300} {
		file(t, "a.parquet", col{"user", table.TypeDouble, table.Vector{Kind: table.Floats, Floats: []float64{1, x}}}, ints64("item", 1, 2))
		if _, _, err := read([]string{"a.parquet"}, Options{}); err == nil || !strings.Contains(err.Error(), "row 1") || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%v: %v", x, err)
		}
	}
}
