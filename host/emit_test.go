package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"rechost/host"
	"rechost/host/array"
	"rechost/host/executor"
	"rechost/host/fault"
)

// numpy reads a .npy file that a run wrote.
func numpy(t *testing.T, file string) (array.Meta, []float32) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := array.ReadHeader(f, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return m, array.View[float32](b[array.HeaderSize:])
}

// What every module emits is the same whoever runs it, in whatever order the
// rows come; the journal gives it without running anything; verify makes it
// again.
func TestEmitsOfEveryModule(t *testing.T) {
	dir := t.TempDir()
	rows := ratings(80, 40, 1500)
	data := write(t, filepath.Join(dir, "d.parquet"), rows, 500)
	other := write(t, filepath.Join(dir, "e.parquet"), shuffled(rows, 3), 200)
	for _, name := range moduleNames(t) {
		t.Run(name, func(t *testing.T) {
			j := host.Job{Module: modules(t, name), Shards: 3, Top: 5, Executor: host.Goroutines, Store: filepath.Join(dir, "store-"+name)}
			if name == "als" || name == "bpr" {
				j.Params = map[string]string{"factors": "8", "iterations": "2"}
			}
			info, err := host.InspectModule(context.Background(), j)
			if err != nil || len(info.Emits) == 0 {
				t.Fatalf("it emits %v, %v", info.Emits, err)
			}
			into := func(out string) host.Job {
				c := j
				c.Paths, c.Out, c.Emit = []string{data}, filepath.Join(dir, out+".recs.parquet"), nil
				for _, e := range info.Emits {
					file := filepath.Join(dir, out+"."+e.Name)
					c.Emit = append(c.Emit, host.Emission{Name: e.Name, File: file + ".parquet"})
					if e.IDs == "" {
						c.Emit = append(c.Emit, host.Emission{Name: e.Name, File: file + ".npy"})
					}
				}
				return c
			}
			digests := func(s *host.Summary) (list []string) {
				for _, e := range s.Emitted {
					list = append(list, e.Name+" "+e.Digest.String())
					if e.Rows == 0 || e.Bytes == 0 {
						t.Errorf("%+v", e)
					}
				}
				return append(list, s.Output.Digest.String())
			}
			first := into(name)
			s := run(t, first)
			want := digests(s)
			if len(want) < 2 || s.Leak.Emitted == 0 {
				t.Errorf("%v, %+v", want, s.Leak)
			}
			if again := run(t, into(name+"-again")); again.Reused != again.Tasks || !slices.Equal(digests(again), want) {
				t.Errorf("from the journal: %d of %d tasks, %v, want %v", again.Reused, again.Tasks, digests(again), want)
			}
			shuffled := into(name + "-shuffled")
			shuffled.Paths, shuffled.Workers, shuffled.Salt = []string{other}, 2, "x"
			if got := digests(run(t, shuffled)); !slices.Equal(got, want) {
				t.Errorf("rows in another order: %v, want %v", got, want)
			}
			for _, check := range []host.Check{{Manifest: s.Manifest, Executor: host.Goroutines}, {Manifest: s.Manifest, Executor: host.Goroutines, Sample: 0.4, Store: j.Store}} {
				if v, err := host.Verify(context.Background(), check); err != nil || v.Difference != nil {
					t.Errorf("verify: %v, %+v", err, v)
				}
			}
			if testing.Short() || !executor.HasProcesses {
				return
			}
			for _, workers := range []int{1, 2, 7} {
				p := into(fmt.Sprint(name, workers))
				p.Executor, p.Workers, p.Salt = host.Processes, workers, fmt.Sprint(workers)
				if got := digests(run(t, p)); !slices.Equal(got, want) {
					t.Errorf("%d worker processes: %v, want %v", workers, got, want)
				}
			}
		})
	}
}

// The factors that als emits give the scores of its recommendations; the same
// numbers stand in both forms.
func TestEmittedFactors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := write(t, at("d.parquet"), ratings(60, 40, 900), 500)
	run(t, host.Job{Module: modules(t, "als"), Params: map[string]string{"factors": "9", "iterations": "2"}, Paths: []string{data}, NoCache: true, Out: at("o.parquet"), Seed: 4,
		Emit: []host.Emission{{"user_factors", at("users.parquet")}, {"item_factors", at("items.parquet")}, {"item_factors", at("items.npy")}}})
	type vector struct {
		User   int64     `parquet:"user_id"`
		Item   int64     `parquet:"item_id"`
		Vector []float32 `parquet:"vector,list"`
	}
	read := func(name string) []vector {
		t.Helper()
		v, err := parquet.ReadFile[vector](at(name))
		if err != nil || len(v) == 0 {
			t.Fatal(len(v), err)
		}
		return v
	}
	users, items := map[int64][]float32{}, map[int64][]float32{}
	for _, v := range read("users.parquet") {
		users[v.User] = v.Vector
	}
	meta, flat := numpy(t, at("items.npy"))
	ids := read("items.ids.parquet")
	list := read("items.parquet")
	if meta.Rows != len(list) || meta.Width != 9 || len(ids) != len(list) {
		t.Fatalf("%+v for %d items, %d ids", meta, len(list), len(ids))
	}
	for i, v := range list {
		items[v.Item] = v.Vector
		if ids[i].Item != v.Item || !slices.Equal(v.Vector, flat[i*9:][:9]) || i > 0 && v.Item <= list[i-1].Item {
			t.Fatalf("row %d: item %d, its vector %v; in the other form %d, %v", i, v.Item, v.Vector, ids[i].Item, flat[i*9:][:9])
		}
	}
	type rec struct {
		User  int64   `parquet:"user_id"`
		Item  int64   `parquet:"item_id"`
		Score float32 `parquet:"score"`
	}
	recs, err := parquet.ReadFile[rec](at("o.parquet"))
	if err != nil || len(recs) == 0 {
		t.Fatal(len(recs), err)
	}
	for _, r := range recs {
		var s float32
		for f, x := range users[r.User] {
			s += float32(x * items[r.Item][f])
		}
		if s != r.Score {
			t.Fatalf("user %d, item %d: the factors give %v, the list %v", r.User, r.Item, s, r.Score)
		}
	}
}

// The neighbours that cf emits are each item's own, by their cosine.
func TestEmittedNeighbours(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.csv.parquet"), []rating{{1, 10, 1, 1}, {1, 20, 1, 1}, {2, 10, 1, 1}, {2, 20, 1, 1}, {3, 10, 1, 1}, {3, 30, 1, 1}}, 9)
	for _, cut := range []string{"column", "row"} {
		file := filepath.Join(dir, cut+".parquet")
		s := run(t, host.Job{Module: modules(t, "cf"), Params: map[string]string{"neighbours": "2", "cut": cut}, Paths: []string{data}, NoCache: true,
			Out: filepath.Join(dir, "o.parquet"), Emit: []host.Emission{{"neighbours", file}}})
		type row struct {
			Item      int64   `parquet:"item_id"`
			Neighbour int64   `parquet:"neighbour"`
			Score     float32 `parquet:"score"`
			Rank      int32   `parquet:"rank"`
		}
		got, err := parquet.ReadFile[row](file)
		var text []string
		for _, r := range got {
			text = append(text, fmt.Sprintf("%d>%d %.3f #%d", r.Item, r.Neighbour, r.Score, r.Rank))
		}
		want := map[string]string{
			"column": "10>20 0.816 #1, 10>30 0.577 #2, 20>10 0.816 #1, 30>10 0.577 #1",
			"row":    "10>10 1.000 #1, 10>20 0.816 #2, 20>20 1.000 #1, 20>10 0.816 #2, 30>30 1.000 #1, 30>10 0.577 #2",
		}[cut]
		if err != nil || strings.Join(text, ", ") != want {
			t.Errorf("%s: %s, want %s (%v)", cut, strings.Join(text, ", "), want, err)
		}
		if s.Emitted[0].Rows != int64(len(got)) || s.Emitted[0].Name != "neighbours" || s.Emitted[0].Path != file {
			t.Errorf("%+v", s.Emitted)
		}
	}
}

// What is asked for in vain, or cannot be written, is refused before any task
// runs, and what a module emits that is not what it says, before anything is
// written.
func TestEmitsRefused(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	data := write(t, at("d.parquet"), ratings(60, 40, 600), 500)
	cf := host.Job{Module: modules(t, "cf"), Paths: []string{data}, Executor: host.Goroutines, Store: at("store"), Out: at("o.parquet")}
	run(t, cf)
	before, err := os.ReadFile(cf.Out)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file string
		code       fault.Code
		says, hint string
	}{
		{"neigbours", at("n.parquet"), fault.Usage, `cf emits no "neigbours": it emits neighbours`, "did you mean --emit neighbours="},
		{"neighbours", at("n.npy"), fault.Usage, "are lists, which", "n.parquet"},
		{"neighbours", at("n.csv"), fault.Usage, "end in .parquet or .npy", ""},
		{"neighbours", data, fault.Usage, "is an input", ""},
		{"neighbours", cf.Out, fault.Usage, "is the name of the output or its manifest", "name another: --emit"},
		{"neighbours", at("o.manifest.json"), fault.Usage, "end in .parquet", ""},
		{"neighbours", filepath.Join(dir, "none", "n.parquet"), fault.Failed, "the folder does not exist", ""},
	} {
		j := cf
		j.Emit = []host.Emission{{c.name, c.file}}
		_, err := host.Run(context.Background(), j)
		if err == nil || fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%s to %s: %v (hint %s)", c.name, c.file, err, fault.HintOf(err))
		}
	}
	j := cf
	j.Emit = []host.Emission{{"neighbours", at("n.parquet")}, {"neighbours", at("n.parquet")}}
	if _, err := host.Run(context.Background(), j); err == nil || !strings.Contains(err.Error(), "two things would be written to") {
		t.Error(err)
	}

	// Without a plan the rest of a module is still told.
	blind := host.Job{Module: hostile(t), Params: map[string]string{"how": "planpanic"}, Executor: host.Goroutines, Store: at("store")}
	if info, err := host.InspectModule(context.Background(), blind); err != nil || len(info.Imports) == 0 || !strings.Contains(info.EmitsUnknown, "no plan today") {
		t.Errorf("no plan at all: %+v, %v", info, err)
	}

	for how, want := range map[string]string{
		"range": "what the plan emits as gift: item 16: its list has number 39 of 39 items",
		"twice": "what the plan emits as gift: item 16: its list has 10 twice",
		"nan":   "what the plan emits as gift: item 16: the score of 11 is NaN",
		"rows":  "frame gift has 39 rows, and there are 53 users",
		"array": "its values must be gift.item, f32 or f64",
	} {
		j := cf
		j.Shards = 3 // the second goes wrong
		j.Module, j.Params, j.Emit = hostile(t), map[string]string{"emits": how}, []host.Emission{{"gift", at("gift.parquet")}}
		_, err := host.Run(context.Background(), j)
		if err == nil || fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "hostile.wasm: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", how, err, want)
		}
	}
	after, err := os.ReadFile(cf.Out)
	if err != nil || string(before) != string(after) {
		t.Error("the output was changed", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if n := f.Name(); n != "d.parquet" && n != "store" && !strings.HasPrefix(n, "o.") {
			t.Errorf("left behind: %s", n)
		}
	}
}

// verify finds an emitted file that was changed, and makes anew one that is gone.
func TestVerifyEmitted(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	npy := filepath.Join(dir, "v.npy")
	s := run(t, host.Job{Module: modules(t, "als"), Params: map[string]string{"factors": "4", "iterations": "1"}, Paths: []string{data}, Executor: host.Goroutines,
		Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "o.parquet"), Emit: []host.Emission{{"item_factors", npy}}})
	verify := func() *host.Verification {
		t.Helper()
		v, err := host.Verify(context.Background(), host.Check{Manifest: s.Manifest, Executor: host.Goroutines, Store: filepath.Join(dir, "store")})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(); v.Difference != nil || !strings.Contains(strings.Join(v.Checked, "\n"), "v.ids.parquet is that of the run") {
		t.Errorf("%+v", v)
	}
	b, err := os.ReadFile(npy)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(npy, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := verify(); v.Difference == nil || !strings.HasPrefix(v.Difference.What, "emitted file") || !strings.Contains(v.Difference.What, "v.npy") {
		t.Errorf("%+v", v.Difference)
	}
	os.Remove(npy)
	if v := verify(); v.Difference != nil || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "v.npy is not there") {
		t.Errorf("%+v", v)
	}
}

// The page of a module names what it emits, each in the forms that it can be
// written in.
func TestPagesNameWhatIsEmitted(t *testing.T) {
	named := regexp.MustCompile(`\b([a-z_0-9]+)=FILE\.(parquet|npy)`)
	for _, name := range moduleNames(t) {
		info, err := host.InspectModule(context.Background(), host.Job{Module: modules(t, name), Executor: host.Goroutines})
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, e := range info.Emits {
			want = append(want, e.Name+".parquet")
			if e.IDs == "" {
				want = append(want, e.Name+".npy")
			}
		}
		page, err := os.ReadFile(filepath.Join("..", "guest", "modules", name, "page.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(page), -1) {
			got = append(got, m[1]+"."+m[2])
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s/page.md has --emit of %v; the module emits %v", name, got, want)
		}
	}
}
