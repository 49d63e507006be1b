package table

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// write writes one batch to a file of its own and returns its name.
func write(t testing.TB, columns []Column, batches ...[]Vector) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "t.parquet")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, columns, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// texts is a vector's rows as text, to compare across forms.
func texts(v *Vector) []string {
	out := make([]string, v.Len())
	for i := range out {
		k := v.At(i)
		switch {
		case v.IsNull(i):
			out[i] = "null"
		case v.Kind == Ints:
			out[i] = fmt.Sprint(v.Ints[k])
		case v.Kind == Uints:
			out[i] = fmt.Sprint(v.Uints[k])
		case v.Kind == Floats:
			out[i] = fmt.Sprint(v.Floats[k])
		case v.Kind == Floats32:
			out[i] = fmt.Sprint(v.Floats32[k])
		case v.Kind == Bools:
			out[i] = fmt.Sprint(v.Bools[k])
		default:
			out[i] = fmt.Sprintf("%q", v.Bytes(i))
		}
	}
	return out
}

// example makes n rows of a type, with few different values or many.
func example(t Type, n, different int, null bool) Vector {
	r := rand.New(rand.NewPCG(uint64(n), uint64(different)))
	v := Vector{Kind: t.Kind()}
	for i := range n {
		x := int64(r.IntN(different)) - int64(different)/3
		switch w := width(t); v.Kind {
		case Ints:
			switch {
			case t.Logical == Integer && t.Bits < 32:
				x = int64(int8(x))
			case t.Physical == Int32:
				x = int64(int32(x * 77777))
			default:
				x *= 1 << 40
			}
			v.Ints = append(v.Ints, x)
		case Uints:
			u := uint64(x)
			if t.Bits < 64 {
				u &= 1<<t.Bits - 1
			}
			v.Uints = append(v.Uints, u)
		case Floats:
			v.Floats = append(v.Floats, float64(x)/7)
		case Floats32:
			v.Floats32 = append(v.Floats32, float32(x)/7)
		case Bools:
			v.Bools = append(v.Bools, x%3 == 0)
		case Bytes:
			s := fmt.Sprintf("id%d", x)
			if t.Physical != ByteArray {
				s = (s + strings.Repeat("~", w))[:w]
			}
			v.AppendBytes([]byte(s))
		}
		if null {
			v.Null = append(v.Null, i%7 == 3 || i > n/2 && i < n/2+n/10)
		}
	}
	return v
}

var everyType = []Type{
	{Physical: Boolean}, {Physical: Int32}, {Physical: Int64}, {Physical: Int96}, {Physical: Float}, {Physical: Double},
	{Physical: ByteArray}, {Physical: FixedLen, Length: 5}, {Physical: FixedLen, Length: 16, Logical: UUID},
	{Physical: ByteArray, Logical: String}, {Physical: ByteArray, Logical: Enum}, {Physical: ByteArray, Logical: JSON}, {Physical: ByteArray, Logical: BSON},
	{Physical: Int32, Logical: Integer, Bits: 8}, {Physical: Int32, Logical: Integer, Bits: 16}, {Physical: Int32, Logical: Integer, Bits: 32}, {Physical: Int64, Logical: Integer, Bits: 64},
	{Physical: Int32, Logical: Integer, Bits: 8, Unsigned: true}, {Physical: Int32, Logical: Integer, Bits: 16, Unsigned: true}, {Physical: Int32, Logical: Integer, Bits: 32, Unsigned: true}, {Physical: Int64, Logical: Integer, Bits: 64, Unsigned: true},
	{Physical: Int32, Logical: Decimal, Precision: 9, Scale: 2}, {Physical: Int64, Logical: Decimal, Precision: 18}, {Physical: FixedLen, Length: 9, Logical: Decimal, Precision: 20, Scale: 3}, {Physical: ByteArray, Logical: Decimal, Precision: 30},
	{Physical: Int32, Logical: Date}, {Physical: Int32, Logical: Time, Unit: "ms", UTC: true}, {Physical: Int64, Logical: Time, Unit: "ns"},
	{Physical: Int64, Logical: Timestamp, Unit: "ms"}, {Physical: Int64, Logical: Timestamp, Unit: "us", UTC: true}, {Physical: Int64, Logical: Timestamp, Unit: "ns"},
	{Physical: FixedLen, Length: 2, Logical: Float16}, {Physical: FixedLen, Length: 12, Logical: Interval},
}

func TestEveryTypeComesBack(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 1000} {
		for _, different := range []int{1, 5, 1 << 20} {
			for _, null := range []bool{false, true} {
				var cols []Column
				var batch []Vector
				for i, ty := range everyType {
					cols = append(cols, Column{Name: fmt.Sprint("c", i), Type: ty, Optional: null})
					batch = append(batch, example(ty, n, different, null))
				}
				name := write(t, cols, batch)
				f, err := Open(name)
				if err != nil {
					t.Fatal(err)
				}
				if got := f.Rows(); got != int64(n) {
					t.Fatalf("%d rows instead of %d", got, n)
				}
				for i, fd := range f.Fields() {
					if fd.Type != everyType[i] || fd.Optional != null || fd.Name != cols[i].Name {
						t.Errorf("column %+v came back as %+v", cols[i], fd)
					}
					var got []string
					for g := range f.Groups() {
						r := f.Reader(g, []int{i})
						for {
							v, err := r.Next(300)
							if err != nil {
								if err.Error() != "EOF" {
									t.Fatal(err)
								}
								break
							}
							got = append(got, texts(&v[0])...)
						}
					}
					if want := texts(&batch[i]); len(want) > 0 && !reflect.DeepEqual(got, want) {
						t.Errorf("%s, %d rows, %d different, null %v: got %.80v, want %.80v", fd.Type, n, different, null, got, want)
					}
				}
				f.Close()
				checkWithLibrary(t, name, batch)
			}
		}
	}
}

// checkWithLibrary reads the file with the library's own reader, so that the
// writer's mistakes are not read back by the same mistakes.
func checkWithLibrary(t *testing.T, name string, batch []Vector) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("the library refuses the file: %v", err)
	}
	for c := range batch {
		row := 0
		for _, g := range f.RowGroups() {
			pages := g.ColumnChunks()[c].Pages()
			for {
				p, err := pages.ReadPage()
				if err != nil {
					break
				}
				vals := make([]parquet.Value, p.NumValues())
				p.Values().ReadValues(vals)
				for _, x := range vals {
					v := &batch[c]
					k := v.At(row)
					ok := x.IsNull() == v.IsNull(row)
					if ok && !x.IsNull() {
						switch v.Kind {
						case Ints:
							ok = x.Kind() == parquet.Int32 && int64(x.Int32()) == v.Ints[k] || x.Kind() == parquet.Int64 && x.Int64() == v.Ints[k]
						case Uints:
							ok = x.Kind() == parquet.Int32 && uint64(x.Uint32()) == v.Uints[k] || x.Kind() == parquet.Int64 && x.Uint64() == v.Uints[k]
						case Floats:
							ok = x.Double() == v.Floats[k]
						case Floats32:
							ok = x.Float() == v.Floats32[k]
						case Bools:
							ok = x.Boolean() == v.Bools[k]
						case Bytes:
							ok = x.Kind() == parquet.Int96 || bytes.Equal(x.ByteArray(), v.Bytes(row))
						}
					}
					if !ok {
						t.Fatalf("column %d, row %d: the library reads %v", c, row, x)
					}
					row++
				}
			}
			pages.Close()
		}
		if row != batch[c].Len() {
			t.Fatalf("column %d: the library reads %d rows of %d", c, row, batch[c].Len())
		}
	}
}

func TestSameBytesForAnyWorkers(t *testing.T) {
	n := GroupRows + GroupRows/2
	ids, scores := make([]int64, n), make([]float32, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range ids {
		ids[i], scores[i] = int64(r.Uint64()>>30), r.Float32()
	}
	cols := []Column{{Name: "a", Type: TypeInt64}, {Name: "b", Type: TypeFloat}}
	var first []byte
	for _, workers := range []int{1, 2, 7} {
		var b bytes.Buffer
		w, err := NewWriter(&b, cols, workers)
		if err == nil {
			err = w.Write([]Vector{IntVector(ids), Float32Vector(scores)})
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		}
		if !bytes.Equal(first, b.Bytes()) {
			t.Fatalf("%d workers give other bytes", workers)
		}
	}
}

func TestIntegersConvert(t *testing.T) {
	tests := []struct {
		t    Type
		v    Vector
		want string // the values read back, or the end of the error
	}{
		{Type{Physical: Double}, IntVector([]int64{-3, 1 << 52}), "[-3 4.503599627370496e+15]"},
		{Type{Physical: Float}, IntVector([]int64{1<<24 + 1}), "16777217 does not fit float"},
		{Type{Physical: Int32}, IntVector([]int64{math.MinInt32, math.MaxInt32}), "[-2147483648 2147483647]"},
		{Type{Physical: Int32}, IntVector([]int64{math.MaxInt32 + 1}), "2147483648 does not fit int32"},
		{Type{Physical: Int32, Logical: Integer, Bits: 8}, IntVector([]int64{-128, 127}), "[-128 127]"},
		{Type{Physical: Int32, Logical: Integer, Bits: 8}, IntVector([]int64{128}), "128 does not fit int8"},
		{Type{Physical: Int32, Logical: Integer, Bits: 16, Unsigned: true}, IntVector([]int64{-1}), "-1 does not fit uint16"},
		{Type{Physical: Int64}, UintVector([]uint64{1 << 63}), "9223372036854775808 does not fit int64"},
		{Type{Physical: FixedLen, Length: 3, Logical: Decimal, Precision: 6}, IntVector([]int64{-2, 1 << 22}), `["\xff\xff\xfe" "@\x00\x00"]`},
		{Type{Physical: FixedLen, Length: 3, Logical: Decimal, Precision: 6}, IntVector([]int64{1 << 23}), "8388608 does not fit decimal(6,0)"},
		{Type{Physical: FixedLen, Length: 10, Logical: Decimal, Precision: 20}, IntVector([]int64{-2}), `["\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"]`},
		{Type{Physical: ByteArray, Logical: Decimal, Precision: 20}, IntVector([]int64{-1, 128, 0}), `["\xff" "\x00\x80" "\x00"]`},
		{TypeString, IntVector([]int64{1}), "signed integers for a string"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		w, err := NewWriter(&b, []Column{{Name: "c", Type: tt.t}}, 1)
		if err == nil {
			err = w.Write([]Vector{tt.v})
		}
		if err != nil {
			if !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", tt.t, err, tt.want)
			}
			continue
		}
		w.Close()
		name := filepath.Join(t.TempDir(), "x")
		os.WriteFile(name, b.Bytes(), 0o600)
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := f.Read(0, []int{0})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(texts(&v[0])); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.t, got, tt.want)
		}
		f.Close()
	}
}

func BenchmarkWrite4M(b *testing.B) {
	n := 4 << 20
	users, items, scores, ranks := make([]uint32, n), make([]uint32, n), make([]float32, n), make([]int64, n)
	r := rand.New(rand.NewPCG(1, 2))
	ids := make([]int64, n/20+1)
	for i := range ids {
		ids[i] = int64(i) * 5_000_011
	}
	for i := range users {
		users[i], items[i], scores[i], ranks[i] = uint32(i/20), uint32(r.IntN(50_000)), r.Float32(), int64(i%20)+1
	}
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		w, err := NewWriter(&out, []Column{{Name: "user", Type: TypeInt64}, {Name: "item", Type: TypeInt64}, {Name: "score", Type: TypeFloat}, {Name: "rank", Type: TypeInt32}}, 0)
		if err != nil {
			b.Fatal(err)
		}
		u, i := IntVector(ids), IntVector(ids)
		u.Codes, i.Codes = users, items
		if err := w.Write([]Vector{u, i, Float32Vector(scores), IntVector(ranks)}); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len())/1e6, "MB")
}

func TestSnappy(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 3000 {
		b := make([]byte, r.IntN(1<<r.IntN(19)))
		alphabet := 1 + r.IntN(256)
		for i := range b {
			b[i] = byte(r.IntN(alphabet))
			if k := 1 + r.IntN(200); i >= k && r.IntN(3) > 0 {
				b[i] = b[i-k]
			}
		}
		for i := 0; i+40 < len(b); i += 1 + r.IntN(300) {
			copy(b[i+r.IntN(20):], b[i:i+20])
		}
		packed := appendSnappy(nil, b)
		got, err := uncompress(1, nil, packed, len(b))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes do not come back: %v", len(b), err)
		}
	}
}
