package host

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/digest"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/interactions"
	"rechost/host/journal"
	"rechost/host/kernel"
	"rechost/host/manifest"
	"rechost/host/matrix"
	"rechost/host/params"
	"rechost/host/plan"
	"rechost/host/recs"
	"rechost/host/store"
	"rechost/host/task"
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
func (s *session) tell(note string) {
	s.notes = append(s.notes, note)
	s.progress(Event{Note: note})
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
	if s.wasm, err = io.ReadAll(io.LimitReader(f, maxModule)); err != nil {
		return fault.File(name, err)
	}
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

// prepare reads and indexes the data while the module is compiled, lets the
// module plan, and checks the plan.
func (s *session) prepare(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.tellSaved()
	described := make(chan error, 1)
	go func() {
		t := time.Now()
		err := s.describe(ctx)
		if err == nil {
			err = s.checkNeeds()
		}
		s.times.Plan = seconds(time.Since(t))
		if err != nil {
			cancel(err) // no need to read on
		}
		described <- err
	}()
	readErr := s.read(ctx)
	if readErr != nil {
		cancel(readErr)
	}
	if readErr == nil {
		s.progress(Event{Phase: "plan"})
	}
	if err := <-described; err != nil && (readErr == nil || context.Cause(ctx) == err) {
		return err
	}
	if readErr != nil {
		return readErr
	}
	if err := s.makePlan(ctx); err != nil {
		return err
	}
	s.progress(Event{Phase: "plan", End: true})
	return nil
}

// describe asks the module what it is and resolves its parameters.
func (s *session) describe(ctx context.Context) error {
	text, err := s.remembered(task.Describing, nil, func() ([]byte, error) { return s.exec.Describe(ctx) },
		func(b []byte) error { _, err := params.Parse(b); return err })
	if err != nil {
		return err
	}
	if s.desc, err = params.Parse(text); err != nil {
		return s.refuse(task.Describing, nil, text, err)
	}
	s.module.Name, s.module.Version = s.desc.Name, s.desc.Version
	s.values, err = params.Resolve(s.desc, s.job.Params)
	return err
}

// remembered returns what a module said when it was asked the same before, and
// asks it otherwise: like a task, the answer is a pure function of the module
// and the question. What is remembered is checked again like what is new.
// One that check refuses is forgotten.
func (s *session) remembered(p task.Phase, config []byte, ask func() ([]byte, error), check func([]byte) error) ([]byte, error) {
	id := s.question(p, config)
	if !s.distrustful {
		if b := s.store.Blob(id); b != nil {
			if check(b) == nil {
				return b, nil
			}
			s.store.DropBlob(id)
		}
	}
	s.ran.Store(true)
	b, err := ask()
	if err != nil {
		return nil, err
	}
	return b, s.store.PutBlob(id, b)
}

func isPlan(b []byte) error {
	_, err := plan.Parse(b)
	return err
}

// question is the identity of what the module is asked, and so of its answer.
func (s *session) question(p task.Phase, config []byte) digest.Digest {
	return digest.OfParts([]byte(string(p)+"\x00"+s.module.Digest.String()+strconv.Itoa(abi.Version)+"\x00"+s.job.Salt+"\x00"), config)
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

// read reads, indexes, and puts the frames that the host provides into the
// store.
func (s *session) read(ctx context.Context) error {
	if err := s.index(ctx); err != nil {
		return err
	}
	t := time.Now()
	s.progress(Event{Phase: "index"})
	if err := s.chooseTargets(); err != nil {
		return err
	}
	if err := s.chooseCandidates(ctx); err != nil {
		return err
	}
	if err := s.putFrames(); err != nil {
		return err
	}
	s.times.Index = seconds(time.Since(t))
	s.progress(Event{Phase: "index", End: true})
	return nil
}

// index reads the data into the matrix.
func (s *session) index(ctx context.Context) error {
	t := time.Now()
	s.progress(Event{Phase: "read"})
	o := s.job.Data
	o.Workers = s.job.Workers
	var err error
	if s.set, err = interactions.Open(s.job.Paths, o); err != nil {
		return err
	}
	if r := s.set.Report(); s.job.Module != "" { // else nothing is written
		err := recs.CheckName(r.User.Name, abi.OverUsers, "recommendations", recs.Score.Name, recs.Rank.Name)
		if err == nil {
			err = recs.CheckName(r.Item.Name, abi.OverItems, "recommendations", recs.Score.Name, recs.Rank.Name)
		}
		if err != nil {
			return err
		}
	}
	s.matrix, err = matrix.Build(ctx, s.set, matrix.Options{Duplicates: s.job.Duplicates, Workers: s.job.Workers})
	if err != nil {
		return err
	}
	s.times.Read = seconds(time.Since(t))
	s.progress(Event{Phase: "read", Done: s.set.Parts(), Total: s.set.Parts(), End: true})
	return nil
}

func (s *session) chooseTargets() error {
	if s.job.ForUsers == "" {
		s.targets.Users = make([]uint32, s.matrix.Users.Len())
		for i := range s.targets.Users {
			s.targets.Users[i] = uint32(i)
		}
		return nil
	}
	var err error
	if s.targets, err = recs.ReadIDs(s.job.ForUsers, s.job.ForUsersColumn, &s.matrix.Users); err != nil {
		return err
	}
	if note := s.targets.Missing(s.job.ForUsers); note != "" {
		s.tell(fault.Clean(note, 300))
	}
	return nil
}

func (s *session) chooseCandidates(ctx context.Context) (err error) {
	if s.job.Candidates == "" {
		return nil
	}
	if s.candidates, err = recs.ReadCandidates(ctx, s.job.Candidates, s.matrix); err != nil {
		return err
	}
	for _, note := range s.candidates.Notes(s.job.Candidates, s.targets.Users) {
		s.tell(fault.Clean(note, 300))
	}
	return nil
}

// candidatesRead is what the summary tells of candidates.
func (s *session) candidatesRead() *CandidatesRead {
	c := s.candidates
	if c == nil {
		return nil
	}
	return &CandidatesRead{ForAll: c.ForAll, Rows: c.Read, LeftOut: c.LeftOut, Unknown: c.Unknown, Pairs: len(c.Items), Without: c.Without(s.targets.Users)}
}

// putFrames stores the frames that the host provides and cuts them into shards.
func (s *session) putFrames() error {
	m := s.matrix
	t := m.ByUser
	all := len(s.targets.Users) == m.ByUser.Rows()
	if !all {
		t = subset(&m.ByUser, s.targets.Users)
	}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		first error
	)
	s.env = plan.Env{
		abi.ByUser:  {Extent: abi.OverUsers, Frame: array.Frame{Rows: m.ByUser.Rows(), Arrays: map[string]array.Column{}}},
		abi.ByItem:  {Extent: abi.OverItems, Frame: array.Frame{Rows: m.ByItem.Rows(), Arrays: map[string]array.Column{}}},
		abi.Targets: {Extent: abi.OverTargets, Frame: array.Frame{Rows: t.Rows(), Arrays: map[string]array.Column{}}},
	}
	if c := s.candidates; c != nil {
		b := plan.Bound{Extent: abi.Candidates, Frame: array.Frame{Rows: 1, Arrays: map[string]array.Column{}}}
		if !c.ForAll {
			b.Extent, b.Rows = abi.OverTargets, t.Rows()
		}
		s.env[abi.Candidates] = b
	}
	put := func(typ array.DType, rows int, data []byte, entry bool, where ...[2]string) {
		wg.Go(func() {
			meta, err := s.store.Put(array.Meta{DType: typ, Rows: rows}, data)
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
			for _, w := range where {
				s.env[w[0]].Arrays[w[1]] = array.Column{Meta: meta, PerEntry: entry}
			}
		})
	}
	csr := func(c *matrix.CSR, index string, frames ...string) {
		at := func(name string) (w [][2]string) {
			for _, f := range frames {
				w = append(w, [2]string{f, name})
			}
			return w
		}
		put(array.U64, len(c.Offsets), array.BytesOf(c.Offsets), false, at(abi.Offsets)...)
		put(array.U32, len(c.Index), array.BytesOf(c.Index), true, at(index)...)
		put(array.F32, len(c.Value), array.BytesOf(c.Value), true, at("value")...)
	}
	if all {
		csr(&m.ByUser, "item", abi.ByUser, abi.Targets)
	} else {
		csr(&m.ByUser, "item", abi.ByUser)
		csr(&t, "item", abi.Targets)
	}
	csr(&m.ByItem, "user", abi.ByItem)
	if m.Times && s.granted(abi.Time) {
		put(array.I64, len(m.ByUser.Time), array.BytesOf(m.ByUser.Time), true, [2]string{abi.ByUser, "time"})
	}
	if c := s.candidates; c != nil {
		offsets, items := c.Offsets, c.Items
		if !c.ForAll && !all {
			offsets, items = c.Of(s.targets.Users)
		}
		put(array.U64, len(offsets), array.BytesOf(offsets), false, [2]string{abi.Candidates, abi.Offsets})
		put(array.U32, len(items), array.BytesOf(items), true, [2]string{abi.Candidates, "item"})
	}
	put(array.U32, len(s.targets.Users), array.BytesOf(s.targets.Users), false, [2]string{abi.Targets, "user"})
	wg.Wait()
	if first != nil {
		return first
	}
	shards := s.job.Shards
	if shards == 0 {
		shards = matrix.DefaultShards(m.ByUser.Entries())
	}
	s.shape = plan.Shape{Shards: shards, Cuts: map[string][]int{
		abi.OverUsers:   bounds(m.ByUser.Cut(shards)),
		abi.OverItems:   bounds(m.ByItem.Cut(shards)),
		abi.OverTargets: bounds(t.Cut(shards)),
	}}
	return nil
}

func bounds(shards []matrix.Shard) []int {
	b := []int{0}
	for _, s := range shards {
		b = append(b, s.First+s.Rows)
	}
	return b
}

// subset is the matrix of some rows of c, in their order.
func subset(c *matrix.CSR, rows []uint32) matrix.CSR {
	t := matrix.CSR{Offsets: make([]uint64, 1, len(rows)+1)}
	for _, r := range rows {
		index, value := c.Row(int(r))
		t.Index = append(t.Index, index...)
		t.Value = append(t.Value, value...)
		t.Offsets = append(t.Offsets, uint64(len(t.Index)))
	}
	return t
}

// makePlan lets the module plan for this data and checks what it planned.
func (s *session) makePlan(ctx context.Context) error {
	t := time.Now()
	if err := s.withhold(); err != nil {
		return err
	}
	s.told.Store(true)
	m := s.matrix
	s.source = plan.Source{
		Module: s.module.Digest,
		Salt:   s.job.Salt,
		Config: abi.Config{
			ABI: abi.Version, Parameters: s.values, Seed: s.job.Seed, Top: s.job.Top, KeepSeen: s.job.KeepSeen,
			Data: abi.Data{
				Users: m.Users.Len(), Items: m.Items.Len(), Interactions: m.ByUser.Entries(),
				Targets: len(s.targets.Users), Values: m.Values, Times: s.getsTimes(),
			},
		},
		Offsets: func(a array.Meta) ([]uint64, error) {
			b, release, err := s.store.Read(a)
			if err != nil {
				return nil, err
			}
			defer release()
			return append([]uint64(nil), array.View[uint64](b)...), nil
		},
	}
	switch {
	case s.candidates == nil:
	case s.candidates.ForAll:
		s.source.Config.Candidates = abi.ForAll
	default:
		s.source.Config.Candidates = abi.ForEach
	}
	config, err := json.Marshal(s.source.Config)
	if err != nil {
		return err
	}
	s.planText, err = s.remembered(task.Planning, config, func() ([]byte, error) {
		b, err := s.exec.Plan(ctx, config)
		return b, s.ofGuest(err)
	}, isPlan)
	if err != nil {
		return err
	}
	if s.plan, err = plan.Parse(s.planText); err != nil {
		return s.refuse(task.Planning, config, s.planText, err)
	}
	if err := s.plan.Check(s.env, s.shape); err != nil {
		return s.withheldHint(s.refuse(task.Planning, config, s.planText, err))
	}
	if err := s.checkEmits(); err != nil {
		return err
	}
	s.times.Plan += seconds(time.Since(t))
	return nil
}
