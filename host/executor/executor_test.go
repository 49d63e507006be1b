package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"
)

func TestMain(m *testing.M) {
	if IsWorker() {
		WorkerMain()
	}
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "hang-drill":
			hangDrill()
			return
		case "orphan-drill":
			orphanDrill()
		case "close-drill":
			closeDrill()
		}
	}
	code := m.Run()
	os.RemoveAll(codeCache())
	os.Exit(code)
}

// Stages of ../sandbox/testdata/guest.
const (
	stageDouble    = 0
	stagePanic     = 1
	stageLoop      = 2
	stageLogFlood  = 3
	stageGrow      = 4
	stageTooShort  = 7
	stageFresh     = 8
	stageScribble  = 9
	stageRandom    = 14
	stageWait      = 17
	stageGarbage   = 18
	guestDirectory = "../sandbox/testdata/guest"
)

var built = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./"+guestDirectory)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
})

func goGuest(t testing.TB) []byte {
	t.Helper()
	b, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// folder is Arrays for tests.
type folder string

func (f folder) Path(d digest.Digest) string { return filepath.Join(string(f), d.String()+".npy") }

func (f folder) put(t testing.TB, v []float32) array.Meta {
	t.Helper()
	m := array.Meta{DType: array.F32, Rows: len(v), Digest: digest.Of(array.BytesOf(v))}
	if err := os.WriteFile(f.Path(m.Digest), append(m.Header(), array.BytesOf(v)...), 0o400); err != nil {
		t.Fatal(err)
	}
	return m
}

var codeCache = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "rechost-test-code-")
	if err != nil {
		panic(err)
	}
	return dir
})

var testLimits = task.Limits{Memory: 256 << 20, Deadline: 30 * time.Second, Log: 64 << 10, Output: 8 << 20, Calls: 1 << 30}

// both runs a test with each executor.
func both(t *testing.T, workers int, limits task.Limits, arrays Arrays, f func(t *testing.T, e Executor)) {
	t.Helper()
	for _, kind := range []string{"goroutines", "processes"} {
		t.Run(kind, func(t *testing.T) {
			f(t, newExecutor(t, kind, workers, limits, arrays))
		})
	}
}

func newExecutor(t testing.TB, kind string, workers int, limits task.Limits, arrays Arrays) Executor {
	t.Helper()
	return executorWith(t, kind, Options{Arrays: arrays, Workers: workers, Limits: limits})
}

// executorWith makes an executor of the test guest.
func executorWith(t testing.TB, kind string, o Options) Executor {
	t.Helper()
	o.Module, o.Name, o.Cache = goGuest(t), "guest.wasm", filepath.Join(codeCache(), kind)
	var e Executor
	var err error
	if kind == "goroutines" {
		e, err = NewGoroutines(o)
	} else {
		if runtime.GOOS != "linux" {
			t.Skip("worker processes need Linux")
		}
		e, err = NewProcesses(o)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func tasksOf(t testing.TB, stage, n int, in []task.Input, rows int) []task.Task {
	t.Helper()
	tasks := make([]task.Task, n)
	for i := range tasks {
		config, err := json.Marshal(abi.Config{ABI: abi.Version, Task: &abi.Task{Shard: i, Shards: n}})
		if err != nil {
			t.Fatal(err)
		}
		tasks[i] = task.Task{ID: digest.Of(config), Stage: "users", Index: stage, Shard: i, Shards: n, Config: config,
			Outputs: []task.Output{{Name: "out.y", DType: array.F32, Rows: rows}}}
		for _, x := range in {
			if x.Rows < 0 { // cut
				x.First, x.Rows = i*x.Array.Rows/n, (i+1)*x.Array.Rows/n-i*x.Array.Rows/n
			}
			tasks[i].Inputs = append(tasks[i].Inputs, x)
		}
	}
	return tasks
}

func wantFault(t *testing.T, err error, code fault.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with code %d and %q", code, words)
	}
	if fault.CodeOf(err) != code {
		t.Errorf("code %d, want %d: %v", fault.CodeOf(err), code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error()+" "+fault.HintOf(err), w) {
			t.Errorf("error %q (hint %q) does not mention %q", err, fault.HintOf(err), w)
		}
	}
}

func drop(int, Result) error { return nil }

// The same bytes from both executors and any number of workers.
func TestSameBytes(t *testing.T) {
	dir := folder(t.TempDir())
	v := make([]float32, 100_003)
	for i := range v {
		v[i] = float32(i) / 7
	}
	in := []task.Input{{Name: "in.x", Array: dir.put(t, v), Rows: -1}}
	var want digest.Digest
	for _, workers := range []int{1, 2, 7} {
		both(t, workers, testLimits, dir, func(t *testing.T, e Executor) {
			out := make([][]byte, 20)
			for _, stage := range []int{stageDouble, stageRandom} {
				rows := -1
				tasks := tasksOf(t, stage, 10, in, rows)
				err := e.Run(context.Background(), tasks, func(i int, r Result) error {
					out[10*(stage/stageRandom)+i] = append([]byte(nil), r.Data[0]...)
					if r.Stats.Guest <= 0 || r.Stats.Memory <= 0 {
						t.Errorf("stats %+v", r.Stats)
					}
					r.Release()
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			got := digest.OfJSON(out)
			if want.IsZero() {
				want = got
			}
			if got != want {
				t.Errorf("%d workers gave other bytes", workers)
			}
		})
	}
}

// As many arrays as a stage may have, in each executor: others in every task,
// so that those of the one before are still open.
func TestMostArrays(t *testing.T) {
	dir := folder(t.TempDir())
	both(t, 1, testLimits, dir, func(t *testing.T, e Executor) {
		tasks := tasksOf(t, stageDouble, 4, nil, 1)
		for i := range tasks {
			for k := range task.MaxArrays {
				x := task.Input{Name: fmt.Sprintf("in.x%d", k), Array: dir.put(t, []float32{float32(1000*i + k)}), Rows: 1}
				if k == 0 {
					x.Name = "in.x"
				}
				tasks[i].Inputs = append(tasks[i].Inputs, x)
			}
			for k := range task.MaxArrays - 1 {
				tasks[i].Outputs = append(tasks[i].Outputs, task.Output{Name: fmt.Sprintf("out.y%d", k), DType: array.F32})
			}
		}
		err := e.Run(context.Background(), tasks, func(i int, r Result) error {
			defer r.Release()
			if got := array.View[float32](r.Data[0]); len(r.Data) != task.MaxArrays || got[0] != float32(2000*i) {
				t.Errorf("task %d gave %d arrays, the first is %v", i, len(r.Data), got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestDescribePlan(t *testing.T) {
	both(t, 1, testLimits, nil, func(t *testing.T, e Executor) {
		ctx := context.Background()
		d, err := e.Describe(ctx)
		if err != nil || !strings.Contains(string(d), `"name":"guest"`) {
			t.Fatalf("%s, %v", d, err)
		}
		b, err := e.Plan(ctx, []byte(`{"parameters":{}}`))
		if err != nil || string(b) != `{"steps":[]}` {
			t.Fatalf("plan %s, %v", b, err)
		}
		// Longer than a message may be inline, both ways.
		long := fmt.Sprintf(`{"parameters":{"mode":"long","filler":%q}}`, strings.Repeat("x", 100<<10))
		if b, err = e.Plan(ctx, []byte(long)); err != nil || len(b) < 100<<10 {
			t.Fatalf("long plan: %d bytes, %v", len(b), err)
		}
		_, err = e.Plan(ctx, []byte(`{"parameters":{"mode":"panic"}}`))
		wantFault(t, err, fault.Module, "guest.wasm: plan: ", "panic: no plan", "main.go:")
		if len(e.Walls()) == 0 {
			t.Error("no walls")
		}
	})
}

// Each failure names module, stage and shard, and leaves the executor well.
func TestFailures(t *testing.T) {
	dir := folder(t.TempDir())
	in := []task.Input{{Name: "in.x", Array: dir.put(t, make([]float32, 5000)), Rows: -1}}
	both(t, 2, testLimits, dir, func(t *testing.T, e Executor) {
		ctx := context.Background()
		for _, x := range []struct {
			stage int
			code  fault.Code
			words string
		}{
			{stagePanic, fault.Module, "index out of range"},
			{stageLogFlood, fault.Limit, "--log-limit"},
			{stageGrow, fault.Limit, "--memory"},
			{stageTooShort, fault.Module, "1 rows written, 10 wanted"},
			{99, fault.Module, "0 rows written, 10 wanted"},
		} {
			err := e.Run(ctx, tasksOf(t, x.stage, 4, in, 10), drop)
			wantFault(t, err, x.code, "guest.wasm: stage users, shard 1 of 4: ", x.words)
			err = e.Run(ctx, tasksOf(t, stageFresh, 2, nil, 1), func(i int, r Result) error {
				defer r.Release()
				if y := array.View[float32](r.Data[0])[0]; y != 1 {
					t.Errorf("after stage %d an instance is not fresh: %g", x.stage, y)
				}
				return nil
			})
			if err != nil {
				t.Errorf("after stage %d: %v", x.stage, err)
			}
		}
	})
}

// Whoever asks is told of each task that failed, and where and after what it
// did, but not of those that were only stopped.
func TestFailedIsTold(t *testing.T) {
	dir := folder(t.TempDir())
	type told struct {
		task.Diagnosis
		shard int
		err   error
	}
	var traces [][]string
	for _, kind := range []string{"goroutines", "processes"} {
		t.Run(kind, func(t *testing.T) {
			var mu sync.Mutex
			var all []told
			e := executorWith(t, kind, Options{Arrays: dir, Workers: 2, Limits: testLimits, Failed: func(x *task.Task, d task.Diagnosis, err error) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, told{d, x.Shard, err})
			}})
			one := func(stage int, n int, code fault.Code) told {
				t.Helper()
				all = nil
				wantFault(t, e.Run(context.Background(), tasksOf(t, stage, n, nil, 10), drop), code)
				if len(all) == 0 || fault.CodeOf(all[0].err) != code {
					t.Fatalf("told %+v", all)
				}
				return all[0]
			}
			if x := one(stagePanic, 1, fault.Module); !strings.Contains(strings.Join(x.Trace, "\n"), ") i32 at 0x") || x.Stats.Memory == 0 || x.Stats.Calls == 0 {
				t.Errorf("told %+v", x)
			} else {
				traces = append(traces, x.Trace)
			}
			if x := one(stageLogFlood, 1, fault.Limit); len(x.Log) == 0 || x.Stats.LogBytes == 0 {
				t.Errorf("told %d messages, %d bytes", len(x.Log), x.Stats.LogBytes)
			}
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(100*time.Millisecond, cancel)
			all = nil
			if err := e.Run(ctx, tasksOf(t, stageLoop, 2, nil, 1), drop); fault.CodeOf(err) != fault.Interrupted || len(all) != 0 {
				t.Errorf("%v; told of stopped tasks: %+v", err, all)
			}
		})
	}
	// The module's own numbers and places, whatever was added to it.
	if len(traces) == 2 && !slices.Equal(traces[0], traces[1]) {
		t.Errorf("%q\nin this process, elsewhere\n%q", traces[0], traces[1])
	}
}

func TestScribble(t *testing.T) {
	dir := folder(t.TempDir())
	v := make([]float32, 1<<18)
	for i := range v {
		v[i] = 1
	}
	in := []task.Input{{Name: "in.x", Array: dir.put(t, v), Rows: len(v)}}
	both(t, 1, testLimits, dir, func(t *testing.T, e Executor) {
		err := e.Run(context.Background(), tasksOf(t, stageScribble, 3, in, 2), func(i int, r Result) error {
			defer r.Release()
			if y := array.View[float32](r.Data[0]); y[0] != 1<<18 || y[1] != 7<<18 {
				t.Errorf("task %d: sums %v", i, y)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestDeadline(t *testing.T) {
	limits := testLimits
	limits.Deadline = 4 * time.Second // compiling is under it too
	both(t, 1, limits, nil, func(t *testing.T, e Executor) {
		ctx := context.Background()
		if _, err := e.Describe(ctx); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err := e.Run(ctx, tasksOf(t, stageLoop, 3, nil, -1), drop)
		wantFault(t, err, fault.Limit, "guest.wasm: stage users, shard 1 of 3: still running after 4s", "--deadline, or cut the work finer with --shards")
		if d := time.Since(start); d > limits.Deadline+10*time.Second {
			t.Errorf("stopped after %v", d)
		}
		if err := e.Run(ctx, tasksOf(t, stageFresh, 1, nil, 1), drop); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestCancel(t *testing.T) {
	both(t, 2, testLimits, nil, func(t *testing.T, e Executor) {
		if _, err := e.Describe(context.Background()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var at time.Time
		time.AfterFunc(300*time.Millisecond, func() { at = time.Now(); cancel() })
		err := e.Run(ctx, tasksOf(t, stageLoop, 3, nil, -1), drop)
		if fault.CodeOf(err) != fault.Interrupted {
			t.Errorf("code %d: %v", fault.CodeOf(err), err)
		}
		if d := time.Since(at); d > 10*time.Second { // a tenth where the machine is not busy
			t.Errorf("stopped %v after it was asked to", d)
		}
	})
}

func TestDoneFails(t *testing.T) {
	both(t, 2, testLimits, nil, func(t *testing.T, e Executor) {
		err := e.Run(context.Background(), tasksOf(t, stageFresh, 8, nil, 1), func(i int, r Result) error {
			r.Release()
			if i >= 2 {
				return fault.New(fault.Failed, "disk full")
			}
			return nil
		})
		wantFault(t, err, fault.Failed, "disk full")
	})
}

// A garbage collection and a single processor must not keep a loop from being
// stopped. Each case is a process of its own, as a failure hangs it.
func TestNoHang(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	wasm := filepath.Join(t.TempDir(), "guest.wasm")
	if err := os.WriteFile(wasm, goGuest(t), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"goroutines", "processes"} {
		for _, procs := range []string{"1", "2"} {
			t.Run(kind+"/"+procs, func(t *testing.T) {
				if kind == "processes" && runtime.GOOS != "linux" {
					t.Skip("worker processes need Linux")
				}
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				cmd := exec.CommandContext(ctx, exe, "hang-drill")
				cmd.Env = append(os.Environ(), "GOMAXPROCS="+procs, "DRILL_KIND="+kind, "DRILL_WASM="+wasm, "DRILL_CACHE="+filepath.Join(codeCache(), kind))
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "still running after") {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
	}
}

// The processor time of guests is known, that of a worker which was killed too.
func TestProcessor(t *testing.T) {
	for _, kind := range []string{"goroutines", "processes"} {
		t.Run(kind, func(t *testing.T) {
			limits := testLimits
			compiles := newExecutor(t, kind, 1, limits, folder(t.TempDir()))
			if _, err := compiles.Describe(context.Background()); err != nil {
				t.Fatal(err)
			}
			limits.Deadline = 2 * time.Second
			e := newExecutor(t, kind, 1, limits, folder(t.TempDir()))
			if err := e.Run(context.Background(), tasksOf(t, stageFresh, 1, nil, 1), drop); err != nil {
				t.Fatal(err)
			}
			idle := Processor(e)
			if idle <= 0 {
				t.Errorf("a task took %v", idle)
			}
			err := e.Run(context.Background(), tasksOf(t, stageLoop, 1, nil, 1), drop)
			wantFault(t, err, fault.Limit, "still running after 2s")
			killed := Processor(e)
			if killed <= idle {
				t.Errorf("%v after a loop, %v before it", killed, idle)
			}
			if err := e.Run(context.Background(), tasksOf(t, stageFresh, 1, nil, 1), drop); err != nil {
				t.Fatal(err)
			}
			if now := Processor(e); now <= killed {
				t.Errorf("%v after another task, %v before it", now, killed)
			}
		})
	}
}

// hangDrill runs a busy guest while something else collects garbage.
func hangDrill() {
	wasm, err := os.ReadFile(os.Getenv("DRILL_WASM"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	limits := testLimits
	limits.Deadline = 4 * time.Second
	o := Options{Module: wasm, Name: "guest.wasm", Workers: 1, Limits: limits, Cache: os.Getenv("DRILL_CACHE")}
	var e Executor
	if os.Getenv("DRILL_KIND") == "goroutines" {
		e, err = NewGoroutines(o)
	} else {
		e, err = NewProcesses(o)
	}
	if err == nil {
		_, err = e.Describe(context.Background())
	}
	if err == nil {
		go func() {
			for {
				time.Sleep(50 * time.Millisecond)
				runtime.GC()
			}
		}()
		err = e.Run(context.Background(), []task.Task{{Stage: "users", Index: stageLoop, Shards: 1, Config: []byte("{}")}}, drop)
		e.Close()
	}
	fmt.Println(err)
}
