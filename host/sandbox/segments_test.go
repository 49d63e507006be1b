package sandbox

import (
	"bytes"
	"math/rand/v2"
	"testing"

	w "rechost/host/sandbox/rewrite/wasmenc"
)

// image is the memory that a module's data section makes.
func image(t *testing.T, wasm []byte) (mem []byte, segments int) {
	t.Helper()
	mem = make([]byte, 4*wasmPage)
	for at := 8; at < len(wasm); {
		n, k := 0, 0
		for shift := 0; ; shift += 7 {
			b := wasm[at+1+k]
			n |= int(b&0x7f) << shift
			k++
			if b < 0x80 {
				break
			}
		}
		body := wasm[at+1+k : at+1+k+n]
		if wasm[at] == w.SecData {
			s, ok := parseSegments(body)
			if !ok {
				t.Fatal("a data section that does not parse")
			}
			for _, x := range s {
				copy(mem[x.start:], x.data)
			}
			segments = len(s)
		}
		at += 1 + k + n
	}
	return mem, segments
}

func TestMergeDataKeepsMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var m w.Module
		m.Memory(4, -1)
		var at int32
		type piece struct {
			at int32
			n  int
		}
		var pieces []piece
		for range r.IntN(40) {
			at += int32(r.IntN(3000))
			n := r.IntN(200)
			pieces = append(pieces, piece{at, n})
			at += int32(n)
		}
		if r.IntN(2) == 0 {
			r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		}
		if r.IntN(4) == 0 && len(pieces) > 0 { // overlap
			pieces = append(pieces, piece{pieces[0].at + 1, 50})
		}
		for _, p := range pieces {
			b := make([]byte, p.n)
			for i := range b {
				b[i] = byte(r.IntN(256))
			}
			m.Data(p.at, b)
		}
		m.Custom("after", []byte("x"))
		before := m.Bytes()
		after := mergeData(before)
		x, n := image(t, before)
		y, k := image(t, after)
		if !bytes.Equal(x, y) {
			t.Fatal("merging changed the memory")
		}
		if k > n {
			t.Fatalf("%d segments became %d", n, k)
		}
		if !bytes.Contains(after, []byte("after")) {
			t.Fatal("the section after the data is gone")
		}
	}
}

func TestMergeDataLeavesAlone(t *testing.T) {
	var named w.Module
	named.Memory(1, -1)
	named.Data(0, []byte("a"))
	named.Data(4, []byte("b"))
	named.PassiveData([]byte("c")) // brings the data count section
	for _, wasm := range [][]byte{named.Bytes(), []byte(w.Magic), append([]byte(w.Magic), 11, 200)} {
		if got := mergeData(wasm); !bytes.Equal(got, wasm) {
			t.Errorf("%x became %x", wasm, got)
		}
	}
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 20, -1 << 31, 1<<31 - 1} {
		b := appendSigned(nil, v)
		if got, n := signed(b); got != v || n != len(b) {
			t.Errorf("%d became %d", v, got)
		}
	}
}
