package datasets

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/table"
)

// FuzzImport: any text in any format becomes a Parquet file with the rows that
// the report says, or an error that names the file, and leaves nothing.
func FuzzImport(f *testing.F) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("1::2::3.5::978300760\n"))
	z.Close()
	for i, text := range []string{
		"user,item,rating\n1,2,3.5\n2,\"a\"\"b\",4\n", "1\t2\t3\t881250949\r\n4\t5\t6\t881250949\r\n", "0 1 2 3\n1 4\n2\n",
		"(0,25)\t1064\t174\n", "1::2::3.5::978300760\n", zipped.String(), "\xef\xbb\xbfid;caf\xe9\n1;2\n",
	} {
		f.Add([]byte(text), byte(i))
	}
	formats := Formats()
	f.Fuzz(func(t *testing.T, text []byte, pick byte) {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.parquet")
		if pick&4 != 0 {
			in += ".negative" // a form of its own in ncf
		}
		if err := os.WriteFile(in, text, 0o600); err != nil {
			t.Fatal(err)
		}
		rep, err := Import(context.Background(), formats[int(pick)%len(formats)], in, out, ImportOptions{})
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.BadData && fault.CodeOf(err) != fault.Usage || !strings.HasPrefix(s, in) || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %q", fault.CodeOf(err), s)
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
			return
		}
		x, err := table.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		if x.Rows() != rep.Rows || len(x.Fields()) != len(rep.Columns) {
			t.Errorf("%d rows of %d columns, the report says %+v", x.Rows(), len(x.Fields()), rep)
		}
	})
}
