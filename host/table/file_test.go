package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"rechost/host/fault"
)

// dataDir is where the public data sets are.
func dataDir(t testing.TB) string {
	t.Helper()
	d := os.Getenv("RECHOST_DATA")
	if d == "" {
		dir, err := os.Getwd()
		for err == nil && dir != filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		d = filepath.Join(dir, "..", "shared", "data")
	}
	if _, err := os.Stat(d); err != nil {
		t.Skipf("no data sets: %s (RECHOST_DATA names their folder)", d)
	}
	return d
}

// readAll reads every flat column and returns the rows of each as text. Of a
// row group that claims more than a million rows, which a page of one run can
// make true, it reads the first piece.
func readAll(name string) (map[string][]string, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string][]string{}
	for i, fd := range f.Fields() {
		if fd.Nested {
			if f.Groups() > 0 && f.GroupRows(0) > 0 {
				if _, err := f.Read(0, []int{i}); err == nil {
					return nil, fmt.Errorf("%s: a nested column reads", name)
				}
			}
			continue
		}
		out[fd.Name] = []string{}
		for g := range f.Groups() {
			if f.GroupRows(g) > 1<<20 {
				if _, err := f.Reader(g, []int{i}).Next(1 << 16); err != nil {
					return nil, err
				}
				continue
			}
			v, err := f.Read(g, []int{i})
			if err != nil {
				return nil, err
			}
			if v[0].Len() != f.GroupRows(g) {
				return nil, fmt.Errorf("%s: %d rows of %d", name, v[0].Len(), f.GroupRows(g))
			}
			out[fd.Name] = append(out[fd.Name], texts(&v[0])...)
		}
	}
	return out, nil
}

// within fails the test where do hangs.
func within(t *testing.T, d time.Duration, what string, do func()) {
	t.Helper()
	done := make(chan bool)
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("%s: hangs", what)
	}
}

// refused lists the files that must not read, and what the error says.
var refused = map[string]string{
	"_KEY_MATERIAL_FOR_external_key_material_java.parquet.encrypted.json": "does not begin with PAR1",
	"column_chunk_key_value_metadata.parquet":                             "missing required field", // a key without a value
	"datapage_v1-corrupt-checksum.parquet":                                "checksum",
	"rle-dict-uncompressed-corrupt-checksum.parquet":                      "checksum",
	"encrypt_columns_and_footer.parquet.encrypted":                        "is encrypted",
	"encrypt_columns_and_footer_aad.parquet.encrypted":                    "is encrypted",
	"encrypt_columns_and_footer_bloom_filter.parquet.encrypted":           "is encrypted",
	"encrypt_columns_and_footer_ctr.parquet.encrypted":                    "is encrypted",
	"encrypt_columns_and_footer_disable_aad_storage.parquet.encrypted":    "is encrypted",
	"encrypt_columns_plaintext_footer.parquet.encrypted":                  "is encrypted",
	"external_key_material_java.parquet.encrypted":                        "is encrypted",
	"uniform_encryption.parquet.encrypted":                                "is encrypted",
	"hadoop_lz4_compressed.parquet":                                       "old LZ4 codec",
	"hadoop_lz4_compressed_larger.parquet":                                "old LZ4 codec",
	"non_hadoop_lz4_compressed.parquet":                                   "old LZ4 codec",
	"ARROW-GH-41317.parquet":                                              "page header",
	"ARROW-GH-41321.parquet":                                              "definition levels",
	"ARROW-GH-47662.parquet":                                              "values end",
	"ARROW-RS-GH-6229-DICTHEADER.parquet":                                 "page header",
	"PARQUET-1481.parquet":                                                "no physical type -7",
}

func TestPublicFiles(t *testing.T) {
	dir := filepath.Join(dataDir(t), "parquet-testing")
	n := 0
	for _, pattern := range []string{"data/*.parquet*", "data/geospatial/*.parquet", "bad_data/*.parquet", "shredded_variant/*.parquet"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			n++
			base := filepath.Base(name)
			within(t, 10*time.Second, base, func() {
				cols, err := readAll(name)
				want, bad := refused[base]
				switch {
				case bad && err == nil:
					t.Errorf("%s: read", base)
				case bad:
					if fault.CodeOf(err) != fault.BadData || !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: %v, want %q", base, err, want)
					}
				case err != nil:
					t.Errorf("%s: %v", base, err)
				default:
					likeLibrary(t, name, cols)
				}
			})
		}
	}
	if n < 60+138 {
		t.Errorf("only %d files", n)
	}
}

// likeLibrary compares with the library's own reading, where it reads.
func likeLibrary(t *testing.T, name string, got map[string][]string) {
	defer func() {
		if p := recover(); p != nil {
			t.Logf("%s: the library panics: %v", filepath.Base(name), p)
		}
	}()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(filepath.Base(name), "lz4_raw_compressed_larger") {
		return // the library reads empty strings; pyarrow reads what is read here
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Logf("%s: the library does not read it: %v", filepath.Base(name), err)
		return
	}
	for _, c := range f.Root().Columns() {
		rows, flat := got[c.Name()]
		if !flat || !c.Leaf() {
			continue
		}
		row := 0
		pages := c.Pages()
		defer pages.Close()
		for {
			p, err := pages.ReadPage()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Logf("%s: column %s: the library: %v", filepath.Base(name), c.Name(), err)
					return
				}
				break
			}
			vals := make([]parquet.Value, p.NumValues())
			p.Values().ReadValues(vals)
			for _, x := range vals {
				if row >= len(rows) {
					t.Errorf("%s: column %s: the library has more than %d rows", filepath.Base(name), c.Name(), len(rows))
					return
				}
				want := "null"
				switch {
				case x.IsNull():
				case x.Kind() == parquet.ByteArray, x.Kind() == parquet.FixedLenByteArray:
					want = fmt.Sprintf("%q", x.ByteArray())
				case x.Kind() == parquet.Int96:
					want = rows[row]
				case x.Kind() == parquet.Int32 && strings.HasPrefix(c.Type().String(), "INT(") && strings.HasSuffix(c.Type().String(), "false)"):
					want = fmt.Sprint(x.Uint32())
				case x.Kind() == parquet.Int64 && strings.HasPrefix(c.Type().String(), "INT(") && strings.HasSuffix(c.Type().String(), "false)"):
					want = fmt.Sprint(x.Uint64())
				case x.Kind() == parquet.Int32:
					want = fmt.Sprint(x.Int32())
				case x.Kind() == parquet.Int64:
					want = fmt.Sprint(x.Int64())
				case x.Kind() == parquet.Float:
					want = fmt.Sprint(x.Float())
				case x.Kind() == parquet.Double:
					want = fmt.Sprint(x.Double())
				default:
					want = fmt.Sprint(x.Boolean())
				}
				if rows[row] != want {
					t.Errorf("%s: column %s, row %d: %s, and the library has %s", filepath.Base(name), c.Name(), row, rows[row], want)
					return
				}
				row++
			}
		}
		if row != len(rows) {
			t.Errorf("%s: column %s: %d rows, and the library has %d", filepath.Base(name), c.Name(), len(rows), row)
		}
	}
}

func TestExpectedContents(t *testing.T) {
	dir := filepath.Join(dataDir(t), "parquet-testing", "data")
	for _, base := range []string{"delta_binary_packed", "delta_byte_array", "delta_encoding_optional_column", "delta_encoding_required_column"} {
		got, err := readAll(filepath.Join(dir, base+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, base+"_expect.csv"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for c, head := range rows[0] {
			col := strings.TrimSpace(head)
			have, ok := got[col]
			if !ok {
				have, ok = got[col+":"] // as one of the files has them
			}
			if !ok || len(have) != len(rows)-1 {
				t.Fatalf("%s: column %q has %d rows, want %d", base, col, len(have), len(rows)-1)
			}
			for i, r := range rows[1:] {
				want, h := r[c], strings.Trim(have[i], `"`)
				if h != want && !(h == "null" && want == "") {
					t.Fatalf("%s: column %s, row %d: %s, want %s", base, col, i, have[i], want)
				}
			}
		}
	}
}

// TestDamagedFiles changes bytes of good files: whatever happens is an error
// that names the file, or rows, and soon.
func TestDamagedFiles(t *testing.T) {
	var names []string
	name := write(t, []Column{{Name: "i", Type: TypeInt64}, {Name: "s", Type: TypeString, Optional: true}, {Name: "f", Type: TypeFloat}},
		[]Vector{example(TypeInt64, 500, 50, false), example(TypeString, 500, 60, true), example(TypeFloat, 500, 1<<20, false)})
	names = append(names, name)
	if d := os.Getenv("RECHOST_DATA"); d != "" || !testing.Short() {
		all, _ := filepath.Glob(filepath.Join(dataDir(t), "parquet-testing", "data", "*.parquet"))
		for _, n := range all {
			if st, err := os.Stat(n); err == nil && st.Size() < 40_000 {
				names = append(names, n)
			}
		}
	}
	r := rand.New(rand.NewPCG(20, 26))
	out := filepath.Join(t.TempDir(), "damaged.parquet")
	for _, n := range names {
		good, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			b := bytes.Clone(good)
			switch r.IntN(4) {
			case 0:
				b = b[:r.IntN(len(b))]
			case 1: // the footer, where the counts are
				for range 1 + r.IntN(4) {
					b[len(b)-9-r.IntN(min(len(b)-9, 300))] = byte(r.Uint32())
				}
			default:
				for range 1 + r.IntN(6) {
					b[r.IntN(len(b))] ^= 1 << r.IntN(8)
				}
			}
			if err := os.WriteFile(out, b, 0o600); err != nil {
				t.Fatal(err)
			}
			within(t, 20*time.Second, n, func() {
				if _, err := readAll(out); err != nil && !strings.HasPrefix(err.Error(), out+": ") {
					t.Errorf("%s: an error without the file's name: %v", filepath.Base(n), err)
				}
			})
		}
	}
}

// TestHugeClaims is footers and pages that claim far more than there is.
func TestHugeClaims(t *testing.T) {
	for _, b := range [][]byte{
		[]byte("PAR1\xff\xff\xff\x7fPAR1"),
		[]byte("PAR1" + "\x15\x02\x19\xfc\xff\xff\xff\xff\x0f" + "\x09\x00\x00\x00PAR1"),      // a schema of 2^32 elements
		[]byte("PAR1" + "\x15\x02\x19\x1c\x48\xff\xff\xff\xff\x07a" + "\x0b\x00\x00\x00PAR1"), // a name of 2 GiB
		[]byte("PAR1" + strings.Repeat("\x1c", 1000) + "\xe8\x03\x00\x00PAR1"),                // nested without end
	} {
		name := filepath.Join(t.TempDir(), "x.parquet")
		os.WriteFile(name, b, 0o600)
		_, err := Open(name)
		if err == nil || fault.CodeOf(err) != fault.BadData || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func TestPiecesAreTheWhole(t *testing.T) {
	n := 300_000 // pages of dictionary codes, then plain ones, are in the library's files
	s := example(TypeString, n, 1<<16, true)
	name := write(t, []Column{{Name: "s", Type: TypeString, Optional: true}, {Name: "i", Type: TypeInt64}}, []Vector{s, example(TypeInt64, n, 1<<20, false)})
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, piece := range []int{777, 1 << 16, n} {
		for _, parallel := range []bool{false, true} {
			r := f.Reader(0, []int{0, 1})
			r.Parallel = parallel
			var got []string
			for {
				v, err := r.Next(piece)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, texts(&v[0])...)
			}
			if !reflect.DeepEqual(got, texts(&s)) {
				t.Fatalf("pieces of %d rows differ", piece)
			}
		}
	}
}

func TestHybrid(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		width := uint(r.IntN(33))
		codes := make([]uint32, r.IntN(100))
		for i := range codes {
			if i > 0 && r.IntN(3) > 0 {
				codes[i] = codes[i-1]
				continue
			}
			codes[i] = uint32(r.Uint64() & (1<<width - 1))
		}
		b := appendHybrid(nil, codes, width)
		got := make([]uint32, len(codes))
		if err := hybrid(got, b, width); err != nil || !reflect.DeepEqual(got, codes) {
			t.Fatalf("width %d: %v gives %v, %v", width, codes, got, err)
		}
		if len(b) > 0 && len(codes) > 0 {
			hybrid(got, b[:r.IntN(len(b))], width) // cut off: an error or not, never a panic
		}
	}
}
