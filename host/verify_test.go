package host_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rechost/host"
	"rechost/host/fault"
	"rechost/host/manifest"
)

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(200, 80, 3000), 500)
	users := filepath.Join(dir, "users.txt")
	if err := os.WriteFile(users, []byte("1000\n1017\n1034\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := host.Job{
		Module: modules(t, "als"), Params: map[string]string{"factors": "8", "iterations": "2", "regularization": "0.1"}, Paths: []string{data},
		ForUsers: users, Shards: 4, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "out.parquet"), Seed: 5,
	}
	s := run(t, j)
	c := host.Check{Manifest: s.Manifest, Store: j.Store}
	verify := func(c host.Check) *host.Verification {
		t.Helper()
		v, err := host.Verify(context.Background(), c)
		if err != nil {
			t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
		}
		return v
	}
	if v := verify(c); v.Difference != nil || v.Rerun != s.Tasks || v.Caught != 1 {
		t.Errorf("the whole: %+v, %+v", v, v.Difference)
	}
	i := c
	i.Interpreter = true
	if v := verify(i); v.Difference != nil || v.Rerun != s.Tasks {
		t.Errorf("on the interpreter: %+v, %+v", v, v.Difference)
	}
	c.Sample = 0.5
	if v := verify(c); v.Difference != nil || v.Rerun == 0 || v.Rerun == s.Tasks || v.Caught <= 0 || v.Caught >= 1 {
		t.Errorf("a sample: %+v, %+v", v, v.Difference)
	}
	gone := c
	gone.Store = filepath.Join(dir, "empty")
	if v := verify(gone); v.Difference != nil || v.Rerun != s.Tasks || len(v.Notes) == 0 {
		t.Errorf("a sample without the store: %+v, %+v", v, v.Difference)
	} else if once := slices.Compact(slices.Clone(v.Checked)); len(once) != len(v.Checked) {
		t.Errorf("a sample without the store says a thing twice: %q", v.Checked)
	}

	// A manifest that claims another output of one task, consistently forged:
	// task, root, nothing else.
	forged := filepath.Join(dir, "forged.manifest.json")
	forge := func(change func(*manifest.Statement)) {
		t.Helper()
		st, err := manifest.Read(s.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		change(st)
		st.Predicate.RunDetails.Byproducts[0] = manifest.NewTasks(st.Tasks())
		if err := manifest.Write(forged, st); err != nil {
			t.Fatal(err)
		}
	}
	c = host.Check{Manifest: forged, Store: j.Store}
	forge(func(st *manifest.Statement) { st.Tasks()[3].Outputs[0].Digest[0] ^= 1 })
	st, _ := manifest.Read(s.Manifest)
	third := st.Tasks()[3]
	v := verify(c)
	if d := v.Difference; d == nil || d.Stage != third.Stage || d.Shard != third.Shard || d.Array != third.Outputs[0].Name {
		t.Errorf("a forged task: %+v", d)
	}
	for name, change := range map[string]func(*manifest.Statement){
		"index":       func(st *manifest.Statement) { swap(st, manifest.IndexName) },
		"plan":        func(st *manifest.Statement) { swap(st, manifest.PlanName) },
		"module name": func(st *manifest.Statement) { st.Predicate.BuildDefinition.ExternalParameters.Module = "popular" },
		"top":         func(st *manifest.Statement) { st.Predicate.BuildDefinition.ExternalParameters.Top = 0 },
		"unknown parameter": func(st *manifest.Statement) {
			st.Predicate.BuildDefinition.ExternalParameters.Parameters["zzz"] = []int{1}
		},
		"shard number": func(st *manifest.Statement) { st.Tasks()[2].Shard = 3 },
		"another task": func(st *manifest.Statement) {
			b := &st.Predicate.RunDetails.Byproducts[0].Annotations
			b.Tasks = append(b.Tasks, b.Tasks[0])
		},
	} {
		forge(change)
		for _, sample := range []float64{0, 0.1} {
			c.Sample = sample
			if v := verify(c); v.Difference == nil {
				t.Errorf("a forged %s passes with a sample of %v", name, sample)
			}
		}
	}
	c.Sample = 0
	forge(func(st *manifest.Statement) { st.Subject[0].Digest.SHA256[0] ^= 1 })
	if v := verify(c); v.Difference == nil || !strings.Contains(v.Difference.What, "output") {
		t.Errorf("a forged output: %+v", v.Difference)
	}
	forge(func(st *manifest.Statement) {
		st.Predicate.BuildDefinition.ExternalParameters.Parameters["regularization"] = json.Number("0.2")
	})
	for _, c.Sample = range []float64{0, 0.1} {
		v := verify(c)
		if v.Difference == nil {
			t.Error("another parameter gave the same bytes")
		}
		for _, said := range v.Checked {
			if strings.Contains(said, "parameters") {
				t.Errorf("with another parameter a sample of %v says: %q", c.Sample, said)
			}
		}
	}
	c.Sample = 0

	// Another element in a task's stored output: the element is named. The
	// outputs of a stage with one task are stored by themselves.
	if err := os.WriteFile(users, []byte("1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = run(t, j)
	forge(func(st *manifest.Statement) {
		last := &st.Tasks()[len(st.Tasks())-1]
		for k := range last.Outputs {
			if o := &last.Outputs[k]; strings.HasSuffix(o.Name, ".score") {
				o.Meta = changed(t, j.Store, o.Meta, 2)
			}
		}
	})
	v = verify(c)
	if d := v.Difference; d == nil || d.Element != 2 || !strings.Contains(d.Was, "bits") || d.Was == d.Is {
		t.Errorf("a forged element: %+v, notes %q", d, v.Notes)
	}

	// Files that are not those of the run.
	write(t, data, ratings(200, 80, 3001), 500)
	v, err := host.Verify(context.Background(), host.Check{Manifest: s.Manifest})
	if err != nil || v.Difference == nil || !strings.Contains(v.Difference.What, "d.parquet") {
		t.Errorf("another input: %+v, %v", v, err)
	}
	os.Remove(data)
	if _, err := host.Verify(context.Background(), host.Check{Manifest: s.Manifest}); fault.CodeOf(err) != fault.Failed {
		t.Errorf("no input: %v", err)
	}
}

// swap changes the digest of a dependency.
func swap(st *manifest.Statement, name string) {
	deps := st.Predicate.BuildDefinition.ResolvedDependencies
	for i := range deps {
		if deps[i].Name == name {
			deps[i].Digest.SHA256[0] ^= 1
		}
	}
}
