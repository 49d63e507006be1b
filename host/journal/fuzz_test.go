package journal

import (
	"encoding/json"
	"testing"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/store"
	"rechost/host/task"
)

// FuzzEntry: a record of the store, which can be anything, is no entry and is
// forgotten, or is one whose arrays are in the store as it says.
func FuzzEntry(f *testing.F) {
	dir := f.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	m, err := st.Put(array.Meta{DType: array.U32, Rows: 2, Width: 3}, make([]byte, 24))
	if err != nil {
		f.Fatal(err)
	}
	seed := func(e Entry) []byte {
		b, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(seed(Entry{Outputs: []array.Meta{m}, Engine: "compiler", Stats: task.Stats{Calls: 1}}))
	other, gone, huge := m, m, m
	other.Rows, other.Width = 3, 2
	gone.Digest[0]++
	huge.Rows, huge.Width = 1<<40, 1<<40
	for _, x := range []array.Meta{other, gone, huge} {
		f.Add(seed(Entry{Outputs: []array.Meta{m, x}}))
	}
	f.Add([]byte(`{"outputs":null}{}`))
	f.Add([]byte(`{"outputs":[{"dtype":"u9"}]}`))
	id := digest.Of([]byte("task"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		j := Journal{Store: st, Engine: "compiler"}
		j.Drop(id)
		if err := st.PutBlob(id, b); err != nil {
			t.Fatal(err)
		}
		_, peeked := j.Peek(id)
		e, ok := j.Get(id)
		if ok && !peeked {
			t.Error("an entry that is none")
		}
		if !peeked && st.Blob(id) != nil {
			t.Error("what is no entry stays")
		}
		if !ok {
			return
		}
		for _, o := range e.Outputs {
			data, release, err := st.Read(o)
			if err != nil || int64(len(data)) != o.Bytes() || o != m {
				t.Fatalf("%+v: %d bytes, %v", o, len(data), err)
			}
			release()
		}
	})
}
