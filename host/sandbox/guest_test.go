package sandbox

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/fault"
)

// Stages of testdata/guest.
const (
	stageDouble = iota
	stagePanic
	stageLoop
	stageLogFlood
	stageGrow
	stageRecurse
	stageTooLong
	stageTooShort
	stageFresh
	stageScribble
	stageFail
	stageExit
	stageSleep
	stagePrint
	stageRandom
	stageReturnOne
	stageNil
	stageWait
	stageGarbage
	stageEnvironment
)

var testLimits = Limits{Memory: 256<<20 + StackReserve, Deadline: 20 * time.Second, Log: 64 << 10, Output: 1 << 20, Calls: 1 << 30}

var built = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
})

// goGuest is the compiled testdata/guest.
func goGuest(t testing.TB) []byte {
	t.Helper()
	b, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	loadedOnce sync.Once
	loaded     *Module
	loadedErr  error
)

// guestModule is the guest, loaded as a cooperative module for all tests.
func guestModule(t testing.TB) *Module {
	t.Helper()
	wasm := goGuest(t)
	loadedOnce.Do(func() {
		loaded, loadedErr = Load(context.Background(), wasm, Options{Name: "guest.wasm", Limits: testLimits, Cooperative: true, Compilers: 2})
	})
	if loadedErr != nil {
		t.Fatal(loadedErr)
	}
	return loaded
}

// limited is m with other limits. The compiled code is m's.
func limited(m *Module, change func(*Limits)) *Module {
	l := m.limits
	change(&l)
	b := m.budget
	b.limit = l.Memory
	return &Module{name: m.name, limits: l, cooperative: m.cooperative, info: m.info, provided: m.provided,
		budget: b, runtime: m.runtime, compiled: m.compiled}
}

// testArray stores v and opens it.
func testArray(t testing.TB, v []float32) *Array {
	t.Helper()
	m := array.Meta{DType: array.F32, Rows: len(v), Digest: digest.Of(array.BytesOf(v))}
	name := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(name, append(m.Header(), array.BytesOf(v)...), 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenArray(f, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func taskConfig(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(abi.Config{ABI: 1, Task: &abi.Task{Shard: 3, Shards: 16}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i%1000) + 0.5
	}
	return v
}

var oneRow = []Output{{Name: "out.y", DType: array.F32, Rows: -1}}

// wantFault fails the test unless err has the code and contains each of words.
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
	if strings.ContainsAny(err.Error(), "\x1b\r") {
		t.Errorf("error %q has control characters", err)
	}
}

func TestDoubles(t *testing.T) {
	m := guestModule(t)
	// Lengths around pages, and rows that start inside one.
	for _, n := range []int{0, 1, 1023, 1024, 1025, 50_000, 1 << 20} {
		v := ramp(n + 3000)
		a := testArray(t, v)
		for _, first := range []int{0, 1, 1024, 3000} {
			if n == 1<<20 && first == 1 {
				continue
			}
			out := []Output{{Name: "out.y", DType: array.F32, Rows: n}}
			r, err := limited(m, func(l *Limits) { l.Output = 8 << 20 }).Run(context.Background(), Call{Index: stageDouble, Config: taskConfig(t),
				Inputs: []Input{{Name: "in.x", Array: a, First: first, Rows: n}}, Outputs: out})
			if err != nil {
				t.Fatalf("n %d, first %d: %v", n, first, err)
			}
			got := array.View[float32](r.Data[0])
			if len(got) != n {
				t.Fatalf("n %d, first %d: %d elements", n, first, len(got))
			}
			for i := range got {
				if got[i] != 2*v[first+i] {
					t.Fatalf("n %d, first %d: element %d is %g, want %g", n, first, i, got[i], 2*v[first+i])
				}
			}
		}
	}
}

func TestScribbleStaysInside(t *testing.T) {
	m := guestModule(t)
	v := ramp(1 << 18)
	a := testArray(t, v)
	for range 3 {
		r, err := m.Run(context.Background(), Call{Index: stageScribble, Config: taskConfig(t),
			Inputs: []Input{{Name: "in.x", Array: a, Rows: len(v)}}, Outputs: oneRow})
		if err != nil {
			t.Fatal(err)
		}
		got := array.View[float32](r.Data[0])
		var before float32
		for _, x := range v {
			before += x
		}
		if got[0] != before || got[1] != 7*float32(len(v)) {
			t.Fatalf("sums %v, want %v and %v", got, before, 7*float32(len(v)))
		}
	}
	data, err := a.data()
	if err != nil {
		t.Fatal(err)
	}
	if array.View[float32](data)[5] != v[5] {
		t.Fatal("a guest's write reached the file")
	}
}

func TestGuestFailures(t *testing.T) {
	m := guestModule(t)
	a := testArray(t, ramp(10))
	in := []Input{{Name: "in.x", Array: a, Rows: 10}}
	for _, x := range []struct {
		name  string
		stage int
		out   []Output
		code  fault.Code
		words []string
	}{
		{"panic", stagePanic, oneRow, fault.Module, []string{"panic: runtime error: index out of range [10] with length 10", "main.run", "main.go:"}},
		{"log flood", stageLogFlood, oneRow, fault.Limit, []string{"64KiB of log", "--log-limit"}},
		{"memory bomb", stageGrow, oneRow, fault.Limit, []string{"256MiB of memory", "--memory"}},
		{"recursion", stageRecurse, oneRow, fault.Limit, []string{"memory"}}, // Go's stack lies in the guest's memory
		{"too long", stageTooLong, []Output{{Name: "out.y", DType: array.F32, Rows: 10}}, fault.Module, []string{"more than the 10 rows", "out.y"}},
		{"too short", stageTooShort, []Output{{Name: "out.y", DType: array.F32, Rows: 10}}, fault.Module, []string{"output out.y: 1 rows written, 10 wanted"}},
		{"half a row", stageTooShort, []Output{{Name: "out.y", DType: array.F32, Width: 3, Rows: -1}}, fault.Module, []string{"not whole rows of 12 bytes"}},
		{"no such output", stageTooLong, []Output{{Name: "out.z", DType: array.F32, Rows: -1}}, fault.Module, []string{`no output "out.y"`}},
		{"too much output", stageTooLong, []Output{{Name: "out.y", DType: array.F32, Rows: 1 << 30}}, fault.Limit, []string{"1MiB of output", "--output-limit"}},
		{"fail", stageFail, oneRow, fault.Module, []string{"this data is", "for me"}},
		{"exit", stageExit, oneRow, fault.Module, []string{"exited with status 3", "going away"}},
		{"returns 1", stageReturnOne, oneRow, fault.Module, []string{"rechost_run returned 1 without saying why"}},
		{"nil pointer", stageNil, oneRow, fault.Module, []string{"nil pointer"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := m
			if x.stage == stageRecurse {
				// wazero's time for the trace of such a stack grows with it.
				m = limited(m, func(l *Limits) { l.Memory = 48<<20 + StackReserve })
			}
			_, err := m.Run(context.Background(), Call{Index: x.stage, Config: taskConfig(t), Inputs: in, Outputs: x.out})
			wantFault(t, err, x.code, x.words...)
		})
	}
}

func TestDeadlineAndCancel(t *testing.T) {
	m := limited(guestModule(t), func(l *Limits) { l.Deadline = 200 * time.Millisecond })
	start := time.Now()
	_, err := m.Run(context.Background(), Call{Index: stageLoop, Config: taskConfig(t), Outputs: oneRow})
	wantFault(t, err, fault.Limit, "still running after 200ms", "--deadline")
	_, err = m.Plan(context.Background(), []byte(`{"parameters":{"mode":"loop"}}`))
	wantFault(t, err, fault.Limit, "still running after 200ms")
	m = guestModule(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = m.Run(ctx, Call{Index: stageLoop, Config: taskConfig(t), Outputs: oneRow})
	wantFault(t, err, fault.Interrupted)
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("stopping three loops took %v", d)
	}
}

func TestEveryCallIsFresh(t *testing.T) {
	m := guestModule(t)
	for range 3 {
		r, err := m.Run(context.Background(), Call{Index: stageFresh, Config: taskConfig(t), Outputs: oneRow})
		if err != nil {
			t.Fatal(err)
		}
		if got := array.View[float32](r.Data[0])[0]; got != 1 {
			t.Fatalf("turn %g in what should be a fresh instance", got)
		}
	}
}

func TestRandomFollowsSeed(t *testing.T) {
	m := guestModule(t)
	run := func(seed byte) string {
		r, err := m.Run(context.Background(), Call{Index: stageRandom, Config: taskConfig(t), Seed: [32]byte{seed}, Outputs: []Output{{Name: "out.y", DType: array.U32, Rows: 3}}})
		if err != nil {
			t.Fatal(err)
		}
		if now := array.View[uint32](r.Data[0])[2]; now != 946684800 {
			t.Errorf("the guest's clock shows %d, want 2000-01-01", now)
		}
		return string(r.Data[0])
	}
	one := run(1)
	if again := run(1); again != one {
		t.Error("the same seed gave other random numbers")
	}
	if one == run(2) {
		t.Error("another seed gave the same random numbers")
	}
}

func TestGuestSeesNothing(t *testing.T) {
	m := guestModule(t)
	r, err := m.Run(context.Background(), Call{Index: stageEnvironment, Config: taskConfig(t), Outputs: oneRow})
	if err != nil {
		t.Fatal(err)
	}
	got := array.View[float32](r.Data[0])
	if got[0] != 0 || got[1] != 0 || got[2] != 1 {
		t.Errorf("arguments, environment, no file: %v, want 0 0 1", got)
	}
	r, err = m.Run(context.Background(), Call{Index: stageSleep, Config: taskConfig(t), Outputs: oneRow})
	if err != nil {
		t.Fatal(err)
	}
	if got := array.View[float32](r.Data[0])[0]; got < 1 || got > 1.01 {
		t.Errorf("an hour of sleep moved the guest's clock by %g hours", got)
	}
}

func TestLog(t *testing.T) {
	m := guestModule(t)
	r, err := m.Run(context.Background(), Call{Index: stagePrint, Config: taskConfig(t), Outputs: oneRow})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stdout: hello from 3", "stderr: and \uFFFD[2Jfrom stderr", "warning: careful", "stdout: and no end"}
	if strings.Join(r.Log, "|") != strings.Join(want, "|") {
		t.Errorf("log %q, want %q", r.Log, want)
	}
	if r.Stats.LogBytes == 0 || r.Stats.Calls == 0 || r.Stats.Guest <= 0 || r.Stats.Host <= 0 || r.Stats.Memory <= 0 {
		t.Errorf("stats %+v", r.Stats)
	}
}

func TestDescribeAndPlan(t *testing.T) {
	m := guestModule(t)
	r, err := m.Describe(context.Background())
	var d abi.Description
	if err != nil || json.Unmarshal(r.Emitted, &d) != nil || d.Name != "guest" {
		t.Fatalf("describe: %s, %v", r.Emitted, err)
	}
	r, err = m.Plan(context.Background(), []byte(`{"parameters":{}}`))
	if err != nil || string(r.Emitted) != `{"steps":[]}` {
		t.Fatalf("plan: %s, %v", r.Emitted, err)
	}
	for mode, words := range map[string]string{
		"panic": "panic: no plan",
		"none":  `rechost_plan returned without calling "plan"`,
		"twice": "plan: called twice",
	} {
		_, err := m.Plan(context.Background(), []byte(`{"parameters":{"mode":"`+mode+`"}}`))
		wantFault(t, err, fault.Module, words)
	}
}

func TestInterpreterAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	m, err := Load(context.Background(), goGuest(t), Options{Name: "guest.wasm", Limits: testLimits, Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	v := ramp(1000)
	a := testArray(t, v)
	c := Call{Index: stageDouble, Config: taskConfig(t), Inputs: []Input{{Name: "in.x", Array: a, Rows: len(v)}}, Outputs: oneRow}
	x, err := m.Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	y, err := guestModule(t).Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if string(x.Data[0]) != string(y.Data[0]) || math.IsNaN(float64(array.View[float32](x.Data[0])[0])) {
		t.Error("the interpreter gave other bytes")
	}
}

func BenchmarkFreshInstance(b *testing.B) {
	m, err := Load(context.Background(), goGuest(b), Options{Name: "guest.wasm", Limits: testLimits, Compilers: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for b.Loop() {
		if _, err := m.Run(context.Background(), Call{Index: stageFresh, Config: []byte("{}"), Outputs: oneRow}); err != nil {
			b.Fatal(err)
		}
	}
}
