package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"rechost/host/executor"
)

// system describes this machine as far as the sandbox depends on it.
func system(store string) []Fact {
	facts := []Fact{
		{Name: "system", Value: runtime.GOOS + "/" + runtime.GOARCH},
		{Name: "Go", Value: runtime.Version()},
		{Name: "GOMAXPROCS", Value: fmt.Sprintf("%d of %d processors", runtime.GOMAXPROCS(0), runtime.NumCPU())},
		{Name: "user", Value: userText()},
	}
	facts = append(facts, kernel()...)
	if !executor.HasProcesses {
		facts = append(facts, Fact{Name: "worker processes", Value: "none", Means: noProcesses})
	}
	if store != "" {
		facts = append(facts, folders(store)...)
	}
	return facts
}

func userText() string {
	switch id := os.Geteuid(); id {
	case -1:
		return "no number here"
	case 0:
		return "root"
	default:
		return fmt.Sprintf("uid %d", id)
	}
}

// folders are the modes of the store and what lies in it: others must be able
// neither to change arrays that are mapped into guests nor to put code there.
func folders(store string) (facts []Fact) {
	names := []string{store}
	for _, sub := range []string{"arrays", "blobs", "modules", "tmp"} {
		names = append(names, filepath.Join(store, sub))
	}
	inside, _ := filepath.Glob(filepath.Join(store, "modules", "*", "*"))
	names = append(names, inside...)
	good := 0
	for _, name := range names {
		fi, err := os.Lstat(name)
		switch {
		case os.IsNotExist(err):
		case err != nil:
			facts = append(facts, Fact{Name: "folder " + name, Value: err.Error(), Means: "its modes cannot be read"})
		case runtime.GOOS != "windows" && (!fi.IsDir() || fi.Mode().Perm()&0o077 != 0):
			facts = append(facts, Fact{Name: "folder " + name, Value: fi.Mode().String(),
				Means: "others can reach it: chmod 700 " + name})
		default:
			good++
		}
	}
	value := fmt.Sprintf("%s: %d folders, mode 0700", store, good)
	if runtime.GOOS == "windows" {
		value = fmt.Sprintf("%s: %d folders; their rights are not looked at here", store, good)
	}
	if good == 0 && len(facts) == 0 {
		value = store + ": not made yet"
	}
	return append([]Fact{{Name: "store", Value: value}}, facts...)
}
