package manifest

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6" // in tests: draft 2020-12, well kept, no dependencies to speak of
)

// checkSchema holds a manifest against manifest.schema.json.
func checkSchema(t *testing.T, text []byte) error {
	t.Helper()
	f, err := os.ReadFile("manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	sch, err := c.Compile("manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return sch.Validate(v)
}

func TestSchema(t *testing.T) {
	s := statement()
	e := &s.Predicate.BuildDefinition.ExternalParameters
	e.Duplicates, e.User, e.Item = "sum", "user_id", "item_id"
	s.Predicate.BuildDefinition.InternalParameters = Internal{Executor: "processes", Engine: "e", Workers: 2, Walls: []string{"process"}}
	s.Predicate.RunDetails.Builder = Builder{ID: "urn:rechost:host:processes", Version: Versions("a", "b", "c")}
	s.Predicate.RunDetails.Metadata = Metadata{StartedOn: "2026-01-02T03:04:05Z", FinishedOn: "2026-01-02T03:04:06Z"}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSchema(t, b); err != nil {
		t.Error(err)
	}
	if err := checkSchema(t, bytes.Replace(b, []byte(`"top":20`), []byte(`"top":"20"`), 1)); err == nil {
		t.Error("the schema accepts a top that is no number")
	}
}
