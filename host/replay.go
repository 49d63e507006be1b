package host

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/capsule"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/kernel"
	"rechost/host/manifest"
	"rechost/host/store"
	"rechost/host/task"
	"rechost/host/trust"
)

// Replay is a saved task to run again.
type Replay struct {
	Capsule  string // folder
	Engine   string // compiler or interpreter; "" is the one that ran it, of one that differs both
	Executor string
	Worker   string
	Store    string // folder with compiled code; "" is in the user's cache folder
	// Limits that are not zero take the place of the capsule's, which are anybody's
	// word: where those are above the defaults, the defaults count.
	Limits           task.Limits
	RequireIsolation bool
	QuietGuest       bool // as Job.QuietGuest

	ModuleSHA256 digest.Digest // as Job.ModuleSHA256
	Trust        string        // as Job.Trust
}

// Replayed is what a saved task did when it ran again.
type Replayed struct {
	Capsule string          `json:"capsule"`
	Saved   capsule.Capsule `json:"saved"`
	Limits  task.Limits     `json:"limits"`
	Runs    []Rerun         `json:"runs"` // one, or one for each engine
	Again   bool            `json:"again"`
	Verdict string          `json:"verdict"`
	Code    fault.Code      `json:"code"` // of the verdict: that of the failure, or 0
	Notes   []string        `json:"notes,omitempty"`

	outputs [][][]byte // of each run
}

// Rerun is one run of the task.
type Rerun struct {
	Engine   string            `json:"engine"`
	Executor string            `json:"executor"`
	Walls    []string          `json:"walls"`
	Seconds  float64           `json:"seconds"` // of the task, from request to result
	Code     fault.Code        `json:"code"`
	Error    string            `json:"error,omitempty"`
	Hint     string            `json:"hint,omitempty"`
	Outputs  []manifest.Output `json:"outputs,omitempty"`
	task.Diagnosis
}

// Run runs the task again, alone, and compares with what was seen when it was
// saved. That it fails is no error: it stands in the Replayed. Errors are of
// the capsule and of this machine.
func (r Replay) Run(ctx context.Context) (*Replayed, error) {
	if _, err := kernel.Name(); err != nil {
		return nil, fault.New(fault.Usage, "%v", err)
	}
	st, err := store.Temporary()
	if err != nil {
		return nil, err
	}
	defer st.Close()
	o, err := capsule.Open(r.Capsule, st)
	if err != nil {
		return nil, err
	}
	cache, err := openStore(Job{Store: r.Store})
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	v := &Replayed{Capsule: r.Capsule, Saved: o.Capsule, Limits: r.limits(o.Limits)}
	v.Notes = wallsMissing(cmp.Or(r.Executor, DefaultExecutor()), r.Executor == "")
	if v.Limits != o.Limits.WithDefaults() && r.Limits == (task.Limits{}) {
		v.Notes = append(v.Notes, "the capsule asks for more than the default limits: it is replayed with the defaults; allow more with --memory, --deadline and the like")
	}
	engines := []bool{r.Engine == "interpreter"}
	switch {
	case r.Engine == "" && o.Seen.Why == capsule.Differs:
		engines = []bool{o.Interpreter, !o.Interpreter}
	case r.Engine == "":
		engines[0] = o.Interpreter
	}
	path := filepath.Join(r.Capsule, capsule.ModuleFile)
	entry, _, err := admit(path, o.Module.Digest, r.ModuleSHA256, r.Trust)
	if err == nil && entry != nil {
		err = entry.Check(trust.Ask{Executor: cmp.Or(r.Executor, DefaultExecutor()), Columns: columnsOf(&o.Run), Limits: v.Limits, Isolation: r.RequireIsolation})
	}
	if err != nil {
		return nil, err
	}
	for _, interpreter := range engines {
		if err := r.once(ctx, o, st, filepath.Join(cache.ModuleCache(o.Module.Digest), engineFolder(interpreter)), interpreter, v); err != nil {
			return nil, interrupted(ctx, err)
		}
	}
	if len(v.Runs) == 2 {
		v.compare()
	} else {
		v.judge()
	}
	if r.QuietGuest {
		v.hush()
	}
	return v, nil
}

// columnsOf lists the columns of the data beyond user and item that a task reads.
func columnsOf(t *task.Task) (list []string) {
	for _, c := range trust.Columns {
		if slices.ContainsFunc(t.Inputs, func(in task.Input) bool {
			return in.Name == abi.ByUser+"."+c || in.Name == abi.ByItem+"."+c || in.Name == abi.Targets+"."+c
		}) {
			list = append(list, c)
		}
	}
	return list
}

// limits are the capsule's, no higher than the defaults, or what was asked for.
func (r Replay) limits(saved task.Limits) task.Limits {
	l, d := saved.WithDefaults(), task.Limits{}.WithDefaults()
	l = task.Limits{Memory: min(l.Memory, d.Memory), Deadline: min(l.Deadline, d.Deadline), Log: min(l.Log, d.Log), Output: min(l.Output, d.Output), Calls: min(l.Calls, d.Calls), Fuel: l.Fuel}
	for _, x := range []struct{ to, asked *int64 }{
		{&l.Memory, &r.Limits.Memory}, {(*int64)(&l.Deadline), (*int64)(&r.Limits.Deadline)}, {&l.Log, &r.Limits.Log},
		{&l.Output, &r.Limits.Output}, {&l.Calls, &r.Limits.Calls}, {&l.Fuel, &r.Limits.Fuel},
	} {
		if *x.asked != 0 {
			*x.to = *x.asked
		}
	}
	return l
}

// once runs the task on one engine. Compiled code goes to and comes from the
// folder code, so that the deadline is not the compiler's.
func (r Replay) once(ctx context.Context, o *capsule.Opened, st *store.Store, code string, interpreter bool, v *Replayed) error {
	run := Rerun{Engine: engineName(interpreter), Executor: r.Executor}
	if run.Executor == "" {
		run.Executor = DefaultExecutor()
	}
	failed, both := false, r.Engine == "" && o.Seen.Why == capsule.Differs
	limits := v.Limits
	if both && interpreter {
		limits.Deadline = min(limits.Deadline, 24*time.Hour) * shadowPatience
	}
	exec, err := newExecutor(run.Executor, executor.Options{
		Module: o.Wasm, Name: o.Module.Name, Arrays: st, Cache: code, Worker: r.Worker, Workers: 1, Limits: limits,
		Interpreter: interpreter, Places: true, RequireIsolation: r.RequireIsolation,
		Failed: func(_ *task.Task, d task.Diagnosis, _ error) { run.Diagnosis, failed = d, true },
	})
	if err != nil {
		return err
	}
	defer exec.Close()
	// The module is compiled before the clock runs. What is wrong with it is
	// told by the task as well.
	if o.Run.Phase != task.Describing {
		_, _ = exec.Describe(ctx)
		run.Diagnosis, failed = task.Diagnosis{}, false
	}
	var outputs [][]byte
	start := time.Now()
	answer := func(text []byte, err error) error {
		if err == nil {
			run.Outputs = []manifest.Output{{Name: string(o.Run.Phase), Meta: textMeta(text)}}
		}
		return err
	}
	done := func(_ int, got executor.Result) error {
		defer got.Release()
		data := got.Data
		if forge != nil && interpreter != o.Interpreter {
			data = forge(o.Run, data)
		}
		for k, m := range shapes(&o.Run, data) {
			run.Outputs = append(run.Outputs, manifest.Output{Name: o.Run.Outputs[k].Name, Meta: m})
			if both {
				outputs = append(outputs, slices.Clone(data[k]))
			}
		}
		run.Log, run.Stats = got.Log, got.Stats
		return nil
	}
	switch o.Run.Phase {
	case task.Describing:
		err = answer(exec.Describe(ctx))
	case task.Planning:
		err = answer(exec.Plan(ctx, o.Run.Config))
	default:
		err = exec.Run(ctx, []task.Task{o.Run}, done)
	}
	run.Seconds = seconds(time.Since(start))
	run.Walls = exec.Walls()
	switch code := fault.CodeOf(err); {
	case err == nil || failed || code == fault.Module || code == fault.Limit:
	case code == fault.Usage && o.Run.Phase == task.Planning: // the module refuses what it was asked for
	default:
		return err
	}
	if err != nil {
		run.Code, run.Error, run.Hint = fault.CodeOf(err), err.Error(), fault.HintOf(err)
	}
	v.Runs = append(v.Runs, run)
	v.outputs = append(v.outputs, outputs)
	return nil
}

// places are the instructions that a trap names: a replay looks for them in
// every module, a run only where that is quickly done.
var places = regexp.MustCompile(` \(at 0x[0-9a-f]+\)`)

func withoutPlaces(text string) string { return places.ReplaceAllString(text, "") }

// judge compares the one run with what was seen.
func (v *Replayed) judge() {
	run, seen := &v.Runs[0], v.Saved.Seen
	v.Code = run.Code
	gave := func(list []array.Meta) bool {
		return len(list) > 0 && slices.EqualFunc(run.Outputs, list, func(a manifest.Output, b array.Meta) bool { return a.Meta == b })
	}
	switch {
	case run.Code != fault.OK && run.Code == seen.Code && withoutPlaces(run.Error) == withoutPlaces(seen.Error):
		v.Again, v.Verdict = true, "it failed again, in the same way"
	case run.Code != fault.OK && run.Code == seen.Code:
		v.Again, v.Verdict = true, "it failed again, in other words"
	case run.Code != fault.OK:
		v.Verdict = "it failed in another way"
	case seen.Why == capsule.Failed:
		v.Verdict = "it did not fail again"
	case seen.Why == capsule.Refused && gave(seen.Outputs):
		v.Again, v.Code, v.Verdict = true, seen.Code, "it gave what was refused again, to the byte"
	case seen.Why == capsule.Refused:
		v.Verdict = "it did not give what was refused again"
	case gave(seen.Outputs):
		v.Verdict = "it gave what the " + engineFolder(v.Saved.Interpreter) + " gave"
	case gave(seen.Others):
		v.Verdict = "it gave what the " + engineFolder(!v.Saved.Interpreter) + " gave"
	default:
		v.Code, v.Verdict = fault.Differs, "it gave what neither engine gave when it was saved"
	}
}

// compare compares the runs of both engines.
func (v *Replayed) compare() {
	a, b := &v.Runs[0], &v.Runs[1]
	differs := func(format string, x ...any) {
		v.Again, v.Code, v.Verdict = true, fault.Differs, "the engines differ again: "+fmt.Sprintf(format, x...)
	}
	switch {
	case (a.Code == fault.OK) != (b.Code == fault.OK):
		ended := func(r *Rerun) string {
			if r.Error != "" {
				return r.Error
			}
			return "done"
		}
		differs("%s: %s; %s: %s", a.Engine, ended(a), b.Engine, ended(b))
	case a.Code != fault.OK:
		v.Code, v.Verdict = a.Code, "it failed on both engines"
	default:
		for k := range min(len(a.Outputs), len(b.Outputs)) {
			if x, y := a.Outputs[k], b.Outputs[k]; x != y {
				e, was, is := firstDifference(x.DType, v.outputs[0][k], v.outputs[1][k])
				differs("array %s, element %d: the one gave %s, the other %s", x.Name, e, was, is)
				return
			}
		}
		v.Verdict = "the engines do not differ again"
	}
}

// Err is the failure that the verdict is, or nil.
func (v *Replayed) Err() error {
	if v.Code == fault.OK {
		return nil
	}
	run := &v.Runs[0]
	msg, hint := run.Error, run.Hint
	switch {
	case msg == "" && v.Saved.Seen.Why == capsule.Refused && v.Again:
		// What a capsule says is anybody's word: it is quoted, on one line, and
		// what it would have the user type is not passed on.
		msg = v.Capsule + ": " + v.Verdict + "; the capsule says why: " + strings.Join(strings.Fields(v.Saved.Seen.Error), " ")
	case msg == "" || v.Code == fault.Differs:
		msg = v.Capsule + ": " + v.Verdict
	}
	return &fault.Error{Code: v.Code, Msg: msg, Hint: hint}
}
