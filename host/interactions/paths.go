package interactions

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rechost/host/fault"
)

// maxFolders is how deep folders are followed, links included.
const maxFolders = 64

// expand finds the files that paths mean: sorted bytewise, each once.
func expand(paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, fault.Use("no input: name Parquet files, folders or patterns").
			WithHint("rechost datasets synth ratings.parquet makes a file to try")
	}
	var all []string
	for _, p := range paths {
		found, err := expandOne(p)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func expandOne(p string) ([]string, error) {
	st, err := os.Stat(p)
	switch {
	case err == nil && st.IsDir():
		var found []string
		if err := walk(p, 0, &found); err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fault.Data("%s: no file in this folder ends in .parquet (names that begin with _ or . do not count)", p).
				WithHint("files of other names are named themselves, or by a pattern such as '%s'", filepath.Join(p, "*.pq"))
		}
		return found, nil
	case err == nil:
		if st.Size() == 0 {
			return nil, emptyFault(p)
		}
		return []string{filepath.Clean(p)}, nil
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(p, "*?["):
		return nil, fault.File(p, err)
	}
	if slices.Contains(strings.Split(filepath.ToSlash(p), "/"), "**") {
		above, _, _ := strings.Cut(p, "**") // Glob would take it for one folder, and leave out what lies deeper
		return nil, fault.Use("%s: patterns have no **, for folders of any depth", p).
			WithHint("name a folder, it is searched to the bottom: %s", filepath.Dir(above+"x"))
	}
	matches, err := filepath.Glob(p)
	if err != nil {
		return nil, fault.Use("%s: a malformed pattern: %v", p, err)
	}
	var found []string
	for _, m := range matches {
		if matchesHidden(p, m) {
			continue
		}
		st, err := os.Stat(m)
		switch {
		case err != nil:
			return nil, fault.File(m, err)
		case st.IsDir():
			if err := walk(m, 0, &found); err != nil {
				return nil, err
			}
		case st.Size() == 0:
			return nil, emptyFault(m)
		default:
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Failed, "%s: nothing matches this pattern", p)
	}
	return found, nil
}

// emptyFault is about a file without a byte: the trace of a writer that failed,
// which must not pass for a part without rows.
func emptyFault(p string) error {
	return fault.Data("%s: the file is empty", p).WithHint("was it cut off while it was copied? remove it, or give it a name that begins with _")
}

func isHidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") }

// matchesHidden reports whether a path that matches a pattern goes through a
// hidden name which the pattern does not ask for: * is no _temporary.
func matchesHidden(pattern, path string) bool {
	asked := strings.Split(filepath.ToSlash(filepath.Clean(pattern)), "/")
	names := strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	for i, n := range names {
		if isHidden(n) && (i >= len(asked) || !isHidden(asked[i])) {
			return true
		}
	}
	return false
}

// walk adds the Parquet files below a folder, following links.
func walk(dir string, depth int, found *[]string) error {
	if depth > maxFolders {
		return fault.Data("%s: folders nested deeper than %d, or a link that leads back", dir, maxFolders)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.File(dir, err)
	}
	for _, e := range entries {
		if isHidden(e.Name()) {
			continue
		}
		p := filepath.Join(dir, e.Name())
		parquet := strings.EqualFold(filepath.Ext(p), ".parquet")
		st, err := os.Stat(p)
		switch {
		case err != nil && e.Type()&fs.ModeSymlink != 0 && !parquet: // a dangling link to something else
		case err != nil:
			return fault.File(p, err)
		case st.IsDir():
			if err := walk(p, depth+1, found); err != nil {
				return err
			}
		case parquet && st.Size() == 0:
			return emptyFault(p)
		case parquet:
			*found = append(*found, p)
		}
	}
	return nil
}

// hiveNull is how the name of a folder says null.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// hive is a column that the names of folders give, key=value.
type hive struct {
	name, value string
	null        bool
}

// hiveOf reads the folders of a path. Values are percent-decoded; one that
// is not validly encoded stands for itself.
func hiveOf(path string) []hive {
	var out []hive
	dir := filepath.ToSlash(filepath.Dir(path))
	for _, c := range strings.Split(dir, "/") {
		k, v, ok := strings.Cut(c, "=")
		if !ok || k == "" {
			continue
		}
		if d, err := url.PathUnescape(v); err == nil {
			v = d
		}
		if d, err := url.PathUnescape(k); err == nil {
			k = d
		}
		h := hive{name: k, value: v, null: v == hiveNull}
		if i := slices.IndexFunc(out, func(x hive) bool { return x.name == k }); i >= 0 {
			out[i] = h // the innermost folder
			continue
		}
		out = append(out, h)
	}
	return out
}
