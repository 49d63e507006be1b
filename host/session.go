package host

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rechost/guest/abi"
	"rechost/host/capsule"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/journal"
	"rechost/host/kernel"
	"rechost/host/manifest"
	"rechost/host/matrix"
	"rechost/host/plan"
	"rechost/host/recs"
	"rechost/host/store"
	"rechost/host/trust"
)

// session is a job on its way: what is known after the data was read and the
// module has planned.
type session struct {
	job     Job
	store   *store.Store
	journal journal.Journal

	module Module
	wasm   []byte
	exec   executor.Executor
	shadow executor.Executor // of the other engine; nil where nothing is shadowed
	saves  saves
	fallen fallen
	notes  []string

	trusted *manifest.Trust // by which entry the module was admitted; nil where nobody asked

	desc   abi.Description
	values map[string]any // parameters

	set     *interactions.Set
	matrix  *matrix.Matrix
	targets recs.Targets

	candidates *recs.Candidates // nil: lists may hold any item

	env      plan.Env
	shape    plan.Shape
	source   plan.Source
	plan     *plan.Plan
	planText []byte

	times Times
	start time.Time

	told        atomic.Bool  // a guest was told of the data: what it says from here on may be of it
	at          atomic.Int64 // stage under way, or beforeStages
	ran         atomic.Bool  // a guest ran: otherwise the store had every answer
	distrustful bool         // ask the module again, whatever the store remembers of it
}

// DefaultStore is the store's folder where a job names none.
func DefaultStore() (string, error) {
	if dir := os.Getenv("RECHOST_STORE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New(fault.Failed, "there is no cache folder for this user: %v", err).
			WithHint("name one: --store FOLDER, or run without: --no-cache")
	}
	return filepath.Join(dir, "rechost"), nil
}

// DefaultExecutor is the safest executor that this system has.
func DefaultExecutor() string {
	if executor.HasProcesses {
		return Processes
	}
	return Goroutines
}

// open starts what needs time, the executor with the module, and checks all
// that can be checked before data is read.
func open(ctx context.Context, job Job) (s *session, err error) {
	s = &session{job: job, start: time.Now()}
	s.at.Store(beforeStages)
	defer func() {
		if err != nil {
			s.close()
			s = nil
		}
	}()
	if s.job.Top == 0 {
		s.job.Top = DefaultTop
	}
	if s.job.Workers <= 0 {
		s.job.Workers = runtime.GOMAXPROCS(0)
	}
	if s.job.Duplicates == "" {
		s.job.Duplicates = matrix.Sum
	}
	if s.job.Top < 1 || s.job.Top > 1e6 {
		return s, fault.Use("lists of %d items cannot be asked for: 1 to 1,000,000", s.job.Top)
	}
	if s.job.Seed < 0 || s.job.Seed >= 1<<53 {
		return s, fault.Use("the seed %d is out of range: 0 to 2^53-1", s.job.Seed)
	}
	if s.job.Workers > 1024 {
		return s, fault.Use("%d workers cannot be had: 1 to 1,024", s.job.Workers)
	}
	if s.job.Shards < 0 || s.job.Shards > 4096 {
		return s, fault.Use("%d shards cannot be had: 1 to 4,096", s.job.Shards)
	}
	if !(s.job.Shadow >= 0 && s.job.Shadow <= 1) {
		return s, fault.Use("a share of %g cannot be shadowed: it is from 0 to 1", s.job.Shadow)
	}
	if err = checkGrant(s.job); err != nil {
		return s, err
	}
	if _, err = kernel.Name(); err != nil {
		return s, fault.New(fault.Usage, "%v", err)
	}
	if err = s.openModule(); err != nil {
		return s, err
	}
	entry, trusted, err := admit(s.module.Path, s.module.Digest, s.job.ModuleSHA256, s.job.Trust)
	if s.trusted = trusted; err != nil {
		return s, err
	}
	if !bytes.HasPrefix(s.wasm, []byte("\x00asm")) {
		return s, fault.Mod("%s: not a WebAssembly module: it does not begin with \\0asm", s.job.Module).WithHint("--module names a .wasm file")
	}
	if err = chosenFile(s.job.ForUsers, "users", "--for-users"); err != nil {
		return s, err
	}
	if err = chosenFile(s.job.Candidates, "candidates", "--candidates"); err != nil {
		return s, err
	}
	if s.job.SaveFailures != "" {
		if err = capsule.Ready(s.job.SaveFailures); err != nil {
			return s, err
		}
	}
	if s.store, err = openStore(s.job); err != nil {
		return s, err
	}
	engine := engineName(s.job.Interpreter)
	s.journal = journal.Journal{Store: s.store, Engine: engine}
	chosen := s.job.Executor != ""
	if !chosen {
		s.job.Executor = DefaultExecutor()
	}
	for _, note := range wallsMissing(s.job.Executor, !chosen) {
		s.tell(note)
	}
	if entry != nil {
		ask := trust.Ask{Executor: s.job.Executor, Limits: s.job.Limits, Isolation: s.job.RequireIsolation}
		if len(s.job.Paths) > 0 { // else it is looked at only
			ask.Columns = s.job.granted()
		}
		if err = entry.Check(ask); err != nil {
			return s, err
		}
	}
	s.exec, err = newExecutor(s.job.Executor, s.options(s.job.Interpreter))
	if err == nil && s.job.Shadow > 0 {
		s.shadow, err = newExecutor(s.job.Executor, s.shadowOptions())
	}
	return s, err
}

// wallsMissing says what of the walls that a user would count on this binary
// or this system does not have with an executor; of one that was not chosen but
// is the default, that it is the lesser one.
func wallsMissing(name string, byDefault bool) []string {
	switch {
	case name == Goroutines && byDefault:
		return []string{"this system has no worker processes for rechost: the module runs inside this process, behind one wall instead of two"}
	case name == Processes && executor.HasProcesses && !executor.Confines:
		return []string{"this rechost was built with cgo, so its workers have neither Landlock nor seccomp: build it with ./build.sh build, or with CGO_ENABLED=0"}
	}
	return nil
}

// options are for an executor of one of wazero's engines.
func (s *session) options(interpreter bool) executor.Options {
	o := executor.Options{
		Module:      s.wasm,
		Name:        filepath.Base(s.job.Module),
		Arrays:      s.store,
		Cache:       filepath.Join(s.store.ModuleCache(s.module.Digest), engineFolder(interpreter)),
		Worker:      s.job.Worker,
		Workers:     s.job.Workers,
		Limits:      s.job.Limits,
		Interpreter: interpreter, RequireIsolation: s.job.RequireIsolation,
	}
	if s.job.SaveFailures != "" {
		o.Failed = s.saveFailed
	}
	return o
}

// newExecutor makes the executor of the given name.
func newExecutor(name string, o executor.Options) (executor.Executor, error) {
	switch name {
	case Processes:
		return executor.NewProcesses(o)
	case Goroutines:
		return executor.NewGoroutines(o)
	}
	return nil, fault.Use("there is no executor %q: the executors are %s and %s", name, Processes, Goroutines)
}

func (s *session) close() {
	if s.exec != nil {
		s.exec.Close()
	}
	if s.shadow != nil {
		s.shadow.Close()
	}
	if s.set != nil {
		s.set.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
}

// tell hands a note on at once and keeps it for the summary.
func (s *session) tell(note string) { s.note(Event{Note: note}) }

func (s *session) note(e Event) {
	s.notes = append(s.notes, e.Note)
	s.progress(e)
}

func (s *session) progress(e Event) {
	if s.job.Progress != nil {
		s.job.Progress(e)
	}
}

const maxModule = 64 << 20

func (s *session) openModule() error {
	name := s.job.Module
	if name == "" {
		return fault.Use("no module was named").WithHint("name one: --module cf.wasm")
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is not waited for
	switch {
	case os.IsNotExist(err):
		return fault.New(fault.Failed, "%s: there is no such module", name).WithHint("build the modules: ./build.sh build; they are in bin/modules")
	case err != nil:
		return fault.File(name, err)
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return fault.File(name, err)
	case fi.IsDir():
		return fault.Use("%s is a folder, not a module", name)
	case !fi.Mode().IsRegular():
		return fault.New(fault.Failed, "%s: not a regular file, as a module must be", name).WithHint("save it to a file, and name that")
	case fi.Size() > maxModule:
		return fault.Mod("%s has %d bytes; modules of at most %d are loaded", name, fi.Size(), maxModule)
	}
	b := bytes.NewBuffer(make([]byte, 0, fi.Size()+bytes.MinRead)) // so that it need not grow
	if _, err = b.ReadFrom(io.LimitReader(f, maxModule)); err != nil {
		return fault.File(name, err)
	}
	s.wasm = b.Bytes()
	s.module = Module{Path: name, Digest: digest.Of(s.wasm), Size: int64(len(s.wasm))}
	return nil
}

// chosenFile checks, before any work, that there is a file of what a flag
// chooses where one is named.
func chosenFile(name, what, flag string) error {
	if name == "" {
		return nil
	}
	fi, err := os.Stat(name)
	switch {
	case err != nil && name == "-":
		return fault.File(name, err).WithHint("standard input is %s /dev/stdin", flag)
	case err != nil:
		return fault.File(name, err)
	case fi.IsDir():
		return fault.Use("%s is a folder, not a file of %s", name, what).WithHint("name a Parquet or text file: %s FILE", flag)
	}
	return nil
}

// onlyLooking is the job of a command that looks and keeps nothing: where this
// user has no cache folder, or none that can be written, it does without.
func onlyLooking(job Job) Job {
	if job.Store != "" || job.NoCache {
		return job
	}
	s, err := openStore(job)
	if job.NoCache = err != nil; err == nil {
		s.Close()
	}
	return job
}

func openStore(job Job) (*store.Store, error) {
	if job.NoCache {
		return store.Temporary()
	}
	dir := job.Store
	if dir == "" {
		var err error
		if dir, err = DefaultStore(); err != nil {
			return nil, err
		}
	}
	return store.Open(dir)
}

func engineFolder(interpreter bool) string {
	if interpreter {
		return "interpreter"
	}
	return "compiler"
}

// walls names what stood between the guests of this run and the machine. Where
// none ran there was nothing to stand.
func (s *session) walls() []string {
	if !s.ran.Load() {
		return nil
	}
	return s.exec.Walls()
}

// blame puts the module's file before a complaint about it.
func (s *session) blame(err error) error {
	if fault.CodeOf(err) != fault.Module {
		return err
	}
	name := filepath.Base(s.job.Module)
	if strings.HasPrefix(err.Error(), name) {
		return err
	}
	return fault.New(fault.Module, "%s: %v", name, err)
}
