package metric

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/recs"
	"rechost/host/table"
)

// write makes a Parquet file of one batch.
func write(t *testing.T, name string, columns []table.Column, batch ...table.Vector) string {
	t.Helper()
	var b bytes.Buffer
	w, err := table.NewWriter(&b, columns, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, recsFile, testFile string) (*recs.Table, *matrix.Matrix) {
	t.Helper()
	ctx := context.Background()
	r, err := recs.Read(ctx, recsFile, recs.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := interactions.Open([]string{testFile}, interactions.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	m, err := matrix.Build(ctx, set, matrix.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

func columns(id table.Type, more ...table.Column) []table.Column {
	return append([]table.Column{{Name: "user", Type: id}, {Name: "item", Type: id}}, more...)
}

var (
	// Lists of 7, 9 and 5, rows and users without order.
	recUsers = []int64{9, 7, 7, 9, 5, 7}
	recItems = []int64{1, 3, 1, 2, 1, 2}
	recRanks = []int64{2, 3, 1, 1, 1, 2}
	// Tests of 7 (items 2 and 99, one of them twice), 9 (item 1) and 8 (item 3).
	testUsers = []int64{7, 7, 9, 8, 7}
	testItems = []int64{99, 2, 1, 3, 2}
)

func ids(x []int64, strings bool) table.Vector {
	if !strings {
		return table.IntVector(x)
	}
	v := table.Vector{Kind: table.Bytes}
	for _, i := range x {
		v.AppendBytes([]byte{'a' + byte(i)})
	}
	return v
}

func TestEvaluateFiles(t *testing.T) {
	for _, text := range []bool{false, true} {
		recID, testID := table.TypeInt64, table.TypeInt32
		if text {
			recID, testID = table.TypeString, table.TypeString
		}
		recsFile := write(t, "recs.parquet", columns(recID, recs.Rank), ids(recUsers, text), ids(recItems, text), table.IntVector(recRanks))
		testFile := write(t, "test.parquet", columns(testID), ids(testUsers, text), ids(testItems, text))
		r, m := load(t, recsFile, testFile)
		res, err := Evaluate(r, m, Options{At: []int{2, 1}, Recs: recsFile, Test: testFile})
		if err != nil {
			t.Fatal(err)
		}
		if res.Users != 3 || res.LeftOut != 1 || res.WithoutList != 1 || !slices.Equal(res.At, []int{1, 2}) {
			t.Errorf("%+v", res)
		}
		// In the order of raw ids 7, 8, 9: the hits are at rank 2, nowhere, at rank 2.
		if v := res.PerUser("recall", 2); !slices.Equal(v, []float64{0.5, 0, 1}) {
			t.Errorf("recall@2 %v", v)
		}
		if v := res.PerUser("mrr", 2); !slices.Equal(v, []float64{0.5, 0, 0.5}) {
			t.Errorf("mrr@2 %v", v)
		}
		if v := res.PerUser("hr", 1); !slices.Equal(v, []float64{0, 0, 0}) {
			t.Errorf("hr@1 %v", v)
		}

		var b bytes.Buffer
		if err := res.WritePerUser(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "per-user.parquet")
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := table.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var names []string
		for _, c := range f.Fields() {
			names = append(names, c.Name+" "+c.Type.String())
		}
		want := "user " + testID.String() + ", test_items int32, list_items int32, recall@1 double, ndcg@1 double, precision@1 double, hr@1 double, mrr@1 double, map@1 double, " +
			"recall@2 double, ndcg@2 double, precision@2 double, hr@2 double, mrr@2 double, map@2 double"
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("columns %s", got)
		}
		v, err := f.Read(0, []int{1, 2, 9})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v[0].Ints, []int64{2, 1, 1}) || !slices.Equal(v[1].Ints, []int64{3, 0, 2}) || !slices.Equal(v[2].Floats, []float64{0.5, 0, 1}) {
			t.Errorf("per user: %v %v %v", v[0].Ints, v[1].Ints, v[2].Floats)
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	numbers := write(t, "recs.parquet", columns(table.TypeInt64, recs.Rank), ids(recUsers, false), ids(recItems, false), table.IntVector(recRanks))
	texts := write(t, "test.parquet", columns(table.TypeString), ids(testUsers, true), ids(testItems, true))
	r, m := load(t, numbers, texts)
	_, err := Evaluate(r, m, Options{Recs: "recs.parquet", Test: "test.parquet"})
	if fault.CodeOf(err) != fault.BadData || err.Error() != "the users are int64 in recs.parquet and string in test.parquet, and never match" {
		t.Errorf("types: %v", err)
	}

	others := write(t, "test.parquet", columns(table.TypeInt64), ids([]int64{1, 2}, false), ids([]int64{1, 1}, false))
	r, m = load(t, numbers, others)
	_, err = Evaluate(r, m, Options{Recs: "recs.parquet"})
	if fault.CodeOf(err) != fault.BadData || err.Error() != "recs.parquet: none of its users has an item in the test interactions" {
		t.Errorf("nobody in common: %v", err)
	}

	same := write(t, "test.parquet", columns(table.TypeInt64), ids(testUsers, false), ids(testItems, false))
	r, m = load(t, numbers, same)
	r.Lists.Items[1] = r.Lists.Items[2]
	if _, err = Evaluate(r, m, Options{Recs: "recs.parquet"}); fault.CodeOf(err) != fault.BadData || !strings.Contains(err.Error(), "twice") {
		t.Errorf("an item twice: %v", err)
	}
	if _, err = Evaluate(r, m, Options{At: []int{0}}); fault.CodeOf(err) != fault.Usage {
		t.Errorf("cut-off 0: %v", err)
	}
}
