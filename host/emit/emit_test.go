package emit

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

	"github.com/parquet-go/parquet-go"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/matrix"
	"rechost/host/table"
)

// data is users "ann" and "b%d", items 7, 8 and 300.
func data(t testing.TB) *matrix.Matrix {
	t.Helper()
	name := filepath.Join(t.TempDir(), "d.parquet")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := table.NewWriter(f, []table.Column{{Name: "who", Type: table.TypeString}, {Name: "movieId", Type: table.TypeInt32}}, 1)
	if err == nil {
		err = w.Write([]table.Vector{table.BytesVector("b%d", "ann", "ann"), table.IntVector([]int64{7, 300, 8})})
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	set, err := interactions.Open([]string{name}, interactions.Options{User: "who"})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	m, err := matrix.Build(context.Background(), set, matrix.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var (
	near    = abi.Emit{Name: "near", Frame: "f", Rows: abi.OverItems, IDs: "item", Of: abi.OverItems, Values: "v"}
	fans    = abi.Emit{Name: "fans", Frame: "f", Rows: abi.OverItems, IDs: "user", Of: abi.OverUsers, Values: "v"}
	vectors = abi.Emit{Name: "vectors", Frame: "f", Rows: abi.OverUsers, Values: "v"}
)

func nearFrame() Frame {
	return Frame{Rows: 3, Offsets: []uint64{0, 2, 2, 4}, IDs: []uint32{2, 1, 0, 1}, Values: []float32{0.5, 2, 1, 1}}
}

func write(t *testing.T, d abi.Emit, m *matrix.Matrix, f Frame, name string) []string {
	t.Helper()
	e, err := New(d, m, f)
	if err != nil {
		t.Fatal(err)
	}
	names := Files(filepath.Join(t.TempDir(), name))
	written, err := Write(context.Background(), e, names)
	if err != nil || len(written) != len(names) {
		t.Fatal(written, err)
	}
	for i, w := range written {
		sum, n, err := digest.OfFile(names[i])
		if err != nil || w.Digest != sum || w.Bytes != n || w.Path != names[i] {
			t.Errorf("%+v, but the file has %d bytes, digest %s (%v)", w, n, sum, err)
		}
	}
	return names
}

func TestLists(t *testing.T) {
	m := data(t)
	type row struct {
		Item      int32   `parquet:"movieId"`
		Neighbour int32   `parquet:"neighbour"`
		Score     float32 `parquet:"score"`
		Rank      int32   `parquet:"rank"`
	}
	got, err := parquet.ReadFile[row](write(t, near, m, nearFrame(), "near.parquet")[0])
	want := []row{{7, 8, 2, 1}, {7, 300, 0.5, 2}, {300, 7, 1, 1}, {300, 8, 1, 2}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	// The order of a list's entries does not matter.
	f := nearFrame()
	slices.Reverse(f.IDs[:2])
	slices.Reverse(f.Values[:2])
	slices.Reverse(f.IDs[2:])
	a, err1 := os.ReadFile(write(t, near, m, nearFrame(), "near.parquet")[0])
	b, err2 := os.ReadFile(write(t, near, m, f, "near.parquet")[0])
	if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Error("the order of entries shows", err1, err2)
	}
	type fan struct {
		Item  int32   `parquet:"movieId"`
		User  string  `parquet:"who"`
		Score float32 `parquet:"score"`
	}
	fs, err := parquet.ReadFile[fan](write(t, fans, m, Frame{Rows: 3, Offsets: []uint64{0, 0, 1, 1}, IDs: []uint32{1}, Values: []float32{3}}, "f.parquet")[0])
	if err != nil || !slices.Equal(fs, []fan{{8, "b%d", 3}}) {
		t.Errorf("%v, %v", fs, err)
	}
	if none := write(t, near, m, Frame{Rows: 3, Offsets: make([]uint64, 4)}, "none.parquet"); len(none) != 1 {
		t.Error(none)
	}
}

func TestMatrix(t *testing.T) {
	m := data(t)
	f := Frame{Rows: 2, Width: 3, Values: []float32{1, 2, 3, -4, 0.5, 6}}
	type row struct {
		User   string    `parquet:"who"`
		Vector []float32 `parquet:"vector,list"`
	}
	got, err := parquet.ReadFile[row](write(t, vectors, m, f, "v.parquet")[0])
	if err != nil || fmt.Sprint(got) != "[{ann [1 2 3]} {b%d [-4 0.5 6]}]" {
		t.Errorf("%v, %v", got, err)
	}
	files := write(t, vectors, m, f, "v.npy")
	if filepath.Base(files[1]) != "v.ids.parquet" {
		t.Errorf("the ids are in %s", files[1])
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	meta, err := array.ReadHeader(bytes.NewReader(b), int64(len(b)))
	if err != nil || meta != (array.Meta{DType: array.F32, Rows: 2, Width: 3}) || !slices.Equal(array.View[float32](b[array.HeaderSize:]), f.Values) {
		t.Errorf("%+v, %v", meta, err)
	}
	type id struct {
		User string `parquet:"who"`
	}
	ids, err := parquet.ReadFile[id](files[1])
	if err != nil || !slices.Equal(ids, []id{{"ann"}, {"b%d"}}) {
		t.Errorf("%v, %v", ids, err)
	}
	type one struct {
		User  string  `parquet:"who"`
		Value float32 `parquet:"value"`
	}
	ones, err := parquet.ReadFile[one](write(t, vectors, m, Frame{Rows: 2, Values: []float32{3, 4}}, "v.parquet")[0])
	if err != nil || !slices.Equal(ones, []one{{"ann", 3}, {"b%d", 4}}) {
		t.Errorf("%v, %v", ones, err)
	}
}

// What a module hands over is refused, by name, where it is not what it should be.
func TestHostile(t *testing.T) {
	m := data(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		d    abi.Emit
		do   func(f *Frame)
		want string
	}{
		{near, func(f *Frame) { f.IDs[3] = 3 }, "near: item 300: its list has number 3 of 3 items"},
		{near, func(f *Frame) { f.IDs[1] = f.IDs[0] }, "near: item 7: its list has 300 twice"},
		{near, func(f *Frame) { f.Values[2] = nan }, "near: item 300: the score of 7 is NaN"},
		{near, func(f *Frame) { f.Values[0] = inf }, "near: item 7: the score of 300 is -Inf"},
		{near, func(f *Frame) { f.Offsets[1] = 5 }, "do not fill"},
		{near, func(f *Frame) { f.Offsets[3] = 3 }, "do not fill"},
		{near, func(f *Frame) { f.Offsets = f.Offsets[:3] }, "do not fill"},
		{near, func(f *Frame) { f.Values = f.Values[:3] }, "do not fill"},
		{near, func(f *Frame) { f.Rows = 2 }, "2 rows, and there are 3 items"},
		{fans, func(f *Frame) {}, "fans: item 7: its list has number 2 of 2 users"},
		{vectors, func(f *Frame) { *f = Frame{Rows: 2, Width: 2, Values: []float32{1, 2, 3, nan}} }, "vectors: user b%d: number 1 is NaN"},
		{vectors, func(f *Frame) { *f = Frame{Rows: 2, Width: 2, Values: []float32{1, 2, 3}} }, "3 numbers for 2 rows of 2"},
	} {
		f := nearFrame()
		c.do(&f)
		if _, err := New(c.d, m, f); err == nil || !strings.Contains(err.Error(), c.want) || fault.CodeOf(err) != fault.Module {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func TestForms(t *testing.T) {
	for file, want := range map[string]string{"a.parquet": Parquet, "x/b.NPY": NumPy, "c.csv": "", "npy": ""} {
		got, err := FormOf(file)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	if err := Refuse("near", true, "x.npy"); fault.HintOf(err) != "--emit near=x.parquet" || fault.CodeOf(err) != fault.Usage {
		t.Error(err, fault.HintOf(err))
	}
	if err := Refuse("near", false, "x.npy"); err != nil {
		t.Error(err)
	}
	e, err := New(near, data(t), nearFrame())
	if err != nil || e.Bits() != 3*2+4*(2+32) {
		t.Error(e.Bits(), err)
	}
}

// A write that is cancelled leaves nothing behind.
func TestNothingLeftBehind(t *testing.T) {
	dir := t.TempDir()
	e, err := New(vectors, data(t), Frame{Rows: 2, Width: 1, Values: []float32{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, e, []string{filepath.Join(dir, "a.parquet")}); err == nil {
		t.Error("written although it was cancelled")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
