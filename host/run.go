package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/emit"
	"rechost/host/fault"
	"rechost/host/kernel"
	"rechost/host/manifest"
	"rechost/host/matrix"
	"rechost/host/plan"
	"rechost/host/recs"
	"rechost/host/store"
	"rechost/host/task"
)

// DefaultOut is the output's name when Job.Out is "".
const DefaultOut = "recommendations.parquet"

// StoreCap is the size to which a run that used the default store shrinks it
// afterwards, least recently used first.
const StoreCap = 20 << 30

// Run does the job and writes its output and manifest. When it fails, neither
// is there, or both are as they were before.
func Run(ctx context.Context, job Job) (*Summary, error) {
	if job.Out == "" {
		job.Out = DefaultOut
	}
	if job.Manifest == "" {
		job.Manifest = DefaultManifest(job.Out)
	}
	if job.ForUsersColumn == "" {
		job.ForUsersColumn = job.Data.User
	}
	if err := cmp.Or(checkForms(job), checkOutputs(job)); err != nil {
		return nil, err
	}
	s, err := open(ctx, job)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	defer s.close()
	sum, err := s.run(ctx)
	if err != nil {
		return nil, interrupted(ctx, s.hush(err))
	}
	if job.Store == "" && !job.NoCache {
		if _, err := s.store.Prune(StoreCap, 0); err != nil {
			s.tell(err.Error())
		}
	}
	sum.Notes = s.notes
	return sum, nil
}

// DefaultManifest is the name of the manifest of the output out, where a job
// gives none.
func DefaultManifest(out string) string {
	return strings.TrimSuffix(out, filepath.Ext(out)) + ".manifest.json"
}

// checkOutputs refuses, before any work, outputs that cannot be or must not be
// written.
func checkOutputs(job Job) error {
	inputs := append(append([]string(nil), job.Paths...), job.Module)
	if job.ForUsers != "" {
		inputs = append(inputs, job.ForUsers)
	}
	if job.Candidates != "" {
		inputs = append(inputs, job.Candidates)
	}
	outputs := job.outputs()
	for i, out := range outputs {
		for j, other := range outputs[:i] {
			switch {
			case !sameFile(out, other):
			case i == 1:
				return fault.Use("output and manifest have the same name, %s", job.Out).WithHint("name another: --manifest FILE")
			case j < 2:
				return fault.Use("%s is the name of the output or its manifest, and of something to emit", out).WithHint("name another: --emit NAME=FILE")
			default:
				return fault.Use("two things would be written to %s", out).WithHint("name another: --emit NAME=FILE; the ids of a .npy file go to .ids.parquet beside it")
			}
		}
		if err := recs.Refuse(out, inputs); err != nil {
			return err
		}
	}
	return nil
}

// outputs are the files that a run writes: recommendations, manifest, what is
// emitted.
func (job Job) outputs() []string {
	list := []string{job.Out, job.Manifest}
	for _, e := range job.Emit {
		list = append(list, emit.Files(e.File)...)
	}
	return list
}

func sameFile(a, b string) bool {
	x, err1 := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && x == y
}

// interrupted gives a run that the user stopped its own error, whatever the
// stop broke.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
		return fault.New(fault.Interrupted, "interrupted")
	}
	return err
}

// run is Run after the outputs were checked, in the order of the data.
func (s *session) run(ctx context.Context) (*Summary, error) {
	started := time.Now()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	inputs := []string{s.job.Module}
	for _, f := range s.matrix.Read.Files {
		inputs = append(inputs, f.Path)
	}
	for _, out := range s.job.outputs() {
		if err := recs.Refuse(out, inputs); err != nil { // again: folders and globs are files now
			return nil, err
		}
	}
	o, lists, release, err := s.recommend(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if len(lists.Items) == 0 {
		s.tell("the module recommends nothing to anybody")
	}
	t := time.Now()
	s.progress(Event{Phase: "write"})
	st, written, emitted, err := s.write(ctx, o, lists, started)
	if err != nil {
		return nil, err
	}
	s.times.Write = seconds(time.Since(t))
	s.progress(Event{Phase: "write", End: true})
	sum := s.summary(o, written, st)
	sum.Emitted = emitted
	return sum, nil
}

// write writes all outputs under other names first and gives them theirs
// together, so that a failure leaves them as they were.
func (s *session) write(ctx context.Context, o *outcome, l recs.Lists, started time.Time) (st *manifest.Statement, w recs.Written, emitted []Emitted, err error) {
	hidden := func(name string) string {
		return filepath.Join(filepath.Dir(name), fmt.Sprintf("._%s.%d", filepath.Base(name), os.Getpid()))
	}
	for _, name := range s.job.outputs() {
		defer os.Remove(hidden(name))
	}
	if w, err = recs.Write(ctx, hidden(s.job.Out), l, s.matrix, nil); err != nil {
		return nil, w, nil, under(s.job.Out, err)
	}
	w.Path = s.job.Out
	if emitted, err = s.writeEmissions(ctx, o, hidden); err != nil {
		return nil, w, nil, err
	}
	st = s.statement(o, w, emitted, started)
	if err = manifest.Write(hidden(s.job.Manifest), st); err != nil {
		return nil, w, nil, under(s.job.Manifest, err)
	}
	all := s.job.outputs()
	for i := range all { // the recommendations last: where they are new, all is
		name := all[len(all)-1-i]
		if err = os.Rename(hidden(name), name); err != nil {
			return nil, w, nil, fault.File(name, err)
		}
	}
	return st, w, emitted, nil
}

// under gives a failure to write the hidden file the name that the user knows.
func under(name string, err error) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Code == fault.Failed && e.Err != nil {
		return fault.File(name, e.Err)
	}
	return err
}

// attempts is how often a run starts over when its arrays vanish from the
// store under it.
const attempts = 3

// recommend runs the stages and checks the lists that they end in. Where
// somebody pruned the store meanwhile, it makes again what is missing: what is
// left is in the journal.
func (s *session) recommend(ctx context.Context) (o *outcome, l recs.Lists, release func(), err error) {
	for n := range attempts {
		if n > 0 {
			s.tell("the store was pruned during the run: making again what is missing")
			if err = s.putFrames(); err != nil {
				break
			}
			if err = s.withhold(); err != nil {
				break
			}
		}
		if o, err = s.execute(ctx); err == nil {
			t := time.Now()
			l, release, err = s.results(o)
			s.times.Reduce += seconds(time.Since(t))
		}
		if !errors.Is(err, store.ErrGone) && !errors.Is(err, fs.ErrNotExist) {
			return o, l, release, err
		}
	}
	return o, l, release, fault.New(fault.Failed, "the store is being emptied faster than the run fills it: %v", err).
		WithHint("run the same command again, or with --no-cache")
}

// results reads and checks all that the run writes.
func (s *session) results(o *outcome) (recs.Lists, func(), error) {
	l, release, err := s.lists(o)
	if err != nil {
		return l, nil, err
	}
	also, err := s.emissions(o)
	if err != nil {
		release()
		return l, nil, err
	}
	return l, func() { release(); also() }, nil
}

// lists reads the recommendations that the plan made and checks them: from
// here on they are no longer hostile.
func (s *session) lists(o *outcome) (recs.Lists, func(), error) {
	l := recs.Lists{Users: s.targets.Users}
	f := o.env[abi.Recommendations]
	var releases []func()
	release := func() {
		for _, r := range releases {
			r()
		}
	}
	read := func(name string) ([]byte, error) {
		b, r, err := s.store.Read(f.Arrays[name].Meta)
		if err != nil {
			return nil, err
		}
		releases = append(releases, r)
		return b, nil
	}
	offsets, err1 := read(abi.Offsets)
	items, err2 := read("item")
	scores, err3 := read("score")
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			release()
			return l, nil, err
		}
	}
	l.Offsets, l.Items, l.Scores = array.View[uint64](offsets), array.View[uint32](items), array.View[float32](scores)
	if err := recs.Check(l, s.matrix, s.rules()); err != nil {
		err = s.blame(s.locate(err, o, l))
		s.tellSaved()
		release()
		return l, nil, err
	}
	return l, release, nil
}

func (s *session) rules() recs.Rules {
	return recs.Rules{Top: s.job.Top, KeepSeen: s.job.KeepSeen, Only: s.candidates}
}

// locate adds the stage and the shard that made them to a complaint about
// recommendations, and saves the task where that is asked for.
func (s *session) locate(err error, o *outcome, l recs.Lists) error {
	place := ""
	for i, st := range s.plan.Stages {
		for _, out := range st.Outputs {
			if out.Frame == abi.Recommendations {
				place = "stage " + st.Name
				s.at.Store(int64(i))
			}
		}
	}
	cut := s.shape.Cut(abi.OverTargets, len(l.Users))
	for i := range len(cut) - 1 {
		a, b := cut[i], cut[i+1]
		from, to := l.Offsets[a], l.Offsets[b]
		part := recs.Lists{Users: l.Users[a:b], Items: l.Items[from:to], Scores: l.Scores[from:to]}
		for _, x := range l.Offsets[a : b+1] {
			part.Offsets = append(part.Offsets, x-from)
		}
		if recs.Check(part, s.matrix, s.rules()) != nil {
			err := fault.New(fault.CodeOf(err), "%s, shard %d of %d: %v", place, i+1, len(cut)-1, err)
			if len(o.last) == len(cut)-1 {
				s.saveRefused(&o.last[i], recordOf(o.tasks, &o.last[i]), s.blame(err))
			}
			return err
		}
	}
	return fault.New(fault.CodeOf(err), "%s: %v", place, err)
}

// external is all that the user chose that can change a byte.
func (s *session) external() manifest.External {
	r := s.matrix.Read
	ext := manifest.External{
		Module: s.module.Name, Parameters: s.values, Seed: s.job.Seed, Top: s.job.Top, KeepSeen: s.job.KeepSeen,
		Granted: s.job.granted(), Shards: s.shape.Shards, Duplicates: string(s.job.Duplicates),
		User: r.User.Name, Item: r.Item.Name, NoValue: s.job.Data.NoValue, NoTime: s.job.Data.NoTime,
		MinValue: s.job.Data.MinValue, TimeUnit: s.job.Data.TimeUnit, ForUsers: s.job.ForUsers != "", UsersName: s.job.ForUsersColumn,
		Candidates: s.candidates != nil, Emit: s.emitted(), Salt: s.job.Salt,
	}
	if r.Value != nil {
		ext.Value = r.Value.Name
	}
	if r.Time != nil {
		ext.Time = r.Time.Name
	}
	return ext
}

// dependencies are the files and digests that the run rests on, named as seen
// from the folder dir.
func (s *session) dependencies(dir string) []manifest.Resource {
	res := func(name, path string, d digest.Digest) manifest.Resource {
		return manifest.Resource{Name: name, URI: manifest.URI(dir, path), Digest: manifest.Sum{SHA256: d}}
	}
	r := s.matrix.Read
	deps := []manifest.Resource{res(manifest.ModuleName, s.job.Module, s.module.Digest)}
	for _, f := range r.Files {
		deps = append(deps, res(manifest.InputName, f.Path, f.Digest))
	}
	if s.job.ForUsers != "" {
		deps = append(deps, res(manifest.ForUsersName, s.job.ForUsers, s.targets.Digest))
	}
	if s.candidates != nil {
		deps = append(deps, res(manifest.CandidatesName, s.job.Candidates, s.candidates.Digest))
	}
	deps = append(deps,
		manifest.Resource{Name: manifest.IndexName, Digest: manifest.Sum{SHA256: s.matrix.Digest()}},
		manifest.Resource{Name: manifest.PlanName, Digest: manifest.Sum{SHA256: digest.Of(s.planText)}})
	return deps
}

// statement is the run's manifest.
func (s *session) statement(o *outcome, w recs.Written, emitted []Emitted, started time.Time) *manifest.Statement {
	dir := filepath.Dir(s.job.Manifest)
	subject := func(path string, d digest.Digest) manifest.Resource {
		return manifest.Resource{Name: filepath.Base(path), URI: manifest.URI(dir, path), Digest: manifest.Sum{SHA256: d}}
	}
	subjects := []manifest.Resource{subject(s.job.Out, w.Digest)}
	for _, e := range emitted {
		subjects = append(subjects, subject(e.Path, e.Digest))
	}
	return &manifest.Statement{
		Type:          manifest.StatementType,
		Subject:       subjects,
		PredicateType: manifest.PredicateType,
		Predicate: manifest.Predicate{
			BuildDefinition: manifest.BuildDefinition{
				BuildType: manifest.BuildType, ExternalParameters: s.external(), ResolvedDependencies: s.dependencies(dir),
				InternalParameters: manifest.Internal{
					Executor: s.job.Executor, Engine: s.journal.Engine, Workers: s.job.Workers, Limits: s.job.Limits.WithDefaults(), Walls: s.walls(),
					Trust: s.trusted, Leak: s.leak(o, w), Shadowed: o.shadow.same,
				},
			},
			RunDetails: manifest.RunDetails{
				Builder: manifest.Builder{
					ID:      "urn:rechost:host:" + s.job.Executor,
					Version: manifest.Versions(Version(), moduleVersion("github.com/tetratelabs/wazero"), runtime.Version()),
				},
				Metadata:   manifest.Metadata{StartedOn: started.UTC().Format(time.RFC3339), FinishedOn: time.Now().UTC().Format(time.RFC3339)},
				Byproducts: []manifest.Tasks{manifest.NewTasks(o.tasks)},
			},
		},
	}
}

func (s *session) summary(o *outcome, w recs.Written, st *manifest.Statement) *Summary {
	m := s.matrix
	for _, x := range o.stages {
		s.times.Guest += seconds(x.Sum.Guest)
		s.times.Kernel += seconds(x.Sum.Kernel)
		s.times.Host += seconds(x.Sum.Host)
	}
	walls := s.walls()
	s.exec.Close() // ended workers count in the peak
	s.times.Total = seconds(time.Since(s.start))
	return &Summary{
		Module: s.module, Trusted: s.trusted, Parameters: s.values, Columns: s.columns(), Input: m.Read, Combined: m.Combined,
		Users: m.Users.Len(), Items: m.Items.Len(), Entries: m.ByUser.Entries(),
		Targets: len(s.targets.Users), Unknown: s.targets.Unknown,
		Candidates: s.candidatesRead(), Shards: s.shape.Shards, Seed: s.job.Seed, Top: s.job.Top,
		Tasks: len(o.tasks), Reused: o.reused, Shadowed: o.shadow.same, Stages: o.stages, Times: s.times, PeakMemory: peakMemory(),
		Output: w, Manifest: s.job.Manifest, Executor: s.job.Executor, Engine: s.journal.Engine, Workers: s.job.Workers,
		Walls: walls, Log: o.log, Leak: st.Predicate.BuildDefinition.InternalParameters.Leak, Root: st.Predicate.RunDetails.Byproducts[0].Digest.SHA256,
	}
}

// Version is rechost's own: the module version or commit that it was built
// from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v += "-" + s.Value[:12]
			}
		}
	}
	return v
}

func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == path {
				return d.Version
			}
		}
	}
	return "unknown"
}

func engineName(interpreter bool) string {
	kind := "compiler"
	if interpreter {
		kind = "interpreter"
	}
	form, _ := kernel.Name()
	return "wazero " + moduleVersion("github.com/tetratelabs/wazero") + " " + kind + " " + runtime.GOARCH + ", kernels " + form
}

// InspectModule tells what can be known of Job.Module without data. The module
// is run, in the job's executor, to say what it is.
func InspectModule(ctx context.Context, job Job) (*ModuleInfo, error) {
	job.Workers = 1
	s, err := open(ctx, onlyLooking(job))
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	defer s.close()
	if err := s.describe(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	info, err := s.moduleInfo()
	if err != nil {
		return nil, err
	}
	if info.Emits, err = s.emits(ctx); err != nil { // what is known without a plan is worth showing
		if ctx.Err() != nil {
			return nil, interrupted(ctx, err)
		}
		info.EmitsUnknown = fault.Clean(err.Error(), 300)
	}
	return info, nil
}

// emits asks the module for a plan without data, to tell what it would emit.
func (s *session) emits(ctx context.Context) ([]abi.Emit, error) {
	const some = 1000
	config, err := json.Marshal(abi.Config{
		ABI: abi.Version, Parameters: s.values, Top: s.job.Top,
		Data: abi.Data{Users: some, Items: some, Interactions: 10 * some, Targets: some, Values: true, Times: true},
	})
	if err != nil {
		return nil, err
	}
	text, err := s.remembered(task.Planning, config, func() ([]byte, error) { return s.exec.Plan(ctx, config) }, isPlan)
	if err != nil {
		return nil, err
	}
	p, err := plan.Parse(text)
	if err != nil {
		return nil, s.blame(err)
	}
	return p.Emits, nil
}

// Profile reads and indexes data without a module, for a look at it.
func Profile(ctx context.Context, job Job) (*matrix.Matrix, error) {
	s := &session{job: job, start: time.Now()}
	if s.job.Workers <= 0 {
		s.job.Workers = runtime.GOMAXPROCS(0)
	}
	defer s.close()
	if err := s.index(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	return s.matrix, nil
}
