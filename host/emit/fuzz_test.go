package emit

import (
	"context"
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"rechost/guest/abi"
	"rechost/host/fault"
)

// FuzzNew: a frame that a plan offers is refused in the module's name, or is
// what it must be by the plainest reading and can be written in a form that its
// kind has. Whatever file is named for it, it is refused or has a form.
func FuzzNew(f *testing.F) {
	pack := func(values []float32) (b []byte) {
		for _, x := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	good := nearFrame()
	f.Add(uint8(0), uint8(3), uint8(0), []byte{0, 2, 2, 4}, []byte{2, 1, 0, 1}, pack(good.Values), "near.parquet")
	f.Add(uint8(1), uint8(3), uint8(0), []byte{0, 1, 2, 3}, []byte{1, 1, 0}, pack([]float32{1, 2, 3}), "fans.npy")
	f.Add(uint8(2), uint8(2), uint8(2), []byte{}, []byte{}, pack([]float32{1, 2, 3, 4}), "vectors.NPY")
	f.Add(uint8(2), uint8(2), uint8(0), []byte{}, []byte{}, pack([]float32{1, float32(math.NaN())}), "a.npy.gz")
	f.Add(uint8(0), uint8(3), uint8(0), []byte{0, 255, 2, 4}, []byte{2, 2, 255, 1}, pack(good.Values), ".parquet")
	f.Add(uint8(3), uint8(3), uint8(3), []byte{}, []byte{}, pack(make([]float32, 9)), "\x1b[2J.npy")
	m := data(f)
	square := abi.Emit{Name: "square", Frame: "f", Rows: abi.OverItems, Of: abi.OverItems, Values: "v"}
	f.Fuzz(func(t *testing.T, kind, rows, width uint8, offsets, ids, values []byte, file string) {
		d := []abi.Emit{near, fans, vectors, square}[kind%4]
		if form, err := FormOf(file); err == nil {
			if names := Files(file); names[0] != file || len(names) != map[string]int{Parquet: 1, NumPy: 2}[form] {
				t.Errorf("%q comes with %q", file, names)
			}
		} else if fault.CodeOf(err) != fault.Usage {
			t.Errorf("code %d: %v", fault.CodeOf(err), err)
		}
		lists := d.IDs != ""
		if err := Refuse(d.Name, lists, file); err != nil && (fault.CodeOf(err) != fault.Usage || !lists && filepath.Ext(file) == ".npy") {
			t.Errorf("code %d: %v", fault.CodeOf(err), err)
		}
		x := Frame{Rows: int(rows)}
		if !lists {
			x.Width = int(width)
			if d.Of != "" {
				x.Width = m.Items.Len() // as plan.CheckEmit sees to it
			}
		}
		for _, b := range offsets {
			n := uint64(b)
			if b > 250 {
				n = math.MaxUint64 - uint64(255-b)
			}
			x.Offsets = append(x.Offsets, n)
		}
		for _, b := range ids {
			n := uint32(b)
			if b > 250 {
				n = math.MaxUint32 - uint32(255-b)
			}
			x.IDs = append(x.IDs, n)
		}
		for ; len(values) >= 4; values = values[4:] {
			x.Values = append(x.Values, math.Float32frombits(binary.LittleEndian.Uint32(values)))
		}
		e, err := New(d, m, x)
		if err != nil {
			if s := err.Error(); fault.CodeOf(err) != fault.Module || fault.Clean(s, len(s)) != s {
				t.Errorf("code %d: %q", fault.CodeOf(err), s)
			}
			return
		}
		n := map[string]int{abi.OverUsers: 2, abi.OverItems: 3}
		if x.Rows != n[d.Rows] || slices.ContainsFunc(x.Values, func(v float32) bool { return !(math.Abs(float64(v)) <= math.MaxFloat32) }) {
			t.Fatalf("%s: %+v", d.Name, x)
		}
		if lists {
			for r := range x.Rows {
				row := x.IDs[x.Offsets[r]:x.Offsets[r+1]]
				for k, id := range row {
					if int(id) >= n[d.Of] || slices.Contains(row[:k], id) {
						t.Errorf("list %d of %s is %v", r, d.Name, row)
					}
				}
			}
		} else if len(x.Values) != x.Rows*max(x.Width, 1) {
			t.Errorf("%d values of %d rows, %d wide", len(x.Values), x.Rows, x.Width)
		}
		if e.Bits() < 0 {
			t.Errorf("%d bits", e.Bits())
		}
		for _, name := range []string{"x.parquet", "x.npy"} {
			if Refuse(d.Name, lists, name) != nil {
				continue
			}
			if _, err := Write(context.Background(), e, Files(filepath.Join(t.TempDir(), name))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
