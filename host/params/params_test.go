package params

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"rechost/guest/abi"
	"rechost/host/fault"
)

const declared = `{"name":"cf","version":"1","summary":"nearest\u001b[2J neighbours","parameters":[
 {"name":"neighbours","type":"int","default":50,"min":1,"max":1000,"help":"how many"},
 {"name":"shrink","type":"float","default":0.5,"min":0,"help":"pulls rare pairs down"},
 {"name":"similarity","type":"string","default":"cosine","choices":["cosine","bm25"],"help":"which"},
 {"name":"normalize","type":"bool","default":true,"help":"whether"},
 {"name":"label","type":"string","default":"","help":"free text"}]}`

func description(t *testing.T, text string) (abi.Description, error) {
	t.Helper()
	return Parse([]byte(text))
}

func TestResolve(t *testing.T) {
	d, err := description(t, declared)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(d.Summary, "\x1b") {
		t.Errorf("summary %q has a control character", d.Summary)
	}
	got, err := Resolve(d, map[string]string{"neighbours": "100", "shrink": "1e2", "label": "a=b,c"})
	want := map[string]any{"neighbours": int64(100), "shrink": 100.0, "similarity": "cosine", "normalize": true, "label": "a=b,c"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	// What a manifest holds resolves to the same values again.
	b, _ := json.Marshal(got)
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var back map[string]any
	if err := dec.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if again, err := Resolve(d, Texts(back)); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("again %v, %v", again, err)
	}
}

func TestResolveRefuses(t *testing.T) {
	d, err := description(t, declared)
	if err != nil {
		t.Fatal(err)
	}
	for in, says := range map[string]string{
		"neighbours=0":      "smallest allowed is 1",
		"neighbours=1001":   "largest allowed is 1000",
		"neighbours=1.5":    "whole number",
		"neighbours=":       "whole number",
		"shrink=-0.1":       "smallest allowed is 0",
		"shrink=nan":        "finite",
		"shrink=inf":        "finite",
		"similarity=Cosine": "choices are cosine, bm25",
		"normalize=maybe":   "true or false",
		"label=\x1b[2J":     "plain text",
		"neighbors=5":       `no parameter "neighbors"`,
	} {
		name, value, _ := strings.Cut(in, "=")
		_, err := Resolve(d, map[string]string{name: value})
		if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, which does not say %q", in, err, says)
		}
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: the error has a control character", in)
		}
	}
	_, err = Resolve(d, map[string]string{"neighbors": "5"})
	if fault.HintOf(err) != "did you mean --param neighbours=5?" {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func TestDescriptionsRefused(t *testing.T) {
	for name, c := range map[string][2]string{
		"module name":       {`"name":"cf"`, `"name":"c f"`},
		"parameter name":    {`"name":"shrink"`, `"name":"--shrink"`},
		"twice":             {`"name":"shrink"`, `"name":"neighbours"`},
		"type":              {`"type":"bool"`, `"type":"boolean"`},
		"default type":      {`"default":50`, `"default":"50"`},
		"fractional int":    {`"default":50`, `"default":50.5`},
		"huge int":          {`"default":50`, `"default":1e30`},
		"default too small": {`"default":50`, `"default":0`},
		"default no choice": {`"default":"cosine"`, `"default":"tfidf"`},
		"null default":      {`"default":true`, `"default":null`},
		"choices of int":    {`"max":1000`, `"choices":["1"]`},
		"control choice":    {`"bm25"]`, `"bm\u001b25"]`},
		"column used":       {`"version":"1"`, `"uses":["time","\u001b[2J"]`},
		"column needed":     {`"version":"1"`, `"needs":[""]`},
		"columns":           {`"version":"1"`, `"uses":["time"` + strings.Repeat(`,"x"`, 64) + `]`},
		"no column":         {`"version":"1"`, `"uses":"time"`},
	} {
		text := strings.Replace(declared, c[0], c[1], 1)
		if text == declared {
			t.Errorf("%s: nothing replaced", name)
		}
		if _, err := description(t, text); fault.CodeOf(err) != fault.Module {
			t.Errorf("%s: %v", name, err)
		}
	}
}
