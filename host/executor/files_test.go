package executor

import (
	"math/rand/v2"
	"sync"
	"testing"

	"rechost/host/array"
	"rechost/host/sandbox"
)

// Arrays that nobody uses are closed, the longest unused first, and those that
// somebody uses are not.
func TestFilesClose(t *testing.T) {
	dir := folder(t.TempDir())
	var metas []array.Meta
	for i := range 6 {
		metas = append(metas, dir.put(t, []float32{float32(i), 1, 2}))
	}
	f := &files{arrays: dir, most: 3}
	get := func(i int) *sandbox.Array {
		t.Helper()
		a, err := f.get(metas[i])
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	open := func(want ...int) {
		t.Helper()
		if len(f.open) != len(want) {
			t.Errorf("%d are open, want %v", len(f.open), want)
		}
		for _, i := range want {
			if f.open[metas[i].Digest] == nil {
				t.Errorf("%d is not open", i)
			}
		}
	}
	first, second := get(0), get(0)
	if first != second {
		t.Error("one array was opened twice")
	}
	for i := 1; i < 6; i++ {
		f.give(get(i))
	}
	open(0, 4, 5) // 0 is in use
	f.give(get(4))
	f.give(get(1))
	open(0, 4, 1) // 5 was longer unused than 4
	all := []*sandbox.Array{get(2), get(3), get(4), get(5)}
	open(0, 2, 3, 4, 5)
	f.give(first)
	open(0, 2, 3, 4, 5) // its second user is left
	f.give(second)
	open(2, 3, 4, 5)
	for _, a := range all {
		f.give(a)
	}
	open(3, 4, 5)
	wrong := metas[3]
	wrong.Rows--
	if _, err := f.get(wrong); err == nil {
		t.Error("an open array was had with another shape")
	}
	open(3, 4, 5)
	f.close()

	// From several tasks at a time.
	f = &files{arrays: dir, most: 2}
	var wg sync.WaitGroup
	for n := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(n, 1))
			for range 100 {
				i := r.IntN(len(metas))
				a, err := f.get(metas[i])
				if err != nil || a.Meta != metas[i] {
					t.Errorf("array %d: %v", i, err)
					return
				}
				f.give(a)
			}
		})
	}
	wg.Wait()
	if len(f.open) > 2 {
		t.Errorf("%d are open in the end", len(f.open))
	}
	f.close()
}
