package host

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"rechost/host/array"
	"rechost/host/executor"
	"rechost/host/plan"
	"rechost/host/store"
	"rechost/host/task"
)

// What short tasks gave is stored later, once; what long or large ones gave, or
// what cannot be had from the joined arrays, is not put off.
func TestUnsaved(t *testing.T) {
	st, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	s := &session{store: st}
	b := array.BytesOf([]float32{1, 2, 3})
	short := executor.Result{Data: [][]byte{b}, Stats: task.Stats{Guest: shortTask / 4, Kernel: shortTask / 4, Host: shortTask / 4}}
	long := executor.Result{Data: [][]byte{b}, Stats: task.Stats{Guest: shortTask / 2, Kernel: shortTask / 2, Host: 1}}
	large := executor.Result{Data: [][]byte{make([]byte, mostUnsaved-pageSize+1)}}
	many := executor.Result{Data: make([][]byte, mostOutputs)}
	u := &unsaved{session: s, turn: &plan.Turn{Tasks: make([]task.Task, 2)}}
	if !u.takes(short) || u.takes(long) || u.takes(large) || u.takes(many) {
		t.Error("a short task's outputs are not taken, or a long one's, or too many bytes or outputs")
	}
	if (&unsaved{session: s, turn: &plan.Turn{Tasks: make([]task.Task, 1)}}).takes(short) {
		t.Error("the outputs of the only task are taken, which are a frame")
	}
	metas := plan.Parts{{DType: array.F32, Rows: 3}}
	if err := s.keep(metas, short.Data, func(int) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if err := st.Check(metas[0]); !errors.Is(err, store.ErrGone) {
		t.Fatalf("it is stored already: %v", err)
	}
	u.add(metas, short.Data)
	for end := time.Now().Add(30 * time.Second); st.Check(metas[0]) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not stored in time")
		}
	}
	got, release, err := st.Read(metas[0])
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%v, %v", got, err)
	}
	release()
	u.release()
	u.save() // as a timer that was too late
}
