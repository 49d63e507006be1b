package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/manifest"
	"rechost/host/matrix"
	"rechost/host/params"
	"rechost/host/store"
)

// Verify runs a recorded job again, whole or a random sample of its tasks, and
// compares digests. A difference is no error: it stands in the Verification.
// Errors are of the manifest, the files, or the run.
func Verify(ctx context.Context, c Check) (*Verification, error) {
	st, err := manifest.Read(c.Manifest)
	if err != nil {
		return nil, err
	}
	if c.Sample < 0 || c.Sample > 1 {
		return nil, fault.Use("a sample of %g cannot be drawn: it is a share between 0 and 1", c.Sample)
	}
	v := &Verification{Manifest: c.Manifest, Tasks: len(st.Tasks())}
	job, err := c.job(st, v)
	if err != nil || v.Difference != nil {
		return v, err
	}
	if c.Sample > 0 && c.Sample < 1 {
		err = sampled(ctx, c, st, job, v)
	} else {
		err = whole(ctx, c, st, job, v)
	}
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	return v, nil
}

// job is the recorded job again, with what may differ taken from the check.
// Files that are not those of the run are the first difference.
func (c Check) job(st *manifest.Statement, v *Verification) (Job, error) {
	dir := filepath.Dir(c.Manifest)
	e := st.Predicate.BuildDefinition.ExternalParameters
	j := Job{
		Params:       params.Texts(e.Parameters),
		ModuleSHA256: c.ModuleSHA256, Trust: c.Trust, Grant: e.Granted, QuietGuest: c.QuietGuest, RequireIsolation: c.RequireIsolation,
		Data: interactions.Options{
			User: e.User, Item: e.Item, Value: e.Value, Time: e.Time,
			NoValue: e.NoValue, NoTime: e.NoTime, MinValue: e.MinValue, TimeUnit: e.TimeUnit,
		},
		Duplicates:     matrix.Duplicates(e.Duplicates),
		ForUsersColumn: e.UsersName,
		Seed:           e.Seed, Top: e.Top, KeepSeen: e.KeepSeen, Shards: e.Shards, Salt: e.Salt,
		Executor: c.Executor, Worker: c.Worker, Workers: c.Workers, Limits: c.Limits, Interpreter: c.Interpreter,
		Progress: c.Progress,
	}
	same := func(what, path, option string, want digest.Digest) error {
		got, _, err := digest.OfFile(path)
		if err != nil {
			e := fault.New(fault.Failed, "%s: %v; it is the run's %s", path, fault.Cause(err), what)
			if option != "" {
				e = e.WithHint("say where it is now: rechost verify %s %s", c.Manifest, option)
			}
			return e
		}
		if got != want && v.Difference == nil {
			v.Difference = &Difference{What: what + " " + path, Element: -1, Was: "sha256 " + want.String(), Is: "sha256 " + got.String()}
		}
		return nil
	}
	modules := st.Dependencies(manifest.ModuleName)
	inputs := st.Dependencies(manifest.InputName)
	if len(modules) != 1 || len(inputs) == 0 {
		return j, fault.Data("%s: the manifest names %d modules and %d inputs", c.Manifest, len(modules), len(inputs))
	}
	if was := modules[0].Digest.SHA256; !c.ModuleSHA256.IsZero() && was != c.ModuleSHA256 {
		return j, fault.Mod("%s: the run's module has sha256 %s, and sha256 %s is asked for", c.Manifest, was, c.ModuleSHA256)
	}
	if j.Module = c.Module; j.Module == "" {
		j.Module = manifest.Path(dir, modules[0].URI)
	}
	if err := same("module", j.Module, "--module FILE", modules[0].Digest.SHA256); err != nil {
		return j, err
	}
	if j.Paths = c.Paths; len(j.Paths) == 0 {
		for _, in := range inputs {
			path := manifest.Path(dir, in.URI)
			if err := same("data", path, "PATH…", in.Digest.SHA256); err != nil {
				return j, err
			}
			j.Paths = append(j.Paths, path)
		}
	}
	if c.ForUsers != "" && len(st.Dependencies(manifest.ForUsersName)) == 0 {
		return j, fault.Use("%s: the run was for all users, not for those of a file", c.Manifest).WithHint("leave out --for-users")
	}
	for _, f := range st.Dependencies(manifest.ForUsersName) {
		if j.ForUsers = c.ForUsers; j.ForUsers == "" {
			j.ForUsers = manifest.Path(dir, f.URI)
		}
		if err := same("file of users", j.ForUsers, "--for-users FILE", f.Digest.SHA256); err != nil {
			return j, err
		}
	}
	if c.Candidates != "" && len(st.Dependencies(manifest.CandidatesName)) == 0 {
		return j, fault.Use("%s: the run ranked all items, not those of a file", c.Manifest).WithHint("leave out --candidates")
	}
	for _, f := range st.Dependencies(manifest.CandidatesName) {
		if j.Candidates = c.Candidates; j.Candidates == "" {
			j.Candidates = manifest.Path(dir, f.URI)
		}
		if err := same("file of candidates", j.Candidates, "--candidates FILE", f.Digest.SHA256); err != nil {
			return j, err
		}
	}
	for _, x := range e.Emit {
		j.Emit = append(j.Emit, Emission{Name: x.Name, File: "." + x.Form})
	}
	// Outputs may have been moved; where they stand beside their manifest they
	// are compared too.
	v.Output = manifest.Path(dir, st.Subject[0].URI)
	for i, x := range st.Subject {
		what, path := "output", manifest.Path(dir, x.URI)
		if i > 0 {
			what = "emitted file"
		}
		if _, err := os.Stat(path); err == nil && v.Difference == nil {
			if err := same(what, path, "", x.Digest.SHA256); err != nil {
				return j, err
			}
			if v.Difference == nil && i == 0 {
				v.Checked = append(v.Checked, "the output file is that of the run")
			} else if v.Difference == nil {
				v.Checked = append(v.Checked, path+" is that of the run")
			}
		} else if err != nil {
			v.Notes = append(v.Notes, path+" is not there: the file itself was not compared, what it should hold was")
		}
	}
	return j, nil
}

// whole runs the job again in a store of its own, trusting nothing.
func whole(ctx context.Context, c Check, st *manifest.Statement, job Job, v *Verification) error {
	dir, err := os.MkdirTemp("", "rechost-verify-")
	if err != nil {
		return fault.New(fault.Failed, "cannot make a temporary folder: %v", err)
	}
	defer os.RemoveAll(dir)
	job.NoCache = true
	job.Out, job.Manifest = filepath.Join(dir, "out.parquet"), filepath.Join(dir, "out.manifest.json")
	for i := range job.Emit {
		job.Emit[i].File = filepath.Join(dir, strconv.Itoa(i)+job.Emit[i].File)
	}
	s, err := open(ctx, job)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.run(ctx); err != nil {
		return s.hush(err)
	}
	again, err := manifest.Read(job.Manifest)
	if err != nil {
		return err
	}
	v.Rerun, v.Caught = len(again.Tasks()), 1
	if v.Difference = compare(st, again); v.Difference == nil {
		v.Checked = append(v.Checked, sources(st), fmt.Sprintf("all %d tasks and the output were made again: the same bytes", len(again.Tasks())))
		return nil
	}
	if v.Difference.Array != "" {
		v.Notes = append(v.Notes, c.element(st, again, s.store, v.Difference)...)
	}
	return nil
}

// compareDefinition returns the first difference in what two records of one
// job say went into it: parameters, files, index, plan.
func compareDefinition(was, is manifest.BuildDefinition) *Difference {
	x, err1 := json.Marshal(was.ExternalParameters)
	y, err2 := json.Marshal(is.ExternalParameters)
	if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
		return &Difference{What: "parameters of the run", Element: -1, Was: fault.Clean(string(x), 2000), Is: fault.Clean(string(y), 2000)}
	}
	a, b := was.ResolvedDependencies, is.ResolvedDependencies
	for i := range min(len(a), len(b)) {
		if a[i].Name != b[i].Name || a[i].Digest != b[i].Digest {
			return &Difference{What: a[i].Name + " " + fault.Clean(a[i].URI, 300), Element: -1, Was: "sha256 " + a[i].Digest.SHA256.String(), Is: b[i].Name + " sha256 " + b[i].Digest.SHA256.String()}
		}
	}
	if len(a) != len(b) {
		return &Difference{What: "number of files", Element: -1, Was: fmt.Sprint(len(a)), Is: fmt.Sprint(len(b))}
	}
	return nil
}

// sources says what compareDefinition has found equal.
func sources(st *manifest.Statement) string {
	return fmt.Sprintf("parameters, module, input files (%d), index and plan are those of the run", len(st.Dependencies(manifest.InputName)))
}

// compare returns the first difference between two records of one job, in the
// order of the data: what went in, tasks, output.
func compare(was, is *manifest.Statement) *Difference {
	if d := compareDefinition(was.Predicate.BuildDefinition, is.Predicate.BuildDefinition); d != nil {
		return d
	}
	a, b := was.Tasks(), is.Tasks()
	for i := range min(len(a), len(b)) {
		if d := compareTask(a[i], b[i]); d != nil {
			return d
		}
	}
	if len(a) != len(b) {
		return &Difference{What: "number of tasks", Element: -1, Was: fmt.Sprint(len(a)), Is: fmt.Sprint(len(b))}
	}
	for i, x := range is.Subject {
		if d := compareSubject(was, i, x.Digest.SHA256); d != nil {
			return d
		}
	}
	return nil
}

// compareSubject compares the file that a run wrote as number i with the digest
// of the one that was made again.
func compareSubject(was *manifest.Statement, i int, is digest.Digest) *Difference {
	if i >= len(was.Subject) {
		return &Difference{What: "number of outputs", Element: -1, Was: fmt.Sprint(len(was.Subject)), Is: "more"}
	}
	x := was.Subject[i]
	if x.Digest.SHA256 == is {
		return nil
	}
	what := "output"
	if i > 0 {
		what = "emitted file " + fault.Clean(x.Name, 200)
	}
	return &Difference{What: what, Element: -1, Was: "sha256 " + x.Digest.SHA256.String(), Is: "sha256 " + is.String()}
}

func compareTask(a, b manifest.Task) *Difference {
	d := &Difference{What: "task", Stage: b.Stage, Turn: b.Iteration, Shard: b.Shard, Element: -1}
	for k := range min(len(a.Outputs), len(b.Outputs)) {
		x, y := a.Outputs[k], b.Outputs[k]
		if x != y {
			d.Array, d.Was, d.Is = y.Name, describe(x), describe(y)
			return d
		}
	}
	if a.ID != b.ID || len(a.Outputs) != len(b.Outputs) ||
		a.Stage != b.Stage || a.Index != b.Index || a.Iteration != b.Iteration || a.Shard != b.Shard || a.Shards != b.Shards {
		d.Was, d.Is = "task "+a.ID.String(), "task "+b.ID.String()
		return d
	}
	return nil
}

// Place says where the difference is: "task, stage users, shard 3, array f.x, element 7".
func (d *Difference) Place() string {
	text := d.What
	if d.Stage != "" && !strings.Contains(text, d.Stage) {
		text += ", stage " + d.Stage
	}
	if d.Array != "" {
		text += fmt.Sprintf(", shard %d, array %s", d.Shard+1, d.Array)
		if d.Element >= 0 {
			text += fmt.Sprintf(", element %d", d.Element)
		}
	}
	return text
}

func describe(o manifest.Output) string {
	return fmt.Sprintf("%v %dx%d sha256 %s", o.DType, o.Rows, max(o.Width, 1), o.Digest)
}

// element looks up the first element that differs, where the original array
// is still in the run's store.
func (c Check) element(was, is *manifest.Statement, fresh *store.Store, d *Difference) []string {
	a, b := output(was, d), output(is, d)
	if a == nil || b == nil || c.QuietGuest {
		return nil
	}
	dir := c.Store
	if dir == "" {
		dir, _ = DefaultStore()
	}
	old, err := store.Existing(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{"the run's store is not there, so the element that differs cannot be named"}
	}
	if err != nil {
		return []string{"the run's store cannot be opened, so the element that differs cannot be named: " + err.Error()}
	}
	x, release, err := old.Read(a.Meta)
	if err != nil {
		return []string{"the run's store no longer has the original array, so the element that differs cannot be named"}
	}
	defer release()
	y, release2, err := fresh.Read(b.Meta)
	if err != nil {
		return nil
	}
	defer release2()
	d.Element, d.Was, d.Is = firstDifference(a.DType, x, y)
	return nil
}

func output(st *manifest.Statement, d *Difference) *manifest.Output {
	for _, t := range st.Tasks() {
		if t.Stage != d.Stage || t.Iteration != d.Turn || t.Shard != d.Shard {
			continue
		}
		for i := range t.Outputs {
			if t.Outputs[i].Name == d.Array {
				return &t.Outputs[i]
			}
		}
	}
	return nil
}
