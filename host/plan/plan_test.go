package plan

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

// matrix is the frames of a host with 5 users, 3 items and 7 interactions.
func matrix() (Env, Shape, map[digest.Digest][]uint64) {
	offsets := map[digest.Digest][]uint64{}
	csr := func(rows int, extent, index string, off ...uint64) Bound {
		d := digest.OfJSON(off)
		offsets[d] = off
		n := int(off[rows])
		return Bound{Extent: extent, Frame: array.Frame{Rows: rows, Arrays: map[string]array.Column{
			"offsets": {Meta: array.Meta{DType: array.U64, Rows: rows + 1, Digest: d}},
			index:     {Meta: array.Meta{DType: array.U32, Rows: n, Digest: digest.Of([]byte(extent + index))}, PerEntry: true},
			"value":   {Meta: array.Meta{DType: array.F32, Rows: n, Digest: digest.Of([]byte(extent + "value"))}, PerEntry: true},
		}}}
	}
	e := Env{
		abi.ByUser:  csr(5, abi.OverUsers, "item", 0, 2, 3, 3, 5, 7),
		abi.ByItem:  csr(3, abi.OverItems, "user", 0, 4, 6, 7),
		abi.Targets: csr(5, abi.OverTargets, "item", 0, 2, 3, 3, 5, 7),
	}
	e[abi.Targets].Arrays["user"] = array.Column{Meta: array.Meta{DType: array.U32, Rows: 5}}
	s := Shape{Shards: 2, Cuts: map[string][]int{abi.OverUsers: {0, 2, 5}, abi.OverItems: {0, 1, 3}, abi.OverTargets: {0, 3, 5}}}
	return e, s, offsets
}

const good = `{"steps":[
 {"stage":{"name":"norms","over":"items","inputs":[{"frame":"by_item","bind":"aligned"}],
  "outputs":[{"frame":"norms","arrays":[{"name":"norm","dtype":"f32"}]}]}},
 {"stage":{"name":"start","over":"once","inputs":[],"outputs":[{"frame":"x","rows":3,"arrays":[{"name":"v","dtype":"f32","width":2}]}]}},
 {"repeat":{"times":3,"until":"stop","steps":[
  {"stage":{"name":"gram","over":"norms","inputs":[{"frame":"norms","bind":"aligned"},{"frame":"x","bind":"whole"}],
   "outputs":[{"frame":"g","combine":"sum","rows":2,"arrays":[{"name":"m","dtype":"f32","width":2}]}]}},
  {"stage":{"name":"turn","over":"items","inputs":[{"frame":"x","bind":"rotated"},{"frame":"g","bind":"whole"}],
   "outputs":[{"frame":"y","arrays":[{"name":"v","dtype":"f32","width":2}]}]}},
  {"stage":{"name":"test","over":"once","inputs":[{"frame":"y","bind":"whole"}],"outputs":[{"frame":"stop","rows":1,"arrays":[{"name":"v","dtype":"u8"}]}]}}]}},
 {"stage":{"name":"score","over":"targets","inputs":[{"frame":"targets","arrays":["item"],"bind":"aligned"},{"frame":"y","bind":"whole"}],
  "outputs":[{"frame":"recommendations","arrays":[{"name":"item","dtype":"u32","per":"entry"},{"name":"score","dtype":"f32","per":"entry"}]}]}}
]}`

func TestGoodPlan(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, _ := matrix()
	if err := p.Check(e, s); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, st := range p.Stages {
		names = append(names, st.Name)
	}
	if got := strings.Join(names, " "); got != "norms start gram turn test score" {
		t.Errorf("stages %s", got)
	}
}

func TestBadPlans(t *testing.T) {
	e, s, _ := matrix()
	for name, c := range map[string]struct{ old, new, says string }{
		"not json":      {`{"steps"`, `{"steps`, "plan.schema.json"},
		"unknown field": {`"over":"once","inputs":[],`, `"over":"once","inputs":[],"run":1,`, "plan.schema.json"},
		"no steps":      {good, `{"steps":[]}`, "empty list"},
		"empty step":    {good, `{"steps":[{}]}`, "neither"},
		"text behind":   {good, good + "{}", "after its end"},
		"stage name":    {`"name":"start"`, `"name":"st\u001bart"`, "stage named"},
		"over nothing":  {`"over":"norms"`, `"over":"nothing"`, "runs over"},
		"missing frame": {`[{"frame":"y","bind":"whole"}],"outputs":[{"frame":"stop"`, `[{"frame":"z","bind":"whole"}],"outputs":[{"frame":"stop"`, "no earlier stage"},
		"missing array": {`"arrays":["item"],"bind":"aligned"`, `"arrays":["what"],"bind":"aligned"`, "targets.what"},
		"bind":          {`"bind":"rotated"`, `"bind":"sideways"`, "bound"},
		"aligned rows":  {`{"frame":"targets","arrays":["item"],"bind":"aligned"}`, `{"frame":"norms","bind":"aligned"}`, "runs over 5 rows"},
		"bound twice": {`{"frame":"y","bind":"whole"}],
  "outputs"`, `{"frame":"targets","bind":"whole"}],
  "outputs"`, "bound twice"},
		"once aligned":        {`"inputs":[{"frame":"y","bind":"whole"}],"outputs":[{"frame":"stop"`, `"inputs":[{"frame":"y","bind":"aligned"}],"outputs":[{"frame":"stop"`, "runs once"},
		"host frame":          {`{"frame":"x","rows":3`, `{"frame":"by_user","rows":3`, "frame of the host"},
		"dtype":               {`"dtype":"u8"`, `"dtype":"f16"`, "element type"},
		"offsets array":       {`{"name":"v","dtype":"u8"}`, `{"name":"offsets","dtype":"u8"}`, "offsets come by themselves"},
		"sum of integers":     {`{"name":"m","dtype":"f32","width":2}`, `{"name":"m","dtype":"u32","width":2}`, "can be summed"},
		"sum without rows":    {`"combine":"sum","rows":2`, `"combine":"sum"`, "how many rows"},
		"rows where not":      {`{"frame":"norms","arrays":[{"name":"norm"`, `{"frame":"norms","rows":3,"arrays":[{"name":"norm"`, "how many rows"},
		"huge":                {`"rows":3`, `"rows":3000000000`, "how many rows"},
		"wide":                {`"rows":3,"arrays":[{"name":"v","dtype":"f32","width":2}`, `"rows":3,"arrays":[{"name":"v","dtype":"f32","width":2000000}`, "wide"},
		"times":               {`"times":3`, `"times":0`, "repeats steps 0 times"},
		"too much":            {`"times":3`, `"times":900000`, "stages; at most"},
		"until":               {`"until":"stop"`, `"until":"y"`, "one element"},
		"no recommendations":  {`"frame":"recommendations"`, `"frame":"others"`, "makes no frame recommendations"},
		"over users":          {`"name":"score","over":"targets"`, `"name":"score","over":"users"`, "over targets"},
		"scores of doubles":   {`{"name":"score","dtype":"f32","per":"entry"}`, `{"name":"score","dtype":"f64","per":"entry"}`, "score (f32"},
		"rotated without old": {`"outputs":[{"frame":"y",`, `"outputs":[{"frame":"y","bind":"rotated",`, "no earlier frame"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%s: the text to replace is not there", name)
		}
		p, err := Parse([]byte(text))
		if err == nil {
			err = p.Check(e, s)
		}
		if err == nil || fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, which does not say %q", name, err, c.says)
		}
	}
	deep := strings.Repeat(`{"repeat":{"times":1,"steps":[`, 20) + strings.Repeat(`]}}`, 20)
	if _, err := Parse([]byte(`{"steps":[` + deep + `]}`)); err == nil {
		t.Error("20 repeats within each other were read")
	}
	if _, err := Parse([]byte(strings.Repeat("[", abi.MaxPlan+1))); err == nil {
		t.Error("a plan of 1 MiB of brackets was read")
	}
	for _, after := range []string{"{}", "}", "]", "x"} {
		if _, err := Parse([]byte(good + after)); err == nil || !strings.Contains(err.Error(), "text after its end") {
			t.Errorf("a plan with %s after it: %v", after, err)
		}
	}
}

// A stage reads and writes 256 arrays, and no more: offsets count, and of a
// frame only the arrays that an input asks for.
func TestMostArrays(t *testing.T) {
	frame := func(name string, arrays int, per string) string {
		var list []string
		for i := range arrays {
			list = append(list, fmt.Sprintf(`{"name":"a%d","dtype":"f32","per":%q}`, i, per))
		}
		return fmt.Sprintf(`{"frame":%q,"rows":1,"arrays":[%s]}`, name, strings.Join(list, ","))
	}
	stage := func(name, inputs string, outputs ...string) string {
		return fmt.Sprintf(`{"stage":{"name":%q,"over":"once","inputs":[%s],"outputs":[%s]}}`, name, inputs, strings.Join(outputs, ","))
	}
	read := func(frame, arrays string) string {
		if arrays != "" {
			arrays = `"arrays":[` + arrays + `],`
		}
		return fmt.Sprintf(`{"frame":%q,%s"bind":"whole"}`, frame, arrays)
	}
	whole := strings.Join([]string{read("b", ""), read("c", ""), read("d", "")}, ",")
	makes := []string{
		stage("four", "", frame("a", 64, ""), frame("b", 64, ""), frame("c", 64, ""), frame("d", 64, "")),
		stage("few", "", frame("e", 63, "entry"), frame("f", 1, "entry"), frame("g", 1, "")),
	}
	for name, c := range map[string]struct{ stage, says string }{
		"256 read":            {stage("last", whole+","+read("e", ""), frame("x", 1, "")), ""},
		"a frame too many":    {stage("last", whole+","+read("a", "")+","+read("e", ""), frame("x", 1, "")), "stage last: its inputs have 320 arrays"},
		"offsets come too":    {stage("last", whole+","+read("a", `"a0"`)+","+read("f", `"a0"`)+","+read("e", ""), frame("x", 1, "")), "its inputs have 259 arrays, offsets included; a stage reads at most 256"},
		"two of each":         {stage("last", whole+","+read("a", `"a0","a1"`)+","+read("e", `"a0","a1"`)+","+read("f", `"a0"`), frame("x", 1, "")), ""},
		"256 written":         {stage("last", "", frame("x", 64, ""), frame("y", 64, ""), frame("z", 64, ""), frame("v", 63, "entry")), ""},
		"257 written":         {stage("last", "", frame("x", 64, ""), frame("y", 64, ""), frame("z", 64, ""), frame("v", 64, "entry")), "stage last: its outputs have 257 arrays, offsets included; a stage writes at most 256"},
		"one output too many": {stage("last", "", frame("x", 64, ""), frame("y", 64, ""), frame("z", 64, ""), frame("v", 64, ""), frame("w", 1, "")), "257 arrays"},
	} {
		score := `{"stage":{"name":"score","over":"targets","inputs":[],"outputs":[{"frame":"recommendations","arrays":[{"name":"item","dtype":"u32","per":"entry"},{"name":"score","dtype":"f32","per":"entry"}]}]}}`
		e, s, _ := matrix()
		p, err := Parse([]byte(`{"steps":[` + strings.Join(append(makes, c.stage, score), ",") + `]}`))
		if err == nil {
			err = p.Check(e, s)
		}
		if c.says == "" && err != nil || c.says != "" && (fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestUnroll(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	src := Source{Module: digest.Of([]byte("m")), Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }}
	turn, err := p.Unroll(0, 0, e, s, src)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, task := range turn.Tasks {
		for _, in := range task.Inputs {
			got = append(got, fmt.Sprintf("%d:%s[%d+%d]", task.Shard, in.Name, in.First, in.Rows))
		}
		for _, o := range task.Outputs {
			got = append(got, fmt.Sprintf("%d:%s(%d)", task.Shard, o.Name, o.Rows))
		}
	}
	want := "0:by_item.offsets[0+2] 0:by_item.user[0+4] 0:by_item.value[0+4] 0:norms.norm(1) " +
		"1:by_item.offsets[1+3] 1:by_item.user[4+3] 1:by_item.value[4+3] 1:norms.norm(2)"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	var c abi.Config
	if err := json.Unmarshal(turn.Tasks[1].Config, &c); err != nil || *c.Task != (abi.Task{Stage: "norms", Shard: 1, Shards: 2, First: 1, Rows: 2}) {
		t.Errorf("configuration %s, %v", turn.Tasks[1].Config, err)
	}
}

// Tasks of large shards are begun first, but not where their outputs are joined
// on the way.
func TestOrder(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	s.Cuts[abi.OverTargets] = []int{0, 1, 2, 5}
	src := Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }}
	for i, x := range p.Stages {
		e["norms"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"norm": {Meta: array.Meta{DType: array.F32, Rows: 3}}}}}
		e["x"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
		e["y"] = e["x"]
		e["g"] = Bound{Extent: "g", Frame: array.Frame{Rows: 2, Arrays: map[string]array.Column{"m": {Meta: array.Meta{DType: array.F32, Rows: 2, Width: 2}}}}}
		turn, err := p.Unroll(i, 0, e, s, src)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]int{
			"norms": {0, 1}, // one row and two
			"gram":  {1, 0}, // the same, but summed
			"turn":  {0, 1},
			"score": {2, 0, 1}, // lists of one user, one and three
		}[x.Name]
		if want == nil {
			want = []int{0}
		}
		if got := turn.Order(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", x.Name, got, want)
		}
	}
}

// A task's identity changes with everything that can change its outputs.
func TestIdentity(t *testing.T) {
	id := func(change func(*Env, *Source, *Shape, *[]byte)) digest.Digest {
		e, s, offsets := matrix()
		src := Source{Module: digest.Of([]byte("m")), Config: abi.Config{Seed: 1, Top: 20, Parameters: map[string]any{"k": int64(3), "a": 0.5}}}
		src.Offsets = func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }
		text := []byte(good)
		change(&e, &src, &s, &text)
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		turn, err := p.Unroll(0, 0, e, s, src)
		if err != nil {
			t.Fatal(err)
		}
		return turn.Tasks[0].ID
	}
	base := id(func(*Env, *Source, *Shape, *[]byte) {})
	if base != id(func(*Env, *Source, *Shape, *[]byte) {}) {
		t.Error("the identity is not a function of its inputs")
	}
	for name, change := range map[string]func(*Env, *Source, *Shape, *[]byte){
		"module":    func(_ *Env, s *Source, _ *Shape, _ *[]byte) { s.Module = digest.Of(nil) },
		"seed":      func(_ *Env, s *Source, _ *Shape, _ *[]byte) { s.Config.Seed++ },
		"top":       func(_ *Env, s *Source, _ *Shape, _ *[]byte) { s.Config.Top++ },
		"parameter": func(_ *Env, s *Source, _ *Shape, _ *[]byte) { s.Config.Parameters["a"] = 0.25 },
		"salt":      func(_ *Env, s *Source, _ *Shape, _ *[]byte) { s.Salt = "x" },
		"shards":    func(_ *Env, _ *Source, s *Shape, _ *[]byte) { s.Cuts[abi.OverItems] = []int{0, 2, 3} },
		"input": func(e *Env, _ *Source, _ *Shape, _ *[]byte) {
			c := (*e)[abi.ByItem].Arrays["value"]
			c.Digest = digest.Of([]byte("another"))
			(*e)[abi.ByItem].Arrays["value"] = c
		},
		"stage": func(_ *Env, _ *Source, _ *Shape, b *[]byte) {
			*b = []byte(strings.Replace(good, `"name":"norm","dtype":"f32"`, `"name":"norm","dtype":"f64"`, 1))
		},
	} {
		if id(change) == base {
			t.Errorf("another %s has the same identity", name)
		}
	}
}

// memory is a store in a map. Join uses it from several goroutines.
type memory struct{ arrays sync.Map }

func (s *memory) Put(m array.Meta, parts ...[]byte) (array.Meta, error) {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	if int64(len(b)) != m.Bytes() {
		return m, fmt.Errorf("%d bytes for %+v", len(b), m)
	}
	m.Digest = digest.OfParts(m.Header(), b)
	s.arrays.Store(m.Digest, b)
	return m, nil
}

func (s *memory) Read(m array.Meta) ([]byte, func(), error) {
	b, ok := s.arrays.Load(m.Digest)
	if !ok {
		return nil, nil, fmt.Errorf("no array %v", m)
	}
	return b.([]byte), func() {}, nil
}

// begun is an array of a memory.
type begun struct {
	s *memory
	m array.Meta
	b []byte
}

func (s *memory) Begin(m array.Meta) (array.Writer, error) { return &begun{s: s, m: m}, nil }

func (w *begun) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *begun) Finish() (array.Meta, error) { return w.s.Put(w.m, w.b) }
func (w *begun) Drop()                       {}

// checkCut cuts what tasks gave out of what was joined of it.
func checkCut(t *testing.T, turn *Turn, frames []Bound, parts []Parts, st Store) {
	t.Helper()
	for k := range turn.Tasks[0].Outputs {
		if !turn.Cuts(k) {
			t.Fatal("what was joined is not cut")
		}
	}
	for shard := range turn.Tasks {
		metas, data, release, err := turn.Cut(frames, shard, st)
		if err != nil {
			t.Fatal(err)
		}
		for k := range metas {
			if metas[k], err = st.Put(metas[k], data[k]); err != nil {
				t.Fatal(err)
			}
		}
		release()
		if !reflect.DeepEqual(metas, parts[shard]) {
			t.Errorf("shard %d is cut to %+v, was %+v", shard, metas, parts[shard])
		}
	}
}

func TestJoin(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	src := Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }}
	st := &memory{}
	give := func(turn *Turn, shard int, data ...[]byte) Parts {
		metas, err := turn.CheckParts(turn.Tasks[shard], data)
		if err != nil {
			t.Fatal(err)
		}
		for k := range metas {
			if metas[k], err = st.Put(metas[k], data[k]); err != nil {
				t.Fatal(err)
			}
		}
		return metas
	}
	u64, u32, f32 := array.BytesOf[uint64], array.BytesOf[uint32], array.BytesOf[float32]

	// What a record says a task gave is looked at like what it gives.
	kept := func(turn *Turn, data ...[]byte) Parts {
		list := make(Parts, len(data))
		for k, b := range data {
			o := turn.Tasks[0].Outputs[k]
			m := array.Meta{DType: o.DType, Width: o.Width}
			m.Rows = len(b) / m.RowBytes()
			var err error
			if list[k], err = st.Put(m, b); err != nil {
				t.Fatal(err)
			}
		}
		return list
	}

	// Concatenation of ragged outputs: item, offsets, score in order of names.
	e["y"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
	turn, err := p.Unroll(5, 0, e, s, src)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		parts Parts
		good  bool
	}{
		"as it was":        {kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 2, 3}), f32([]float32{.5, .4, .3})), true},
		"falling offsets":  {kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 1, 3}), f32([]float32{.5, .4, .3})), false},
		"more entries":     {kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 2, 2}), f32([]float32{.5, .4, .3})), false},
		"a score too few":  {kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 2, 3}), f32([]float32{.5, .4})), false},
		"no offsets":       {kept(turn, u32([]uint32{}), u64([]uint64{}), f32([]float32{})), false},
		"another's offset": {kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 3}), f32([]float32{.5, .4, .3})), false},
		"an array less":    {kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 2, 3})), false},
	} {
		if err := turn.CheckKept(turn.Tasks[0], c.parts, st); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := kept(turn, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 2, 3}), f32([]float32{.5, .4, .3}))
	other[0].DType = array.F32
	if turn.CheckKept(turn.Tasks[0], other, st) == nil {
		t.Error("items that are f32 are taken")
	}
	parts := []Parts{
		give(turn, 0, u32([]uint32{7, 8, 9}), u64([]uint64{0, 2, 2, 3}), f32([]float32{.5, .4, .3})),
		give(turn, 1, u32([]uint32{6}), u64([]uint64{0, 0, 1}), f32([]float32{.2})),
	}
	frames, err := turn.Join(parts, st)
	if err != nil {
		t.Fatal(err)
	}
	checkCut(t, turn, frames, parts, st)
	off, _, _ := st.Read(frames[0].Arrays["offsets"].Meta)
	item, _, _ := st.Read(frames[0].Arrays["item"].Meta)
	if got := fmt.Sprint(array.View[uint64](off), array.View[uint32](item), frames[0].Arrays["item"].Rows); got != "[0 2 2 3 3 4] [7 8 9 6] 4" {
		t.Errorf("concatenated to %s", got)
	}
	back, err := turn.Frames([]array.Meta{frames[0].Arrays["item"].Meta, frames[0].Arrays["offsets"].Meta, frames[0].Arrays["score"].Meta}, st)
	if err != nil || back[0].Digest() != frames[0].Digest() {
		t.Errorf("remembered as %v, %v", back, err)
	}

	// Sums in shard order: 1e8 + 1 - 1e8 is 0 in float32 one way round.
	e["norms"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"norm": {Meta: array.Meta{DType: array.F32, Rows: 3}}}}}
	e["x"] = Bound{Extent: "x", Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
	s.Cuts[abi.OverItems] = []int{0, 1, 2, 3}
	if turn, err = p.Unroll(2, 0, e, s, src); err != nil {
		t.Fatal(err)
	}
	summed := []Parts{
		give(turn, 0, f32([]float32{1e8, 1, 2, 3})), give(turn, 1, f32([]float32{1, 1, 1, 1})), give(turn, 2, f32([]float32{-1e8, 1, 1, 1})),
	}
	frames, err = turn.Join(summed, st)
	if err != nil {
		t.Fatal(err)
	}
	if turn.Cuts(0) {
		t.Error("sums can be cut apart")
	}
	if m, err := turn.Sum(summed, 0, st); err != nil || m != turn.Meta(frames, 0) {
		t.Errorf("summed again: %+v, %v", m, err)
	}
	g, _, _ := st.Read(frames[0].Arrays["m"].Meta)
	if got := fmt.Sprint(array.View[float32](g)); got != "[0 3 4 5]" {
		t.Errorf("summed to %s", got)
	}

	// The NaN of a sum is the one that results hold, whatever the processor's is.
	inf := float32(math.Inf(1))
	if frames, err = turn.Join([]Parts{give(turn, 0, f32([]float32{inf, 1, 2, 3})), give(turn, 1, f32([]float32{1, 1, 1, 1})), give(turn, 2, f32([]float32{-inf, 1, 1, 1}))}, st); err != nil {
		t.Fatal(err)
	}
	g, _, _ = st.Read(frames[0].Arrays["m"].Meta)
	if got := array.View[uint32](g)[0]; got != 0x7fc00000 {
		t.Errorf("infinities summed to bits %#x", got)
	}
}

func TestRotation(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	e["x"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
	e["g"] = Bound{Extent: "g", Frame: array.Frame{Rows: 2, Arrays: map[string]array.Column{"m": {Meta: array.Meta{DType: array.F32, Rows: 2, Width: 2}}}}}
	p.Stages[3].Outputs[0].Frame, p.Stages[3].Outputs[0].Bind = "x", abi.Rotated
	src := Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }}
	st := &memory{}
	// Shards 0 and 1 hold rows 0 and 1-2; in turn 1 they have each other's.
	turn, err := p.Unroll(3, 1, e, s, src)
	if err != nil {
		t.Fatal(err)
	}
	in0, in1 := turn.Tasks[0].Inputs[0], turn.Tasks[1].Inputs[0]
	if in0.First != 1 || in0.Rows != 2 || in1.First != 0 || in1.Rows != 1 {
		t.Errorf("rotated inputs are %+v and %+v", in0, in1)
	}
	put := func(shard int, x []float32) Parts {
		metas, err := turn.CheckParts(turn.Tasks[shard], [][]byte{array.BytesOf(x)})
		if err != nil {
			t.Fatal(err)
		}
		m, err := st.Put(metas[0], array.BytesOf(x))
		if err != nil {
			t.Fatal(err)
		}
		return Parts{m}
	}
	frames, err := turn.Join([]Parts{put(0, []float32{3, 4, 5, 6}), put(1, []float32{1, 2})}, st)
	if err != nil {
		t.Fatal(err)
	}
	b, _, _ := st.Read(frames[0].Arrays["v"].Meta)
	if got := fmt.Sprint(array.View[float32](b)); got != "[1 2 3 4 5 6]" {
		t.Errorf("joined to %s", got)
	}
}

func TestCheckPartsRefuses(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	e["y"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
	turn, err := p.Unroll(5, 0, e, s, Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }})
	if err != nil {
		t.Fatal(err)
	}
	u64, u32, f32 := array.BytesOf[uint64], array.BytesOf[uint32], array.BytesOf[float32]
	ok := [][]byte{u32([]uint32{7, 8}), u64([]uint64{0, 1, 2, 2}), f32([]float32{1, 2})}
	if _, err := turn.CheckParts(turn.Tasks[0], ok); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][][]byte{
		"too few arrays":   ok[:2],
		"half an element":  {ok[0][:7], ok[1], ok[2]},
		"rows missing":     {ok[0], u64([]uint64{0, 2}), ok[2]},
		"offsets fall":     {ok[0], u64([]uint64{0, 2, 1, 2}), ok[2]},
		"offsets start":    {ok[0], u64([]uint64{1, 1, 2, 2}), ok[2]},
		"offsets beyond":   {ok[0], u64([]uint64{0, 1, 2, 1 << 63}), ok[2]},
		"entries missing":  {ok[0], ok[1], ok[2][:4]},
		"entries too many": {u32([]uint32{7, 8, 9}), ok[1], ok[2]},
	} {
		_, err := turn.CheckParts(turn.Tasks[0], bad)
		if err == nil || !strings.Contains(err.Error(), "stage score, shard 1 of 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Frames that change their rows from turn to turn can fit in the first two
// turns of a repeat, which Check follows, and not in the third.
func TestThirdTurn(t *testing.T) {
	stage := func(name, over, reads, bind, makes, rows string) string {
		in := "[]"
		if reads != "" {
			in = fmt.Sprintf(`[{"frame":%q,"bind":%q}]`, reads, bind)
		}
		return fmt.Sprintf(`{"stage":{"name":%q,"over":%q,"inputs":%s,"outputs":[{"frame":%q%s,"arrays":[{"name":"v","dtype":"f32"}]}]}}`, name, over, in, makes, rows)
	}
	text := `{"steps":[` + strings.Join([]string{
		stage("sa", "once", "", "", "a", `,"rows":100`),
		stage("sb", "once", "", "", "b", `,"rows":5`),
		stage("sc", "once", "", "", "c", `,"rows":5`),
		stage("sd", "once", "", "", "d", `,"rows":5`),
		`{"repeat":{"times":3,"steps":[` + strings.Join([]string{
			stage("use", "c", "d", "aligned", "e", ""),
			stage("cb", "b", "", "", "c", ""),
			stage("ba", "a", "", "", "b", ""),
		}, ",") + `]}}`,
		`{"stage":{"name":"score","over":"targets","inputs":[],"outputs":[{"frame":"recommendations","arrays":[{"name":"item","dtype":"u32","per":"entry"},{"name":"score","dtype":"f32","per":"entry"}]}]}}`,
	}, ",") + `]}`
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	if err := p.Check(e, s); err != nil {
		t.Fatalf("refused early, so this tests nothing: %v", err)
	}
	src := Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }}
	turn := func(i, iteration int) error {
		x, err := p.Unroll(i, iteration, e, s, src)
		if err != nil {
			return err
		}
		for k, b := range x.Makes {
			e[p.Stages[i].Outputs[k].Frame] = b
		}
		return nil
	}
	for i := range 4 {
		if err := turn(i, 0); err != nil {
			t.Fatal(err)
		}
	}
	for it := range 3 {
		for i := 4; i < 7; i++ {
			err := turn(i, it)
			if it == 2 && i == 4 {
				if fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "runs over 100 rows") {
					t.Fatalf("the third turn: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatalf("turn %d, stage %d: %v", it, i, err)
			}
		}
	}
}

// What a plan offers is checked against its frames.
func TestEmits(t *testing.T) {
	e, s, _ := matrix()
	for emits, want := range map[string]string{
		`{"name":"norms","frame":"norms","rows":"items","values":"norm","help":"h"}`:                                                     "",
		`{"name":"near","frame":"y","rows":"items","values":"v","help":"h"}`:                                                             "",
		`{"name":"mine","frame":"by_user","rows":"users","ids":"item","of":"items","values":"value","help":"h"}`:                         "",
		`{"name":"Near","frame":"y","rows":"items","values":"v","help":"h"}`:                                                             `the plan emits "Near": names are`,
		`{"name":"a","frame":"y","rows":"items","values":"v","help":"h"},{"name":"a","frame":"y","rows":"items","values":"v","help":""}`: "as a: the name is there twice",
		`{"name":"a","frame":"y","rows":"targets","values":"v","help":"h"}`:                                                              `its rows are "targets", neither`,
		`{"name":"a","frame":"y","rows":"items","ids":"i","values":"v","help":"h"}`:                                                      `its lists are of "", neither`,
		`{"name":"a","frame":"y","rows":"items","of":"users","values":"v","help":"h"}`:                                                   "the columns of a matrix are nobody's",
		`{"name":"a","frame":"z","rows":"items","values":"v","help":"h"}`:                                                                `there is no frame "z"`,
		`{"name":"a","frame":"y","rows":"users","values":"v","help":"h"}`:                                                                "frame y has 3 rows, and there are 5 users",
		`{"name":"a","frame":"y","rows":"items","values":"w","help":"h"}`:                                                                "its values must be y.w, f32 or f64",
		`{"name":"a","frame":"stop","rows":"items","values":"v","help":"h"}`:                                                             "frame stop has 1 rows",
		`{"name":"a","frame":"y","rows":"items","of":"items","values":"v","help":"h"}`:                                                   "y.v has 2 columns, and there are 3 items",
		`{"name":"a","frame":"y","rows":"items","ids":"v","of":"items","values":"v","help":"h"}`:                                         "its values must be y.v",
		`{"name":"a","frame":"by_item","rows":"items","ids":"value","of":"users","values":"value","help":"h"}`:                           "its ids must be by_item.value, u32 per entry",
		`{"name":"a","frame":"y","rows":"items","values":"v","help":"h","more":1}`:                                                       "unknown field",
	} {
		p, err := Parse([]byte(good[:len(good)-1] + `,"emits":[` + emits + `]}`))
		if err == nil {
			err = p.Check(e, s)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Module) {
			t.Errorf("%s: %v, want %q", emits, err, want)
		}
	}
	many := strings.Repeat(`,{"name":"a","frame":"y","rows":"items","values":"v","help":"h"}`, MaxEmits+1)
	if _, err := Parse([]byte(good[:len(good)-1] + `,"emits":[` + many[1:] + `]}`)); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Error(err)
	}
	p, err := Parse([]byte(good[:len(good)-1] + `,"emits":[{"name":"a","frame":"y","rows":"items","values":"v","help":"\u001b[2J` + strings.Repeat("x", 400) + `"}]}`))
	if err != nil || strings.ContainsRune(p.Emits[0].Help, 27) || len(p.Emits[0].Help) > 310 {
		t.Errorf("%v, %+v", err, p)
	}
}

// Parts are joined in the order of their rows, however they come, and a turn
// that is given up half way leaves nothing.
func TestJoinerTakesPartsInAnyOrder(t *testing.T) {
	p, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	e, s, offsets := matrix()
	src := Source{Offsets: func(m array.Meta) ([]uint64, error) { return offsets[m.Digest], nil }}
	e["x"] = Bound{Extent: abi.OverItems, Frame: array.Frame{Rows: 3, Arrays: map[string]array.Column{"v": {Meta: array.Meta{DType: array.F32, Rows: 3, Width: 2}}}}}
	e["g"] = Bound{Extent: "g", Frame: array.Frame{Rows: 2, Arrays: map[string]array.Column{"m": {Meta: array.Meta{DType: array.F32, Rows: 2, Width: 2}}}}}
	for _, rotated := range []bool{false, true} {
		if rotated {
			p.Stages[3].Outputs[0].Frame, p.Stages[3].Outputs[0].Bind = "x", abi.Rotated
		}
		turn, err := p.Unroll(3, 1, e, s, src)
		if err != nil {
			t.Fatal(err)
		}
		st := &memory{}
		var want []Bound
		for i, order := range [][]int{{0, 1}, {1, 0}} {
			var parts []Parts
			for shard, x := range turn.Tasks {
				v := make([]float32, x.Outputs[0].Rows*max(x.Outputs[0].Width, 1))
				for k := range v {
					v[k] = float32(10*shard + k)
				}
				metas, err := turn.CheckParts(x, [][]byte{array.BytesOf(v)})
				if err != nil {
					t.Fatal(err)
				}
				if metas[0], err = st.Put(metas[0], array.BytesOf(v)); err != nil {
					t.Fatal(err)
				}
				parts = append(parts, metas)
			}
			j := turn.Joiner(st)
			for _, shard := range order {
				j.Add(shard, parts[shard], nil)
			}
			frames, err := j.Frames()
			j.Close()
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = frames
			} else if !reflect.DeepEqual(frames, want) {
				t.Errorf("rotated %v: %+v, want %+v", rotated, frames, want)
			}
			checkCut(t, turn, frames, parts, st)
			half := turn.Joiner(st)
			half.Add(order[0], parts[order[0]], nil)
			half.Close()
		}
	}
}
