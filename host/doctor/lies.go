package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
	"rechost/host/matrix"
	"rechost/host/params"
	"rechost/host/plan"
	"rechost/host/recs"
	w "rechost/host/sandbox/rewrite/wasmenc"
	"rechost/host/table"
)

// textLie is a guest whose description or plan, if the host takes it from the
// guest at all, the host's own checks must refuse.
func textLie(name string, p phase, word string, texts ...string) attack {
	a := attack{kind: floods, name: name, call: p, want: want{
		ends: []end{harmless, stopped}, gives: "it is refused by the host's checks", wall: byParsing,
		check: func(r reply) (err error) {
			if p == describing {
				_, err = params.Parse(r.text)
			} else {
				var x *plan.Plan
				if x, err = plan.Parse(r.text); err == nil {
					err = x.Check(planEnv, plan.Shape{Shards: 2})
				}
			}
			switch {
			case err == nil:
				return errors.New("it was taken")
			case fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), word) || controls(err.Error()):
				return fmt.Errorf("it was refused as %q", err)
			}
			return nil
		},
	}}
	for _, s := range texts {
		a.modules = append(a.modules, teller(s, p).bytes)
	}
	return a
}

// teller is a guest whose description or plan is a text.
func teller(s string, p phase) guest {
	tell := func(f string) func(x names) []byte {
		return func(x names) []byte {
			return w.Join(w.I32Const(atRoom), w.I32Const(int32(len(s))), x.call(f), w.I32Const(0))
		}
	}
	g := guest{pages: int64(len(s)>>16 + 2), imports: []string{"rechost.describe", "rechost.plan"}, more: text(s)}
	if p == describing {
		g.describe = tell("rechost.describe")
	} else {
		g.plan = tell("rechost.plan")
	}
	return g
}

var planEnv = plan.Env{
	abi.ByUser: {Extent: abi.OverUsers, Frame: array.Frame{Rows: 4, Arrays: map[string]array.Column{
		abi.Offsets: {Meta: array.Meta{DType: array.U64, Rows: 5}}}}},
}

func stagePlan(name string) string {
	return `{"steps":[{"stage":{"name":` + name + `,"over":"nothing","inputs":[],"outputs":[{"frame":"x","arrays":[{"name":"y","dtype":"f32"}]}]}}]}`
}

// emitsPlan is a plan that offers something by a name.
func emitsPlan(offers ...string) string {
	return strings.TrimSuffix(stagePlan(`"a"`), "}") + `,"emits":[` + strings.Join(offers, ",") + "]}"
}

// repeats is a stage in so many repeats, each of so many turns.
func repeats(deep, turns int) string {
	head := fmt.Sprintf(`{"steps":[{"repeat":{"times":%d,"steps":[`, turns)
	inner := strings.TrimSuffix(strings.TrimPrefix(stagePlan(`"a"`), `{"steps":[`), "]}")
	return strings.Replace(strings.Repeat(strings.TrimPrefix(head, `{"steps":[`), deep), "{", `{"steps":[{`, 1) + inner + strings.Repeat("]}}", deep) + "]}"
}

// listLies are recommendations that a module might make for three users, who
// have each seen item 0 of five.
var listLies = []struct {
	items   []uint32
	scores  []float32
	offsets []uint64
}{
	{[]uint32{1}, []float32{float32(math.NaN())}, nil},
	{[]uint32{1}, []float32{float32(math.Inf(1))}, nil},
	{[]uint32{1}, []float32{float32(math.Inf(-1))}, nil},
	{[]uint32{5}, []float32{1}, nil},
	{[]uint32{math.MaxUint32}, []float32{1}, nil},
	{[]uint32{0}, []float32{1}, nil},
	{[]uint32{1, 1}, []float32{2, 1}, nil},
	{[]uint32{1, 2}, []float32{1, 2}, nil},
	{[]uint32{2, 1}, []float32{1, 1}, nil},
	{[]uint32{1, 2, 3, 4}, []float32{4, 3, 2, 1}, nil},
	{[]uint32{1}, []float32{1, 1}, nil},
	{[]uint32{1}, []float32{1}, []uint64{0, 1}},
	{[]uint32{1}, []float32{1}, []uint64{0, 2, 1, 1}},
	{[]uint32{1}, []float32{1}, []uint64{0, 1 << 63, 1, 1}},
	{[]uint32{1}, []float32{1}, []uint64{1, 1, 1, 1}},
	{[]uint32{1}, []float32{1}, []uint64{0, 0, 0, math.MaxUint64}},
}

// lists gives the host's last check of recommendations each of listLies. They
// need no guest: what a guest writes arrives as these arrays.
func lists(_ context.Context, _ *lab, a *attack) outcome {
	m := &matrix.Matrix{Users: smallIDs("user", 3), Items: smallIDs("item", 5),
		ByUser: matrix.CSR{Offsets: []uint64{0, 1, 2, 3}, Index: []uint32{0, 0, 0}, Value: []float32{1, 1, 1}}}
	check := func(items []uint32, scores []float32, offsets []uint64) (err error) {
		defer func() {
			if x := recover(); x != nil {
				err = fmt.Errorf("panic: %v", x)
			}
		}()
		if offsets == nil {
			n := uint64(len(items))
			offsets = []uint64{0, n, n, n}
		}
		return recs.Check(recs.Lists{Users: []uint32{0, 1, 2}, Offsets: offsets, Items: items, Scores: scores}, m, recs.Rules{Top: 3})
	}
	if err := check([]uint32{2, 1}, []float32{2, 1}, nil); err != nil {
		return outcome{end: failed, text: "an honest list is refused: " + err.Error()}
	}
	first := ""
	for i, x := range listLies {
		err := check(x.items, x.scores, x.offsets)
		if fault.CodeOf(err) != fault.Module {
			return outcome{end: broken, text: fmt.Sprintf("lie %d was taken: %v", i+1, err)}
		}
		if first == "" {
			first = err.Error()
		}
	}
	return outcome{stopped, fmt.Sprintf("%d of %d; the first: %s", len(listLies), len(listLies), first), byLists}
}

// smallIDs are ids from 0 to n-1.
func smallIDs(name string, n int64) matrix.IDs {
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(i)
	}
	return matrix.IDs{Name: name, Type: table.Type{Physical: table.Int64}, Values: table.IntVector(v)}
}
