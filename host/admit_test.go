package host_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rechost/host"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/manifest"
	"rechost/host/task"
	"rechost/host/trust"
)

// executors are those that this system has.
func executors() []string {
	if executor.HasProcesses {
		return []string{host.Processes, host.Goroutines}
	}
	return []string{host.Goroutines}
}

// The file of a module is refused by its digest before anything reads it as
// WebAssembly: rubbish is refused in the same words.
func TestPinnedModule(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	rubbish := filepath.Join(dir, "rubbish.wasm")
	if err := os.WriteFile(rubbish, []byte("not WebAssembly"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := digest.Of([]byte("another module"))
	for _, ex := range executors() {
		for _, module := range []string{modules(t, "popular"), rubbish} {
			j := host.Job{Module: module, Paths: []string{data}, Executor: ex, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, ex+".parquet"), ModuleSHA256: other}
			own, _, err := digest.OfFile(module)
			if err != nil {
				t.Fatal(err)
			}
			refused := func(what string, err error) {
				t.Helper()
				if fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), own.String()) || !strings.Contains(err.Error(), other.String()) {
					t.Errorf("%s, %s, %s: %v", ex, filepath.Base(module), what, err)
				}
			}
			_, err = host.Run(context.Background(), j)
			refused("run", err)
			_, err = host.Explain(context.Background(), j)
			refused("explain", err)
			_, err = host.InspectModule(context.Background(), j)
			refused("inspect", err)
			if j.ModuleSHA256 = own; module == rubbish {
				if _, err := host.Run(context.Background(), j); fault.CodeOf(err) != fault.Module || strings.Contains(err.Error(), "asked for") {
					t.Errorf("rubbish of the right digest: %v", err)
				}
				continue
			}
			s := run(t, j)
			c := host.Check{Manifest: s.Manifest, Executor: ex, Store: j.Store, ModuleSHA256: other}
			_, err = host.Verify(context.Background(), c)
			refused("verify", err)
			c.ModuleSHA256 = own
			if v, err := host.Verify(context.Background(), c); err != nil || v.Difference != nil {
				t.Errorf("%v, %+v", err, v)
			}
		}
	}
}

// A module runs where the trust file lists it and allows what is asked for, and
// the record says by which entry.
func TestTrustFile(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	b, err := os.ReadFile(modules(t, "popular"))
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, "popular.wasm")
	if err := os.WriteFile(module, b, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := digest.Of(b)
	pub, err := trust.NewKey(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := trust.ReadKey(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	allow := trust.Allow{Executors: trust.Executors, Columns: []string{"value"}, Deadline: trust.Span(time.Minute)}
	file := func(name string, change func(f *trust.File)) string {
		f := &trust.File{Format: trust.Format}
		change(f)
		path := filepath.Join(dir, name)
		if err := trust.Write(path, f); err != nil {
			t.Fatal(err)
		}
		return path
	}
	nothing := file("nothing.json", func(f *trust.File) {})
	byDigest := file("digest.json", func(f *trust.File) {
		f.Modules = []trust.Module{{SHA256: sum, Comment: "reviewed", Allow: allow}}
	})
	byKey := file("key.json", func(f *trust.File) { f.Keys = []trust.Key{{Ed25519: pub, Allow: allow}} })
	revoked := file("revoked.json", func(f *trust.File) {
		f.Keys = []trust.Key{{Ed25519: pub, Allow: allow}}
		f.Revoked = []trust.Revoked{{SHA256: sum}}
	})
	one := file("one.json", func(f *trust.File) {
		own := allow
		own.Executors = []string{host.Processes}
		f.Modules = []trust.Module{{SHA256: sum, Allow: own}}
	})
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"format":"rechost-trust/1","modules":[],"modules":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, ex := range executors() {
		j := host.Job{Module: module, Paths: []string{data}, Executor: ex, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, ex+".parquet"),
			Limits: task.Limits{Deadline: time.Minute}}
		refused := func(what string, code fault.Code, says string, change func(j *host.Job)) {
			t.Helper()
			k := j
			change(&k)
			_, err := host.Run(context.Background(), k)
			if fault.CodeOf(err) != code || !strings.Contains(err.Error(), says) {
				t.Errorf("%s, %s: %v", ex, what, err)
			}
			if _, err := os.Stat(k.Out); err == nil {
				t.Errorf("%s, %s: there is an output", ex, what)
			}
		}
		if err := os.RemoveAll(module + trust.SignatureEnding); err != nil {
			t.Fatal(err)
		}
		refused("not listed", fault.Module, "is not in "+nothing, func(j *host.Job) { j.Trust = nothing })
		refused("no signature", fault.Module, "no signature", func(j *host.Job) { j.Trust = byKey })
		refused("a broken file", fault.BadData, `"modules" is there twice`, func(j *host.Job) { j.Trust = broken })
		refused("no file", fault.Failed, "none.json", func(j *host.Job) { j.Trust = filepath.Join(dir, "none.json") })
		refused("too much", fault.Module, "memory 4GiB (allowed: 2GiB); log 2MiB (allowed: 1MiB)", func(j *host.Job) {
			j.Trust, j.Limits.Memory, j.Limits.Log = byDigest, 4<<30, 2<<20
		})
		refused("a column", fault.Module, "column time", func(j *host.Job) { j.Trust, j.Grant = byDigest, []string{"time"} })
		if ex == host.Goroutines {
			refused("another executor", fault.Module, "executor goroutines (allowed: processes)", func(j *host.Job) { j.Trust = one })
		}
		j.Trust = byDigest
		s := run(t, j)
		st, err := manifest.Read(s.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		fileSum, _, err := digest.OfFile(byDigest)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Predicate.BuildDefinition.InternalParameters.Trust; got == nil || *got != (manifest.Trust{File: fileSum, Entry: "sha256:" + sum.String(), Comment: "reviewed"}) {
			t.Errorf("the manifest says of trust %+v", got)
		}
		if err := os.Remove(j.Out); err != nil {
			t.Fatal(err)
		}
		if err := trust.WriteSignature(module+trust.SignatureEnding, trust.Sign(key, sum)); err != nil {
			t.Fatal(err)
		}
		refused("revoked", fault.Module, "revoked", func(j *host.Job) { j.Trust = revoked })
		j.Trust = byKey
		if again := run(t, j); again.Trusted == nil || again.Trusted.Entry != "ed25519:"+pub.String() || again.Output.Digest != s.Output.Digest {
			t.Errorf("trusted by %+v", again.Trusted)
		}
		c := host.Check{Manifest: s.Manifest, Executor: ex, Store: j.Store, Trust: nothing, Limits: j.Limits}
		if _, err := host.Verify(context.Background(), c); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "is not in") {
			t.Errorf("verify: %v", err)
		}
		c.Trust = byKey
		if v, err := host.Verify(context.Background(), c); err != nil || v.Difference != nil {
			t.Errorf("verify: %v, %+v", err, v)
		}
	}
}

// Times are fed to a module that asks for them, in a run that grants them, and
// to no other; the grant is part of the tasks' identities and of the record.
func TestGrants(t *testing.T) {
	dir := t.TempDir()
	rows := ratings(60, 40, 900)
	data := write(t, filepath.Join(dir, "d.parquet"), rows, 500)
	for i := range rows {
		rows[i].time = 1_600_000_000
	}
	still := write(t, filepath.Join(dir, "still.parquet"), rows, 500) // so that nothing fades
	for _, ex := range executors() {
		n := 0
		job := func(module string, paths string, grant ...string) host.Job {
			n++
			return host.Job{Module: module, Paths: []string{paths}, Grant: grant, Executor: ex, Shards: 3, Params: map[string]string{},
				Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, ex, string(rune('a'+n))+".parquet")}
		}
		if err := os.MkdirAll(filepath.Join(dir, ex), 0o755); err != nil {
			t.Fatal(err)
		}
		fade := func(j host.Job) host.Job { j.Params["time_decay"] = "0.01"; return j }
		noTime := job(modules(t, "sar"), data)
		noTime.Data = interactions.Options{NoTime: true}
		without, plain := run(t, fade(noTime)), run(t, fade(job(modules(t, "sar"), data)))
		granted := run(t, fade(job(modules(t, "sar"), data, "time")))
		if plain.Output.Digest != without.Output.Digest {
			t.Error("without a grant the module does not run as if the data had no times")
		}
		if granted.Output.Digest == plain.Output.Digest {
			t.Error("granted times change nothing")
		}
		if !slices.Equal(plain.Columns, []string{"value"}) || !slices.Equal(granted.Columns, []string{"value", "time"}) {
			t.Errorf("columns %v and %v", plain.Columns, granted.Columns)
		}
		if len(plain.Notes) != 1 || !strings.Contains(plain.Notes[0], "--grant time") || len(granted.Notes) != 0 {
			t.Errorf("notes %q and %q", plain.Notes, granted.Notes)
		}
		// No byte of the data's times reaches a module without a grant: other
		// times, and every task has the same identity.
		if s := run(t, fade(job(modules(t, "sar"), still))); s.Root != plain.Root || s.Reused != s.Tasks {
			t.Errorf("without a grant times reach the tasks: roots equal: %v, %d of %d tasks reused", s.Root == plain.Root, s.Reused, s.Tasks)
		}
		for _, s := range []*host.Summary{plain, granted} {
			for _, sample := range []float64{0, 0.5} {
				v, err := host.Verify(context.Background(), host.Check{Manifest: s.Manifest, Executor: ex, Store: filepath.Join(dir, "store"), Sample: sample})
				if err != nil || v.Difference != nil {
					t.Errorf("verify: %v, %+v", err, v)
				}
			}
		}
		st, err := manifest.Read(granted.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		if g := st.Predicate.BuildDefinition.ExternalParameters.Granted; !slices.Equal(g, []string{"value", "time"}) {
			t.Errorf("the manifest has granted %v", g)
		}
		// A record with another grant is another run.
		st.Predicate.BuildDefinition.ExternalParameters.Granted = []string{"value"}
		forged := filepath.Join(dir, ex, "forged.json")
		if err := manifest.Write(forged, st); err != nil {
			t.Fatal(err)
		}
		if v, err := host.Verify(context.Background(), host.Check{Manifest: forged, Executor: ex, Store: filepath.Join(dir, "store")}); err != nil || v.Difference == nil {
			t.Errorf("a grant was taken out of a manifest: %v, %+v", err, v)
		}

		// One that does not ask gets none, and its tasks do not change.
		cf, told := run(t, job(modules(t, "popular"), data)), run(t, job(modules(t, "popular"), data, "time"))
		if told.Root != cf.Root || len(told.Notes) != 1 || !strings.Contains(told.Notes[0], "does not ask for times") {
			t.Errorf("popular with a grant: roots equal: %v, notes %q", told.Root == cf.Root, told.Notes)
		}
		// One that cannot do without says what to type.
		refused := func(what string, j host.Job, code fault.Code, hint string) {
			t.Helper()
			if _, err := host.Run(context.Background(), j); fault.CodeOf(err) != code || !strings.Contains(fault.HintOf(err), hint) {
				t.Errorf("%s, %s: %v (%s)", ex, what, err, fault.HintOf(err))
			}
		}
		dated := module(t, "./testdata/dated")
		refused("a required column", job(dated, data), fault.Usage, "--grant time")
		if s := run(t, job(dated, data, "time")); s.Output.Users == 0 {
			t.Error("with the grant it recommends nothing")
		}
		bare := write(t, filepath.Join(dir, "bare", "x.parquet"), ratings(20, 20, 100), 500)
		nothing := job(dated, bare, "time")
		nothing.Data.Value = "timestamp" // so that there is no column of times left
		refused("no times", nothing, fault.BadData, "--time COLUMN")
		// One that plans with what it did not ask for.
		sly := job(hostile(t), data, "time")
		sly.Params["how"] = "times"
		refused("undeclared", sly, fault.Module, "description must ask for times")
		noTime.Grant = []string{"time"}
		refused("granted and not read", noTime, fault.Usage, "--no-time")
		refused("no such column", job(dated, data, "location"), fault.Usage, "")
	}
}

// The names that a trust file knows are those of this package.
func TestTrustNames(t *testing.T) {
	if !slices.Equal(trust.Executors, []string{host.Processes, host.Goroutines}) {
		t.Errorf("a trust file can allow the executors %v", trust.Executors)
	}
	b, err := os.ReadFile("trust/trust.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{trust.Executors, trust.Columns} {
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), `"enum": `+strings.ReplaceAll(string(text), ",", ", ")) {
			t.Errorf("trust.schema.json does not have %s", text)
		}
	}
}

// Two modules are compared by what they say of themselves and by their bytes,
// under the trust file.
func TestCompareModules(t *testing.T) {
	old, new := hostile(t), module(t, "./testdata/dated")
	dir := t.TempDir()
	sum, _, err := digest.OfFile(old)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "trust.json")
	if err := trust.Write(file, &trust.File{Format: trust.Format, Modules: []trust.Module{{SHA256: sum, Allow: trust.Allow{Executors: trust.Executors, Columns: []string{}}}}}); err != nil {
		t.Fatal(err)
	}
	for _, ex := range executors() {
		j := host.Job{Executor: ex, Store: filepath.Join(dir, "store")}
		c, err := host.CompareModules(context.Background(), j, old, new)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(c.Changes, host.Change{What: "column", Name: "time", Is: "needed"}) ||
			!slices.Contains(c.Changes, host.Change{What: "parameter", Name: "spin", Was: "int, default 0"}) {
			t.Errorf("%s: %q", ex, c.Changes)
		}
		if same, err := host.CompareModules(context.Background(), j, old, old); err != nil || len(same.Changes) != 0 || same.Changes == nil {
			t.Errorf("%s: a module and itself: %v, %v", ex, same, err)
		}
		j.Trust = file
		if _, err := host.InspectModule(context.Background(), host.Job{Executor: ex, Store: j.Store, Trust: file, Module: old}); err != nil {
			t.Errorf("%s: a look at a trusted module: %v", ex, err)
		}
		if _, err := host.CompareModules(context.Background(), j, old, new); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "dated.wasm") {
			t.Errorf("%s: one that is not trusted: %v", ex, err)
		}
	}
}

// A saved task runs again under the same conditions as a run.
func TestReplayAsksTrust(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	sum, _, err := digest.OfFile(hostile(t))
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, a trust.Allow) string {
		path := filepath.Join(dir, name)
		if err := trust.Write(path, &trust.File{Format: trust.Format, Modules: []trust.Module{{SHA256: sum, Allow: a}}}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	listed := file("listed.json", trust.Allow{Executors: trust.Executors, Columns: []string{"value"}})
	narrow := file("narrow.json", trust.Allow{Executors: trust.Executors, Columns: []string{}, Memory: 1 << 20})
	other := filepath.Join(dir, "other.json")
	if err := trust.Write(other, &trust.File{Format: trust.Format}); err != nil {
		t.Fatal(err)
	}
	for _, ex := range executors() {
		saved := filepath.Join(dir, ex)
		j := host.Job{Module: hostile(t), Params: map[string]string{"how": "fail"}, Paths: []string{data}, Shards: 3, Executor: ex,
			Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "out.parquet"), SaveFailures: saved}
		if _, err := host.Run(context.Background(), j); fault.CodeOf(err) != fault.Module {
			t.Fatal(err)
		}
		capsules, err := filepath.Glob(filepath.Join(saved, "*"))
		if err != nil || len(capsules) != 1 {
			t.Fatal(capsules, err)
		}
		r := host.Replay{Capsule: capsules[0], Executor: ex, Store: j.Store, Trust: listed, ModuleSHA256: sum}
		if v, err := r.Run(context.Background()); err != nil || !v.Again {
			t.Errorf("%s: %v, %+v", ex, err, v)
		}
		for what, c := range map[string]struct {
			change func(r *host.Replay)
			says   string
		}{
			"another digest": {func(r *host.Replay) { r.ModuleSHA256 = digest.Of(nil) }, "is asked for"},
			"not listed":     {func(r *host.Replay) { r.Trust = other }, "is not in"},
			"too much":       {func(r *host.Replay) { r.Trust = narrow }, "column value; memory 2GiB (allowed: 1MiB)"},
		} {
			k := r
			c.change(&k)
			if _, err := k.Run(context.Background()); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v", ex, what, err)
			}
		}
	}
}
