package plan

import (
	"encoding/binary"
	"math"
	"testing"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
)

// FuzzParse: what is accepted can be unrolled, stage by stage.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"steps":[{"repeat":{"times":1,"steps":[]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		e, s, offsets := matrix()
		if p.Check(e, s) != nil {
			return
		}
		// What was accepted can be unrolled, stage by stage.
		src := Source{Offsets: func(m array.Meta) ([]uint64, error) {
			if off, ok := offsets[m.Digest]; ok {
				return off, nil
			}
			return make([]uint64, m.Rows), nil
		}}
		for i := range p.Stages {
			turn, err := p.Unroll(i, 0, e, s, src)
			if err != nil {
				if len(p.Steps) == len(p.Stages) {
					t.Fatalf("stage %d: %v", i, err)
				}
				return
			}
			for k, b := range turn.Makes {
				e[p.Stages[i].Outputs[k].Frame] = b
			}
		}
	})
}

// FuzzParts: what tasks give back is refused in the module's name, or joins to
// frames of the shapes that the plan says, whose offsets delimit their entries.
func FuzzParts(f *testing.F) {
	p, err := Parse([]byte(good))
	if err != nil {
		f.Fatal(err)
	}
	e, s, offsets := matrix()
	e["y"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
	turn, err := p.Unroll(5, 0, e, s, Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }})
	if err != nil {
		f.Fatal(err)
	}
	// A byte an offset; the bytes of the other arrays as they are.
	f.Add([]byte("1111"), []byte{0, 1, 1, 1}, []byte("1111"), []byte("22222222"), []byte{0, 0, 2}, []byte("22222222"))
	f.Add([]byte("1111"), []byte{0, 1, 255, 1}, []byte("1111"), []byte("222"), []byte{0, 254, 2}, []byte{})
	f.Fuzz(func(t *testing.T, item0, off0, score0, item1, off1, score1 []byte) {
		st := &memory{}
		var parts []Parts
		entries := 0
		for shard, x := range [][3][]byte{{item0, off0, score0}, {item1, off1, score1}} {
			var off []byte
			for _, b := range x[1] {
				n := uint64(b)
				if b > 250 {
					n = math.MaxUint64 - uint64(255-b)
				}
				off = binary.LittleEndian.AppendUint64(off, n)
			}
			data := [][]byte{x[0], off, x[2]}
			metas, err := turn.CheckParts(turn.Tasks[shard], data)
			if err != nil {
				if s := err.Error(); fault.CodeOf(err) != fault.Module || fault.Clean(s, len(s)) != s {
					t.Errorf("code %d: %v", fault.CodeOf(err), err)
				}
				return
			}
			entries += metas[0].Rows
			for k := range metas {
				if metas[k], err = st.Put(metas[k], data[k]); err != nil {
					t.Fatal(err)
				}
			}
			parts = append(parts, metas)
		}
		frames, err := turn.Join(parts, st)
		if err != nil {
			t.Fatal(err)
		}
		r := frames[0]
		b, _, err := st.Read(r.Arrays[abi.Offsets].Meta)
		if err != nil {
			t.Fatal(err)
		}
		off := array.View[uint64](b)
		if r.Rows != 5 || len(off) != 6 || off[0] != 0 || off[5] != uint64(entries) {
			t.Fatalf("%d rows, offsets %v of %d entries", r.Rows, off, entries)
		}
		for i, x := range off[1:] {
			if x < off[i] {
				t.Errorf("offsets %v", off)
			}
		}
		for _, name := range []string{"item", "score"} {
			if m := r.Arrays[name].Meta; m.Rows != entries {
				t.Errorf("%s has %d rows of %d entries", name, m.Rows, entries)
			}
		}
	})
}
