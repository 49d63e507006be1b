package host

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rechost/host/fault"
	"rechost/host/params"
)

// ModuleChanges is what CompareModules found.
type ModuleChanges struct {
	Old     *ModuleInfo `json:"old"`
	New     *ModuleInfo `json:"new"`
	Changes []Change    `json:"changes"` // what lets the module do more comes first
}

// Change is one thing that differs between two versions of a module.
type Change struct {
	What string `json:"what"`           // column, import, export, memory, parameter, emits, …
	Name string `json:"name,omitempty"` // of the column, import, export, parameter, emission
	Was  string `json:"was,omitempty"`  // "" where the old one has no such thing
	Is   string `json:"is,omitempty"`   // "" where the new one has no such thing
}

// CompareModules tells what changed between two versions of a module. As in
// InspectModule nothing of them runs but their descriptions of themselves, in
// the job's executor; Job.Module is not looked at.
func CompareModules(ctx context.Context, job Job, old, new string) (*ModuleChanges, error) {
	if !job.ModuleSHA256.IsZero() {
		return nil, fault.Use("one digest cannot be that of two modules")
	}
	c := &ModuleChanges{}
	for _, x := range []struct {
		path string
		to   **ModuleInfo
	}{{old, &c.Old}, {new, &c.New}} {
		job.Module = x.path
		info, err := InspectModule(ctx, job)
		if err != nil {
			return nil, err
		}
		*x.to = info
	}
	c.Changes = changes(c.Old, c.New)
	return c, nil
}

// changes compares by name, whatever the order in the files.
func changes(old, new *ModuleInfo) []Change {
	list := []Change{}
	one := func(what, was, is string) {
		if was != is {
			list = append(list, Change{What: what, Was: was, Is: is})
		}
	}
	// by compares texts by the name that key finds in them: first what is new or
	// other, in the new one's order, then what is gone.
	by := func(what string, was, is []string, key func(string) (name, rest string)) {
		before, names := map[string]string{}, []string{}
		for _, x := range was {
			n, rest := key(x)
			if _, ok := before[n]; !ok {
				names = append(names, n)
			}
			before[n] += rest + "; "
		}
		after := map[string]string{}
		for _, x := range is {
			n, rest := key(x)
			if _, ok := before[n]; !ok {
				before[n] = ""
				names = append(names, n)
			}
			after[n] += rest + "; "
		}
		slices.Sort(names)
		text := func(s string) string { return strings.TrimSuffix(s, "; ") }
		for _, gone := range []bool{false, true} {
			for _, n := range names {
				if before[n] != after[n] && (after[n] == "") == gone {
					list = append(list, Change{what, n, text(before[n]), text(after[n])})
				}
			}
		}
	}
	a, b := old.Description, new.Description
	by("column", columnsAsked(old), columnsAsked(new), firstWord)
	by("import", old.Imports, new.Imports, firstWord)
	one("memory at the start", sizeAsked(old.MinMemory), sizeAsked(new.MinMemory))
	one("memory at most", sizeAsked(old.MaxMemory), sizeAsked(new.MaxMemory))
	one("tables", strings.Join(old.Tables, ", "), strings.Join(new.Tables, ", "))
	by("export", old.Exports, new.Exports, firstWord)
	one("ABI", fmt.Sprint(old.ABI), fmt.Sprint(new.ABI))
	one("name", a.Name, b.Name)
	one("version", a.Version, b.Version)
	one("summary", a.Summary, b.Summary)
	one("source", a.Source, b.Source)
	by("parameter", parameters(old), parameters(new), firstWord)
	if old.EmitsUnknown == new.EmitsUnknown {
		by("emits", emits(old), emits(new), firstWord)
	} else {
		one("what it emits", emitsTold(old), emitsTold(new))
	}
	by("help", helps(old), helps(new), firstWord)
	one("size", bytesAsked(old.Size), bytesAsked(new.Size))
	one("code", bytesAsked(old.Code), bytesAsked(new.Code))
	one("functions", fmt.Sprint(old.Functions), fmt.Sprint(new.Functions))
	by("build", old.Build, new.Build, buildKey)
	return list
}

// firstWord takes the name that a text begins with from the rest.
func firstWord(s string) (name, rest string) {
	name, rest, ok := strings.Cut(s, " ")
	if !ok {
		rest = "yes"
	}
	return name, rest
}

// buildKey takes what a line of build information is about from its value:
// "dep golang.org/x/text" from its version, "build -ldflags" from the flags,
// "processed-by Debian clang" from its version, which begins with the first word
// after the tool's first that has a digit.
func buildKey(s string) (name, rest string) {
	words := strings.Split(s, " ")
	if len(words) == 1 {
		return firstWord(s)
	}
	if words[0] == "build" {
		name, rest, _ = strings.Cut(strings.Join(words[1:], " "), "=")
		return "build " + name, rest
	}
	if len(words) == 2 {
		return words[0], words[1]
	}
	version := 2 + slices.IndexFunc(words[2:], func(w string) bool { return strings.ContainsAny(w, "0123456789") })
	if version < 2 { // none has
		version = 2
	}
	return strings.Join(words[:version], " "), strings.Join(words[version:], " ")
}

// columnsAsked lists the columns that a module wants beyond users, items and
// values.
func columnsAsked(m *ModuleInfo) []string {
	var list []string
	for _, c := range m.Description.Needs {
		list = append(list, c+" needed")
	}
	for _, c := range m.Description.Uses {
		if !slices.Contains(m.Description.Needs, c) {
			list = append(list, c+" used where granted")
		}
	}
	return list
}

func parameters(m *ModuleInfo) []string {
	var list []string
	for _, p := range m.Description.Parameters {
		text := p.Name + " " + p.Type + ", default " + params.DefaultText(p.Default)
		if r := params.RangeText(p); r != "" {
			text += ", " + r
		}
		list = append(list, text)
	}
	return list
}

// emits lists what a module offers beside recommendations.
func emits(m *ModuleInfo) []string {
	var list []string
	for _, e := range m.Emits {
		list = append(list, e.Name+" "+EmitText(e)+": "+e.Help)
	}
	return list
}

// emitsTold is for a version whose plan, and so what it emits, is not known.
func emitsTold(m *ModuleInfo) string {
	if m.EmitsUnknown != "" {
		return "cannot be told: " + m.EmitsUnknown
	}
	if len(m.Emits) == 0 {
		return "nothing"
	}
	return strings.Join(emits(m), "; ")
}

func helps(m *ModuleInfo) []string {
	var list []string
	for _, p := range m.Description.Parameters {
		if p.Help != "" {
			list = append(list, p.Name+" "+p.Help)
		}
	}
	return list
}

func bytesAsked(n int64) string { return fmt.Sprintf("%d bytes", n) }

// sizeAsked is a bound on memory, or "" where there is none.
func sizeAsked(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
