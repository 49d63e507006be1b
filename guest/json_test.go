package guest

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"rechost/guest/abi"
)

// reference is what encoding/json reads, with numbers as parseJSON has them.
func reference(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(text)) { // text after the value
		return nil, strconv.ErrSyntax
	}
	return numbers(v)
}

func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		return f, err
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"abi":1,"parameters":{"a":1.5,"b":[true,false,null],"c":"x"},"seed":-3}`, ``, `{`, `[1,]`, `{"a" 1}`, `nul`, `"a`,
		`"\u00e9\ud83d\ude00\ud83d"`, `"\ud83d\u0041"`, `"\udc00"`, `"\x"`, "\"\x01\"", "\"\xff\"", `01`, `-`, `1.`, `1e`, `1e999`,
		`9223372036854775808`, `-0`, `1e5`, ` [ ] `, `{"a":1,"a":2}`, `1 2`, "\"\u2028/\\/\"", `{"":{"":[]}}`, `"\ud800\ud83d\ude00"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseJSON(text)
		want, wantErr := reference(text)
		if deep := strings.Count(text, "[") + strings.Count(text, "{"); deep > maxDepth {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, encoding/json's %v", text, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %#v, want %#v", text, got, want)
		}
	})
}

func TestDeepJSON(t *testing.T) {
	if _, err := parseJSON(strings.Repeat("[", 100000)); err == nil {
		t.Error("bottomless nesting was read")
	}
}

func FuzzWriteString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\n\x00\x1f\u2028é\xff😀")
	f.Fuzz(func(t *testing.T, s string) {
		var w jsonWriter
		w.string(s)
		var got string
		if err := json.Unmarshal(w.b, &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") && got != string([]rune(s)) {
			t.Fatalf("%q: %q, %v", s, w.b, err)
		}
	})
}

func TestPlanAndDescription(t *testing.T) {
	m := Module{Name: "m", Version: "1", Summary: `a "summary"`, Source: "somebody", Uses: []string{Time}, Needs: []string{"x", "y"},
		Params: []Param{Int("i", 3, "help").Between(0, 10), Float("f", 0.1, "<&>").AtLeast(-1e-9), Bool("b", true, ""),
			Choice("c", "one of", "x", "y"), Text("t", "", "any")},
		Plan: func(c *Config, p *Plan) {
			p.Stage("a", nil).Over(Users).Whole("by_item", "user", "value").Rotated("x").
				Writes("g", F32("v").Wide(4), U8("w")).Sums("s", 2, F64("z"))
			p.RepeatUntil(c.Int("i"), "stop", func(p *Plan) {
				p.Stage("b", nil).Over("g").WritesRotated("r", I64("t").Entries())
				p.Repeat(2, func(p *Plan) { p.Stage("c", nil).Over(Once).WritesRows("stop", 1, I32("n")) })
			})
			p.Stage("d", nil).Over(Targets).Aligned("targets").Recommends()
		}}
	b, err := m.DescribeJSON()
	if err != nil {
		t.Fatal(err)
	}
	var d abi.Description
	strict(t, b, &d)
	lo, hi, eps := 0.0, 10.0, -1e-9
	want := abi.Description{Name: "m", Version: "1", Summary: `a "summary"`, Source: "somebody",
		Uses: []string{"time"}, Needs: []string{"x", "y"}, Parameters: []abi.Parameter{
			{Name: "i", Type: "int", Default: 3.0, Min: &lo, Max: &hi, Help: "help"},
			{Name: "f", Type: "float", Default: 0.1, Min: &eps, Help: "<&>"},
			{Name: "b", Type: "bool", Default: true},
			{Name: "c", Type: "string", Default: "x", Choices: []string{"x", "y"}, Help: "one of"},
			{Name: "t", Type: "string", Default: "", Help: "any"}}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("description %s\n%+v, want\n%+v", b, d, want)
	}

	if b, err = m.PlanJSON([]byte(`{"abi":1,"parameters":{"i":5}}`)); err != nil {
		t.Fatal(err)
	}
	var p abi.Plan
	strict(t, b, &p)
	wantPlan := abi.Plan{Steps: []abi.Step{
		{Stage: &abi.Stage{Name: "a", Over: "users", Inputs: []abi.Input{
			{Frame: "by_item", Arrays: []string{"user", "value"}, Bind: "whole"}, {Frame: "x", Bind: "rotated"}}, Outputs: []abi.Output{
			{Frame: "g", Arrays: []abi.Array{{Name: "v", DType: "f32", Width: 4}, {Name: "w", DType: "u8"}}},
			{Frame: "s", Combine: "sum", Rows: 2, Arrays: []abi.Array{{Name: "z", DType: "f64"}}}}}},
		{Repeat: &abi.Repeat{Times: 5, Until: "stop", Steps: []abi.Step{
			{Stage: &abi.Stage{Name: "b", Over: "g", Inputs: []abi.Input{}, Outputs: []abi.Output{
				{Frame: "r", Bind: "rotated", Arrays: []abi.Array{{Name: "t", DType: "i64", Per: "entry"}}}}}},
			{Repeat: &abi.Repeat{Times: 2, Steps: []abi.Step{{Stage: &abi.Stage{Name: "c", Over: "once", Inputs: []abi.Input{},
				Outputs: []abi.Output{{Frame: "stop", Rows: 1, Arrays: []abi.Array{{Name: "n", DType: "i32"}}}}}}}}}}}},
		{Stage: &abi.Stage{Name: "d", Over: "targets", Inputs: []abi.Input{{Frame: "targets", Bind: "aligned"}}, Outputs: []abi.Output{
			{Frame: "recommendations", Arrays: []abi.Array{{Name: "item", DType: "u32", Per: "entry"}, {Name: "score", DType: "f32", Per: "entry"}}}}}}}}
	if !reflect.DeepEqual(p, wantPlan) {
		t.Errorf("plan %s", b)
	}
}

func strict(t *testing.T, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
}

func TestDecodeConfig(t *testing.T) {
	want := abi.Config{ABI: 1, Parameters: map[string]any{"a": int64(3), "b": 0.5, "c": "x", "d": true}, Seed: math.MinInt64, Top: 20, KeepSeen: true,
		Data: abi.Data{Users: 1, Items: 2, Interactions: 3, Targets: 4, Values: true, Times: true},
		Task: &abi.Task{Stage: "s", Index: 1, Iteration: 2, Shard: 3, Shards: 4, First: 5, Rows: 6}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeConfig(string(b)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{``, `[]`, `{"abi":2}`, `{"abi":1,"top":"x"}`, `{"abi":1,"parameters":[]}`, `{"abi":1,"task":3}`} {
		if _, err := decodeConfig(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
