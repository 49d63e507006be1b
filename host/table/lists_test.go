package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// Another reader finds the lists that were written, whatever their length and
// however many row groups and pages they take.
func TestLists(t *testing.T) {
	for _, c := range []struct{ rows, width int }{{0, 3}, {1, 1}, {1000, 1}, {77, 2}, {5, 9}, {3000, 64}, {3, 200_000}} {
		ids, values := make([]int64, c.rows), make([]float32, c.rows*c.width)
		for i := range ids {
			ids[i] = int64(i) * 3
		}
		for i := range values {
			values[i] = float32(i) / 7
		}
		half := c.rows / 2
		name := write(t, []Column{{Name: "id", Type: TypeInt64}, {Name: "vector", Type: TypeFloat, Width: c.width}},
			[]Vector{IntVector(ids[:half]), Float32Vector(values[:half*c.width])}, []Vector{IntVector(ids[half:]), Float32Vector(values[half*c.width:])})
		rows, err := parquet.ReadFile[struct {
			ID     int64     `parquet:"id"`
			Vector []float32 `parquet:"vector,list"`
		}](name)
		if err != nil || len(rows) != c.rows {
			t.Fatalf("%+v: %d rows, %v", c, len(rows), err)
		}
		for i, r := range rows {
			if r.ID != ids[i] || fmt.Sprint(r.Vector) != fmt.Sprint(values[i*c.width:(i+1)*c.width]) {
				t.Fatalf("%+v: row %d is %d %v", c, i, r.ID, r.Vector[:min(9, len(r.Vector))])
			}
		}
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if fields := f.Fields(); len(fields) != 2 || fields[0].Name != "id" || fields[0].Nested || !fields[1].Nested {
			t.Errorf("%+v: fields %+v", c, fields)
		}
		f.Close()
	}
}

func TestListsRefuse(t *testing.T) {
	var b strings.Builder
	if _, err := NewWriter(&b, []Column{{Name: "x", Type: TypeFloat, Width: 3, Optional: true}}, 1); err == nil {
		t.Error("lists that may be null were taken")
	}
	w, err := NewWriter(&b, []Column{{Name: "id", Type: TypeInt64}, {Name: "x", Type: TypeFloat, Width: 3}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]Vector{IntVector([]int64{1, 2}), Float32Vector(make([]float32, 5))}); err == nil || !strings.Contains(err.Error(), `column "x" has 5 values for 2 rows`) {
		t.Error(err)
	}
}
