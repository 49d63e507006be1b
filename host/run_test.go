package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rechost/host"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/store"
	"rechost/host/task"
)

func run(t testing.TB, j host.Job) *host.Summary {
	t.Helper()
	s, err := host.Run(context.Background(), j)
	if err != nil {
		t.Fatalf("%v\nhint: %s", err, fault.HintOf(err))
	}
	return s
}

// The digest of the output does not depend on workers, executor, the order of
// rows, row groups and files, or on what the journal has.
func TestSameBytes(t *testing.T) {
	rows := ratings(300, 120, 6000)
	dir := t.TempDir()
	one := write(t, filepath.Join(dir, "one.parquet"), rows, 1000)
	other := write(t, filepath.Join(dir, "other.parquet"), shuffled(rows, 1), 257)
	many := split(t, filepath.Join(dir, "many"), shuffled(rows, 2), 5)

	for _, m := range smallCases {
		t.Run(fmt.Sprint(m.module, m.params), func(t *testing.T) {
			var want digest.Digest
			store := filepath.Join(t.TempDir(), "store")
			for i, c := range []struct {
				path, executor string
				workers        int
			}{
				{one, host.Processes, 1}, {one, host.Processes, 2}, {one, host.Processes, 7},
				{one, host.Goroutines, 1}, {one, host.Goroutines, 7},
				{other, host.Goroutines, 2}, {many, host.Goroutines, 2}, {many, host.Processes, 2},
			} {
				if c.executor == host.Processes && !executor.HasProcesses {
					continue
				}
				s := run(t, host.Job{
					Module: modules(t, m.module), Params: m.params, Paths: []string{c.path}, Shards: 5, Top: 10,
					Executor: c.executor, Workers: c.workers, Out: filepath.Join(t.TempDir(), "out.parquet"),
					Store: store, Salt: fmt.Sprint("cold ", i), // share the compiled code, but no task
				})
				if i == 0 {
					want = s.Output.Digest
				}
				if s.Reused != 0 {
					t.Errorf("%d tasks were not run", s.Reused)
				}
				if s.Output.Digest != want {
					t.Errorf("%s, %s, %d workers: digest %s, want %s", filepath.Base(c.path), c.executor, c.workers, s.Output.Digest.Short(), want.Short())
				}
			}
		})
	}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(200, 80, 3000), 500)
	j := host.Job{
		Module: modules(t, "als"), Params: map[string]string{"factors": "8", "iterations": "3"}, Paths: []string{data},
		Shards: 4, Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "cold.parquet"),
	}
	cold := run(t, j)
	if cold.Reused != 0 || cold.Tasks == 0 {
		t.Fatalf("cold: %d of %d tasks reused", cold.Reused, cold.Tasks)
	}
	j.Out = filepath.Join(dir, "warm.parquet")
	warm := run(t, j)
	if warm.Reused != warm.Tasks || warm.Output.Digest != cold.Output.Digest || warm.Root != cold.Root {
		t.Errorf("warm: %d of %d tasks reused, digests equal: %v, roots equal: %v", warm.Reused, warm.Tasks, warm.Output.Digest == cold.Output.Digest, warm.Root == cold.Root)
	}
	// Another parameter is another run: parameters are in every task's identity.
	j.Params = map[string]string{"factors": "8", "iterations": "4"}
	if more := run(t, j); more.Reused != 0 || more.Output.Digest == cold.Output.Digest {
		t.Errorf("another parameter: %d tasks reused, same output: %v", more.Reused, more.Output.Digest == cold.Output.Digest)
	}
	// A salt disowns what the store remembers.
	j.Params, j.Salt = map[string]string{"factors": "8", "iterations": "3"}, "engine was bad"
	if s := run(t, j); s.Reused != 0 || s.Output.Digest != cold.Output.Digest {
		t.Errorf("salted: %d reused, digests equal: %v", s.Reused, s.Output.Digest == cold.Output.Digest)
	}
	// A damaged array is noticed and made again.
	j.Salt = ""
	arrays, err := filepath.Glob(filepath.Join(dir, "store", "arrays", "*", "*.npy"))
	if err != nil || len(arrays) == 0 {
		t.Fatal("no arrays in the store", err)
	}
	for _, a := range arrays {
		if err := os.Chmod(a, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(a)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 4096 {
			b[4096] ^= 1
		}
		if err := os.WriteFile(a, b, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if s := run(t, j); s.Output.Digest != cold.Output.Digest {
		t.Error("damaged arrays changed the output")
	}
	// Records under each other's names are none, written well or not: a record
	// that says nothing, or something of another kind, is dropped as well.
	records := func() []string {
		list, err := filepath.Glob(filepath.Join(dir, "store", "blobs", "*", "*"))
		if err != nil || len(list) < 20 {
			t.Fatalf("%d records in the store, %v", len(list), err)
		}
		return list
	}
	list := records()
	first := list[0] + ".first"
	for i, name := range append(list[1:], first) {
		if i == 0 {
			if err := os.Rename(list[0], first); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(name, list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if s := run(t, j); s.Output.Digest != cold.Output.Digest || s.Reused != 0 {
		t.Errorf("records under other names: %d tasks reused, same output: %v", s.Reused, s.Output.Digest == cold.Output.Digest)
	}
	st, err := store.Open(j.Store)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range records() {
		id, err := digest.Parse(filepath.Base(name))
		if err != nil {
			continue
		}
		st.DropBlob(id)
		text := []string{"", "{}", `{"outputs":[]}`, `{"outputs":[{"dtype":"u8","rows":-1}]}`, `{"steps":[]`}[i%5]
		if err := st.PutBlob(id, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if s := run(t, j); s.Output.Digest != cold.Output.Digest || s.Reused != 0 {
		t.Errorf("records of nothing: %d tasks reused, same output: %v", s.Reused, s.Output.Digest == cold.Output.Digest)
	}
}

// The task of the largest shard is begun first. The first users have the most
// interactions, so that of the three shards the last has the most users.
func TestLargestShardFirst(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for shard, before := range []int{2, 1, 0} {
		done := 0
		_, err := host.Run(context.Background(), host.Job{
			Module: hostile(t), Params: map[string]string{"how": "fail", "shard": fmt.Sprint(shard)}, Paths: []string{data}, Shards: 3,
			Executor: host.Goroutines, Workers: 1, NoCache: true, Out: filepath.Join(dir, "out.parquet"),
			Progress: func(e host.Event) {
				if e.Stage == "lists" {
					done = max(done, e.Done)
				}
			},
		})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("stage lists, shard %d of 3", shard+1)) {
			t.Errorf("shard %d: %v", shard+1, err)
		}
		if done != before {
			t.Errorf("%d tasks were done before that of shard %d, want %d", done, shard+1, before)
		}
	}
}

// What a hostile module does is its own error, naming module, stage and shard,
// with the right code; there is no output, and the host goes on working.
func TestHostileModules(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	store := filepath.Join(dir, "store")
	for _, c := range []struct {
		how  string
		code fault.Code
		says []string
	}{
		{"trap", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"panic", fault.Module, []string{"stage lists, shard 2 of 3", "I do not want to"}},
		{"fail", fault.Module, []string{"stage lists, shard 2 of 3", "on principle"}},
		{"loop", fault.Limit, []string{"stage lists, shard 2 of 3", "still running after"}},
		{"planloop", fault.Limit, []string{"plan", "still running after"}},
		{"flood", fault.Limit, []string{"stage lists, shard 2 of 3", "log"}},
		{"newlines", fault.Limit, []string{"stage lists, shard 2 of 3", "more than 64KiB of log, stdout and stderr"}},
		{"memory", fault.Limit, []string{"stage lists, shard 2 of 3", "memory"}},
		{"range", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"nan", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"infinite", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"twice", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"seen", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"unsorted", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"ties", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"long", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"rows", fault.Module, []string{"stage lists, shard 2 of 3"}},
		{"plan", fault.Module, []string{"nowhere"}},
		{"refuse", fault.Usage, []string{".wasm: plan: this is not what the first of us want: 53"}},
	} {
		for _, ex := range []string{host.Processes, host.Goroutines} {
			if ex == host.Processes && !executor.HasProcesses {
				continue
			}
			t.Run(c.how+" in "+ex, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out.parquet")
				deadline := time.Minute
				if strings.HasSuffix(c.how, "loop") {
					deadline = 5 * time.Second // loading counts too, and takes long on a busy machine
				}
				j := host.Job{
					Module: hostile(t), Params: map[string]string{"how": c.how}, Paths: []string{data}, Shards: 3, Top: 5,
					Executor: ex, Workers: 2, Store: store, Out: out,
					Limits: task.Limits{Memory: 256 << 20, Deadline: deadline, Log: 64 << 10},
				}
				start := time.Now()
				_, err := host.Run(context.Background(), j)
				if err == nil {
					t.Fatal("nothing was wrong")
				}
				if fault.CodeOf(err) != c.code {
					t.Errorf("code %d, want %d: %v", fault.CodeOf(err), c.code, err)
				}
				for _, s := range append(c.says, "hostile.wasm") {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("the error does not say %q: %v", s, err)
					}
				}
				if strings.ContainsRune(err.Error(), '\x1b') {
					t.Errorf("the error has a control character: %q", err)
				}
				if d := time.Since(start); d > 50*time.Second {
					t.Errorf("it took %v", d)
				}
				if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
				j.Params = nil
				if s := run(t, j); s.Output.Users == 0 {
					t.Error("the host gives nobody a list afterwards")
				}
			})
		}
	}
}

func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	for _, ex := range []string{host.Processes, host.Goroutines} {
		if ex == host.Processes && !executor.HasProcesses {
			continue
		}
		t.Run(ex, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			var stopped time.Time
			j := host.Job{ // shard 0 has the fewest rows, so it is begun last
				Module: hostile(t), Params: map[string]string{"how": "loop", "shard": "0"}, Paths: []string{data}, Shards: 3, Workers: 1,
				Executor: ex, Store: filepath.Join(dir, "store-"+ex), Out: filepath.Join(dir, "out.parquet"),
				Progress: func(e host.Event) {
					if e.Stage == "lists" && e.Done == 2 && stopped.IsZero() {
						stopped = time.Now()
						time.AfterFunc(50*time.Millisecond, cancel)
					}
				},
			}
			_, err := host.Run(ctx, j)
			if fault.CodeOf(err) != fault.Interrupted {
				t.Fatalf("code %d: %v", fault.CodeOf(err), err)
			}
			if d := time.Since(stopped); d > 10*time.Second { // a second where the machine is not busy
				t.Errorf("stopping took %v", d)
			}
			if _, err := os.Stat(j.Out); !os.IsNotExist(err) {
				t.Error("there is an output")
			}
			// What was finished is kept.
			x, err := host.Explain(context.Background(), j)
			if err != nil || x.Known != 5 || x.Tasks != 9 {
				t.Errorf("the journal has %d of %d tasks, %v; want 5 of 9", x.Known, x.Tasks, err)
			}
		})
	}
}

func TestForUsers(t *testing.T) {
	dir := t.TempDir()
	rows := ratings(100, 50, 2000)
	data := write(t, filepath.Join(dir, "d.parquet"), rows, 500)
	some := filepath.Join(dir, "users.txt")
	if err := os.WriteFile(some, []byte(fmt.Sprintf("%d\n%d\n999999999\n", rows[0].user, rows[1].user)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := run(t, host.Job{Module: modules(t, "cf"), Paths: []string{data}, ForUsers: some, NoCache: true, Out: filepath.Join(dir, "o.parquet")})
	if s.Targets > 2 || s.Unknown != 1 || s.Output.Users != s.Targets || len(s.Notes) == 0 {
		t.Errorf("%d targets, %d unknown, %d users in the output, notes %q", s.Targets, s.Unknown, s.Output.Users, s.Notes)
	}
}

func TestRefusedBeforeWork(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	m := modules(t, "popular")
	link := filepath.Join(dir, "link.parquet")
	if err := os.Symlink(data, link); err != nil {
		t.Skip("no links on this system: ", err)
	}
	for name, c := range map[string]struct {
		change func(*host.Job)
		code   fault.Code
	}{
		"no module":         {func(j *host.Job) { j.Module = "" }, fault.Usage},
		"module missing":    {func(j *host.Job) { j.Module = "none.wasm" }, fault.Failed},
		"not a module":      {func(j *host.Job) { j.Module = data }, fault.Module},
		"no data":           {func(j *host.Job) { j.Paths = nil }, fault.Usage},
		"data missing":      {func(j *host.Job) { j.Paths = []string{"none.parquet"} }, fault.Failed},
		"unknown parameter": {func(j *host.Job) { j.Params = map[string]string{"x": "1"} }, fault.Usage},
		"executor":          {func(j *host.Job) { j.Executor = "threads" }, fault.Usage},
		"top":               {func(j *host.Job) { j.Top = -1 }, fault.Usage},
		"workers":           {func(j *host.Job) { j.Workers = 5000 }, fault.Usage},
		"shards":            {func(j *host.Job) { j.Shards = -1 }, fault.Usage},
		"seed":              {func(j *host.Job) { j.Seed = -1 }, fault.Usage},
		"over the input":    {func(j *host.Job) { j.Out = data }, fault.Usage},
		"users in a folder": {func(j *host.Job) { j.ForUsers = dir }, fault.Usage},
		"into the input":    {func(j *host.Job) { j.Paths = []string{dir} }, fault.Usage},
		"over a link":       {func(j *host.Job) { j.Out = link }, fault.Usage},
		"manifest on input": {func(j *host.Job) { j.Manifest = data }, fault.Usage},
		"manifest on out":   {func(j *host.Job) { j.Manifest = j.Out }, fault.Usage},
		"over the module":   {func(j *host.Job) { j.Out = m }, fault.Usage},
		"no folder":         {func(j *host.Job) { j.Out = filepath.Join(dir, "none", "o.parquet") }, fault.Failed},
		"onto a folder":     {func(j *host.Job) { j.Out = dir }, fault.Usage},
	} {
		before, err := os.ReadFile(data)
		if err != nil {
			t.Fatal(err)
		}
		j := host.Job{Module: m, Paths: []string{data}, NoCache: true, Out: filepath.Join(dir, "o.parquet")}
		c.change(&j)
		if _, err := host.Run(context.Background(), j); fault.CodeOf(err) != c.code {
			t.Errorf("%s: code %d, want %d: %v", name, fault.CodeOf(err), c.code, err)
		}
		if after, err := os.ReadFile(data); err != nil || string(after) != string(before) {
			t.Fatalf("%s: the input was changed", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

// A store that is pruned while a run goes on costs time, not the run.
func TestPrunedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(200, 80, 3000), 500)
	j := host.Job{
		Module: modules(t, "als"), Params: map[string]string{"factors": "8", "iterations": "3"}, Paths: []string{data},
		Shards: 3, NoCache: true, Out: filepath.Join(dir, "want.parquet"),
	}
	want := run(t, j)
	for _, ex := range []string{host.Processes, host.Goroutines} {
		if ex == host.Processes && !executor.HasProcesses {
			continue
		}
		pruned := 0
		j := j
		j.Executor, j.NoCache, j.Store, j.Out = ex, false, filepath.Join(dir, "store-"+ex), filepath.Join(dir, ex+".parquet")
		j.Progress = func(e host.Event) {
			if e.Stage == "solve_users" && e.End && e.Turn == "2/3" && pruned == 0 {
				pruned++
				s, err := store.Open(j.Store)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Prune(0, 0); err != nil {
					t.Error(err)
				}
			}
		}
		if s := run(t, j); pruned != 1 || s.Output.Digest != want.Output.Digest || len(s.Notes) == 0 {
			t.Errorf("%s: pruned %d times, same bytes: %v, notes %q", ex, pruned, s.Output.Digest == want.Output.Digest, s.Notes)
		}
	}
}
