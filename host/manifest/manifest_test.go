package manifest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

func tasks(n int) []Task {
	list := make([]Task, n)
	for i := range list {
		list[i] = Task{ID: digest.Of([]byte{byte(i)}), Stage: "s", Shard: i, Shards: n,
			Outputs: []Output{{"f.a", array.Meta{DType: array.F32, Rows: i, Digest: digest.Of([]byte{byte(i), 1})}}}}
	}
	return list
}

func statement() *Statement {
	s := &Statement{Type: StatementType, PredicateType: PredicateType,
		Subject: []Resource{{Name: "r.parquet", URI: "r.parquet", Digest: Sum{digest.Of([]byte("r"))}}}}
	d := &s.Predicate.BuildDefinition
	d.BuildType = BuildType
	d.ExternalParameters = External{Module: "cf", Parameters: map[string]any{"k": 3, "a": 0.1}, Top: 20, Granted: []string{"value"}, Shards: 4}
	d.ResolvedDependencies = []Resource{{Name: InputName, URI: "../in.parquet"}, {Name: ModuleName, URI: "cf.wasm"}, {Name: InputName, URI: "b"}, {Name: IndexName}, {Name: PlanName}}
	s.Predicate.RunDetails.Byproducts = []Tasks{NewTasks(tasks(5))}
	return s
}

func TestWriteAndRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "m.json")
	if err := Write(name, statement()); err != nil {
		t.Fatal(err)
	}
	s, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if in := s.Dependencies(InputName); len(in) != 2 || in[0].URI != "../in.parquet" || len(s.Tasks()) != 5 {
		t.Errorf("inputs %v, %d tasks", in, len(s.Tasks()))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".rechost*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestChangedManifestsAreRefused(t *testing.T) {
	b, err := json.Marshal(statement())
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	one := digest.Of([]byte{2, 1}).String()
	for name, c := range map[string][2]string{
		"a task's output":      {one, strings.Replace(one, one[:1], "0", 1) + ""},
		"a shard":              {`"shard":3`, `"shard":4`},
		"no grants":            {`"granted":["value"],`, ""},
		"an unknown parameter": {`"seed":`, `"sneed":1,"seed":`},
		"another type":         {BuildType, "urn:other"},
		"no subject":           {`"subject":[{`, `"subject":[],"x":[{`},
		"cut":                  {text[len(text)/2:], ""},
	} {
		bad := strings.Replace(text, c[0], c[1], 1)
		if bad == text && name != "a task's output" {
			t.Errorf("%s: nothing changed", name)
		}
		if bad == text {
			bad = strings.Replace(text, one, strings.Repeat("0", 64), 1)
		}
		if _, err := Parse([]byte(bad)); fault.CodeOf(err) != fault.BadData {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who verifies makes files named by what was emitted: by forms, not by paths.
func TestForms(t *testing.T) {
	for form, fine := range map[string]bool{
		"parquet": true, "npy": true, "": false, "csv": false, "NPY": false, "x/../../../tmp/victim.parquet": false, "/victim.npy": false, "parquet\x00": false,
	} {
		s := statement()
		s.Predicate.BuildDefinition.ExternalParameters.Emit = []Emit{{Name: "n", Form: form}}
		for len(s.Subject) < subjects(s.Predicate.BuildDefinition.ExternalParameters.Emit) {
			s.Subject = append(s.Subject, s.Subject[0])
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(b); (err == nil) != fine || err != nil && (fault.CodeOf(err) != fault.BadData || !strings.Contains(err.Error(), "form")) {
			t.Errorf("form %q: %v", form, err)
		}
	}
}

// What is no manifest is refused soon, however long it is, and whatever it claims.
func TestHostileTexts(t *testing.T) {
	b, err := json.Marshal(statement())
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, text := range map[string]string{
		"empty": "", "nothing": "null", "a number": "1e999", "a list": "[]", "deep": strings.Repeat("[", 1<<20), "deep in parameters": strings.Replace(good, `"parameters":{`, `"parameters":{"x":`+strings.Repeat("[", 1<<20), 1),
		"two":                     good + good,
		"text after it":           good + "x",
		"half":                    good[:len(good)/2],
		"a brace after it":        good + "}",
		"a bracket after it":      good + "\n]",
		"an unknown field":        strings.Replace(good, `"subject":`, `"subjects":[],"subject":`, 1),
		"a top that is no number": strings.Replace(good, `"top":20`, `"top":"20"`, 1),
		"a top beyond numbers":    strings.Replace(good, `"top":20`, `"top":1e30`, 1),
		"a short digest":          strings.Replace(good, digest.Of([]byte("r")).String(), "00", 1),
		"tasks of null":           strings.Replace(good, `"tasks":[`, `"tasks":[null,`, 1),
		"no byproducts":           strings.Replace(good, `"byproducts":[`, `"byproducts":[],"x":[`, 1),
	} {
		if _, err := Parse([]byte(text)); fault.CodeOf(err) != fault.BadData || len(err.Error()) > 1000 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if _, err := Read(t.TempDir()); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a folder: %v", err)
	}
	if _, err := os.Stat("/dev/zero"); err == nil {
		if _, err := Read("/dev/zero"); fault.CodeOf(err) != fault.Failed {
			t.Errorf("/dev/zero: %v", err)
		}
	}
}

// The root commits to every task and to their order.
func TestRoot(t *testing.T) {
	seen := map[digest.Digest]string{}
	add := func(what string, list []Task) {
		r := Root(list)
		if other, ok := seen[r]; ok {
			t.Errorf("%s has the root of %s", what, other)
		}
		seen[r] = what
	}
	for n := range 9 {
		add("the first "+string(rune('0'+n)), tasks(9)[:n])
	}
	swapped := tasks(9)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	add("swapped", swapped)
	changed := tasks(9)
	changed[8].Outputs[0].Digest[0] ^= 1
	add("changed", changed)
}

func TestURIs(t *testing.T) {
	dir := t.TempDir()
	out, in := filepath.Join(dir, "out"), filepath.Join(dir, "data", "x.parquet")
	u := URI(out, in)
	if u != "../data/x.parquet" {
		t.Errorf("URI %q", u)
	}
	if p := Path(out, u); filepath.Clean(p) != in {
		t.Errorf("back as %q", p)
	}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if p := Path(cwd, URI(cwd, "a.parquet")); p != filepath.Join(cwd, "a.parquet") {
		t.Errorf("a relative path came back as %q", p)
	}
}
