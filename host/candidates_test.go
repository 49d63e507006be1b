package host_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rechost/host"
	"rechost/host/executor"
	"rechost/host/fault"
	"rechost/host/recs"
)

// ranked is a list of a file of recommendations for each user: item and score.
func ranked(t *testing.T, file string) map[string][]string {
	t.Helper()
	r, err := recs.Read(context.Background(), file, recs.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][]string{}
	for u := range r.Lists.Users {
		for e := r.Lists.Offsets[u]; e < r.Lists.Offsets[u+1]; e++ {
			m[r.Users.Text(u)] = append(m[r.Users.Text(u)], fmt.Sprintf("%s %x", r.Items.Text(int(r.Lists.Items[e])), r.Lists.Scores[e]))
		}
	}
	return m
}

// With candidates every module gives what is left of its whole ranking when
// everything else is taken out of it, whatever runs it.
func TestCandidates(t *testing.T) {
	const users, items, top = 80, 60, 5
	dir := t.TempDir()
	rows := ratings(users, items, 1500)
	data := write(t, filepath.Join(dir, "d.parquet"), rows, 500)
	of := map[string]map[string]bool{} // some of each user's; every seventh user has none
	var csv strings.Builder
	csv.WriteString("user,item\nnobody,12\n")
	seen := map[string]bool{}
	for u := range int64(users) {
		user := fmt.Sprint(1000 + u*17)
		of[user] = map[string]bool{}
		for i := u % 3; i < items && u%7 != 0; i += 1 + (u*u+i)%9 {
			of[user][fmt.Sprint(10+i)] = true
			fmt.Fprintf(&csv, "%s,%d\n", user, 10+i)
		}
	}
	for _, r := range rows {
		seen[fmt.Sprint(r.user, " ", r.item)] = true
	}
	each, all := filepath.Join(dir, "each.csv"), filepath.Join(dir, "all.txt")
	chosen := map[string]bool{"10": true, "11": true, "14": true, "40": true}
	for name, text := range map[string]string{each: csv.String(), all: "10\n14\n11\n40\n777\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range moduleNames(t) {
		t.Run(name, func(t *testing.T) {
			j := host.Job{Module: modules(t, name), Paths: []string{data}, Shards: 3, Executor: host.Goroutines, Store: filepath.Join(dir, "store-"+name)}
			if name == "als" || name == "bpr" {
				j.Params = map[string]string{"factors": "8", "iterations": "2"}
			}
			for _, keep := range []bool{false, true} {
				j.KeepSeen = keep
				whole := j
				whole.Candidates, whole.Top, whole.KeepSeen, whole.Out = "", items, true, filepath.Join(dir, name+"-whole.parquet")
				run(t, whole)
				ranking := ranked(t, whole.Out)
				for what, file := range map[string]string{"each": each, "all": all} {
					j.Candidates, j.Top, j.Out = file, top, filepath.Join(dir, name+"-"+what+".parquet")
					s := run(t, j)
					got := ranked(t, j.Out)
					listed := 0
					for user, list := range ranking {
						var want []string
						for _, x := range list {
							item, _, _ := strings.Cut(x, " ")
							if (what == "each" && of[user][item] || what == "all" && chosen[item]) && (keep || !seen[user+" "+item]) && len(want) < top {
								want = append(want, x)
							}
						}
						listed += len(want)
						if fmt.Sprint(got[user]) != fmt.Sprint(want) {
							t.Fatalf("%s, keep seen %v, user %s: %v, want %v", what, keep, user, got[user], want)
						}
					}
					if c := s.Candidates; listed == 0 || int64(listed) != s.Output.Rows || c.ForAll != (what == "all") || c.Unknown == 0 || len(s.Notes) == 0 {
						t.Errorf("%s: %d in lists, %+v, %+v, notes %q", what, listed, s.Output, c, s.Notes)
					}
				}
			}
			if testing.Short() || !executor.HasProcesses {
				return
			}
			j.KeepSeen, j.Candidates = false, each
			want := run(t, j)
			for _, workers := range []int{1, 2, 7} {
				j.Executor, j.Workers, j.Salt = host.Processes, workers, fmt.Sprint(workers)
				if s := run(t, j); s.Output.Digest != want.Output.Digest || s.Reused != 0 {
					t.Errorf("%d worker processes: %s, want %s; %d tasks reused", workers, s.Output.Digest.Short(), want.Output.Digest.Short(), s.Reused)
				}
			}
		})
	}
}

// Candidates are part of what a run is: of its manifest, of the tasks that
// read them, of what verify needs.
func TestCandidatesInTheRecord(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 900), 500)
	file, users := filepath.Join(dir, "c.csv"), filepath.Join(dir, "u.txt")
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(file, "item_id,user_id\n10,1000\n11,1000\n13,1017\n12,1017\n")
	put(users, "1017\n1034\n")
	j := host.Job{Module: modules(t, "cf"), Paths: []string{data}, Candidates: file, ForUsers: users, KeepSeen: true, Shards: 2,
		Store: filepath.Join(dir, "store"), Out: filepath.Join(dir, "o.parquet")}
	s := run(t, j)
	for user, list := range ranked(t, j.Out) {
		if user != "1017" || len(list) > 2 {
			t.Errorf("user %s is recommended %v", user, list)
		}
	}
	if s.Candidates.Without != 1 || s.Targets != 2 {
		t.Errorf("%+v for %d targets", s.Candidates, s.Targets)
	}
	if again := run(t, j); again.Reused != again.Tasks {
		t.Errorf("again: %d of %d tasks reused", again.Reused, again.Tasks)
	}
	v, err := host.Verify(context.Background(), host.Check{Manifest: s.Manifest})
	if err != nil || v.Difference != nil {
		t.Fatalf("%v: %+v", err, v)
	}
	if v, err = host.Verify(context.Background(), host.Check{Manifest: s.Manifest, Sample: 0.3, Store: j.Store}); err != nil || v.Difference != nil || v.Rerun == 0 {
		t.Fatalf("a sample: %v: %+v", err, v)
	}
	put(file, "item_id,user_id\n10,1000\n11,1000\n13,1017\n")
	v, err = host.Verify(context.Background(), host.Check{Manifest: s.Manifest})
	if err != nil || v.Difference == nil || !strings.Contains(v.Difference.What, "file of candidates") {
		t.Errorf("a file that was changed: %v, %+v", err, v)
	}
	// Only the lists are made anew: what is learned does not rest on candidates.
	if other := run(t, j); other.Tasks-other.Reused != 2 {
		t.Errorf("%d of %d tasks reused after a change of the candidates of two shards", other.Reused, other.Tasks)
	}
	os.Remove(file)
	if _, err = host.Verify(context.Background(), host.Check{Manifest: s.Manifest}); fault.CodeOf(err) != fault.Failed {
		t.Errorf("a file that is gone: %v", err)
	}
	put(file, "item\n10\n")
	j.Out = file
	if _, err := host.Run(context.Background(), j); fault.CodeOf(err) != fault.Usage {
		t.Errorf("an output over the candidates: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, []byte("item\n10\n")) {
		t.Errorf("the candidates are now %q, %v", b, err)
	}
}

// A module that does not know of candidates, or does not keep to them, is
// refused.
func TestCandidatesAgainstTheModule(t *testing.T) {
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(60, 40, 600), 500)
	file := filepath.Join(dir, "c.txt")
	if err := os.WriteFile(file, []byte("30\n31\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for how, want := range map[string]string{
		"nothing": "stage lists, shard 1 of 3: recommendations for user 1000: item 10 at rank 1 is none of the user's candidates",
		"blind":   "the plan's stage lists makes the lists without reading candidates: the module cannot rank candidates only",
	} {
		j := host.Job{Module: hostile(t), Params: map[string]string{"how": how}, Paths: []string{data}, Candidates: file, KeepSeen: true, Shards: 3, Top: 5,
			Executor: host.Goroutines, NoCache: true, Out: filepath.Join(dir, "o.parquet")}
		_, err := host.Run(context.Background(), j)
		if err == nil || fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", how, err)
		}
		if _, err := os.Stat(j.Out); !os.IsNotExist(err) {
			t.Errorf("%s: there is an output", how)
		}
	}
}
