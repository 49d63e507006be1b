package executor

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/sandbox"
)

// What is longest unused is closed first, until the rest is few and small.
func TestExcess(t *testing.T) {
	of := func(n byte) (d digest.Digest) { d[0] = n; return d }
	all := []idle{{of(1), 20 << 20, 3}, {of(2), 1, 1}, {of(3), 10 << 20, 2}, {of(4), 8 << 20, 4}}
	for _, c := range []struct {
		open, most int
		bytes      int64 // more
		want       []byte
	}{
		{9, 9, 0, []byte{2, 3}}, // 38 MiB and a byte: 28 are left
		{9, 7, 0, []byte{2, 3}},
		{9, 6, 0, []byte{2, 3, 1}},
		{9, 9, maxIdleBytes, []byte{2, 3, 1, 4}},
		{9, 0, 0, []byte{2, 3, 1, 4}},
	} {
		list := slices.Clone(all)
		list[3].bytes += c.bytes
		var got []byte
		for _, d := range excess(list, c.open, c.most) {
			got = append(got, d[0])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d open, %d at most, %d bytes more: %v closed, want %v", c.open, c.most, c.bytes, got, c.want)
		}
	}
	if got := excess([]idle{{of(1), maxIdleBytes, 1}}, 1, 1); got != nil {
		t.Errorf("%d closed of one that is not too much", len(got))
	}
}

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
