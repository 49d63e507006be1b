package sandbox

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"rechost/host/array"
)

// Whatever NaNs a guest writes, in writes of any length, its output has the one
// that results hold, with a sink and without.
func TestOutputHasOneNaN(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, d := range []array.DType{array.F32, array.F64, array.U32} {
		for _, most := range []int{5, 4000, flushAt, 3 * flushAt} {
			b := make([]byte, 5*flushAt+24)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			for range 50 { // NaNs of every kind, among them across two writes
				copy(b[r.IntN(len(b)/8)*8:], []byte{1, 0, 0xff, 0xff, 1, 0, 0xf8, 0xff})
			}
			want := bytes.Clone(b)
			array.OneNaN(d, want)
			if bytes.Equal(want, b) != (d == array.U32) {
				t.Fatalf("%s: no NaN to be changed", d)
			}
			var sink bytes.Buffer
			with, err := newOutput(Output{DType: d, Rows: -1}, &sink, int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			without, err := newOutput(Output{DType: d, Rows: -1}, nil, int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			guest := bytes.Clone(b)
			for rest := guest; len(rest) > 0; {
				n := min(1+r.IntN(most), len(rest))
				if most >= flushAt && r.IntN(4) > 0 { // an element in several writes, after a large one
					n = min(1+r.IntN(3), len(rest))
				}
				for _, o := range []*outputBuffer{&with, &without} {
					if err := o.write(rest[:n:n]); err != nil {
						t.Fatal(err)
					}
				}
				rest = rest[n:]
			}
			if err := with.flush(); err != nil {
				t.Fatal(err)
			}
			if err := without.flush(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(sink.Bytes(), want) || !bytes.Equal(without.pending, want) {
				t.Errorf("%s in writes of up to %d bytes: other bytes", d, most)
			}
			if !bytes.Equal(guest, b) {
				t.Errorf("%s: the guest's memory was changed", d)
			}
		}
	}
}
