package host_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6" // in tests: draft 2020-12, well kept

	"rechost/host"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/kernel"
)

// Every form of the kernels that this processor has gives the same output, and
// so does the interpreter.
func TestSameBytesFromEveryForm(t *testing.T) {
	if !executor.HasProcesses {
		t.Skip("skipped: only a new process chooses its kernels, and this system has no workers")
	}
	data := write(t, filepath.Join(t.TempDir(), "d.parquet"), ratings(150, 70, 3000), 1000)
	for _, c := range smallCases {
		store := filepath.Join(t.TempDir(), "store")
		var want digest.Digest
		for i, form := range append(kernel.Forms(), "interpreter") {
			t.Setenv(kernel.FormEnv, form)
			if form == "interpreter" {
				t.Setenv(kernel.FormEnv, "")
			}
			s := run(t, host.Job{
				Module: modules(t, c.module), Params: c.params, Paths: []string{data}, Shards: 3, Interpreter: form == "interpreter",
				Executor: host.Processes, Store: store, Salt: fmt.Sprint(i), Out: filepath.Join(t.TempDir(), "out.parquet"),
			})
			if i == 0 {
				want = s.Output.Digest
			}
			if s.Output.Digest != want {
				t.Errorf("%s %v with %s: digest %s, with %s %s", c.module, c.params, form, s.Output.Digest.Short(), kernel.Forms()[0], want.Short())
			}
		}
	}
}

// The manifest of a run is of the form that its schema describes.
func TestManifestSchema(t *testing.T) {
	f, err := os.ReadFile("manifest/manifest.schema.json")
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
	schema, err := c.Compile("manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	s := run(t, host.Job{Module: modules(t, "cf"), Paths: []string{data}, NoCache: true, Out: filepath.Join(dir, "o.parquet")})
	text, err := os.ReadFile(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
}
