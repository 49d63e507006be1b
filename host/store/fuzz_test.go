package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"rechost/host/array"
	"rechost/host/digest"
)

// FuzzFiles: whatever lies in the store's folder under the name of a record or
// an array, it is what was put under that name, or it is not there and can be put
// anew.
func FuzzFiles(f *testing.F) {
	record, data := []byte(`{"outputs":[]}`), []byte("twelve bytes")
	name := digest.Of([]byte("name"))
	m := array.Meta{DType: array.U8, Rows: len(data)}
	m.Digest = digest.OfParts(m.Header(), data)
	f.Add(append([]byte(blobSum(name, record)), record...), append(m.Header(), data...))
	f.Add(append([]byte(blobSum(m.Digest, record)), record...), append(m.Header(), "twelve bites"...))
	f.Add(append([]byte(digest.Of(record).String()+"\n"), record...), m.Header())
	f.Add([]byte(blobSum(name, nil)), append(array.Meta{DType: array.U32, Rows: 3}.Header(), data...))
	f.Add([]byte{}, []byte{})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, blob, file []byte) {
		s, err := Open(dir) // each time, as it remembers what it has seen
		if err != nil {
			t.Fatal(err)
		}
		lay := func(path string, b []byte) {
			os.Remove(path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o400); err != nil {
				t.Fatal(err)
			}
		}
		lay(s.blobPath(name), blob)
		lay(s.Path(m.Digest), file)
		if b := s.Blob(name); b != nil {
			if want := append([]byte(blobSum(name, b)), b...); !bytes.Equal(blob, want) {
				t.Errorf("%q is a record", blob)
			}
		} else if err := s.PutBlob(name, record); err != nil || !bytes.Equal(s.Blob(name), record) {
			t.Errorf("after %q a record cannot be put: %v", blob, err)
		}
		got, release, err := s.Read(m)
		if err == nil {
			if !bytes.Equal(got, data) {
				t.Errorf("%q is read as the array", got)
			}
			release()
		} else if _, err := s.Put(m, data); err != nil || s.Check(m) != nil {
			t.Errorf("the array cannot be put anew: %v", err)
		}
	})
}
