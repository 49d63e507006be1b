package cli

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// owners are the packages that a heavy dependency may be imported by.
var owners = map[string][]string{
	"github.com/tetratelabs/wazero":    {"host/sandbox"},
	"github.com/parquet-go/parquet-go": {"host/table"},
	"github.com/urfave/cli/v2":         {"cli"},
	"github.com/vbauerster/mpb/v8":     {"cli"},
}

// TestArrows holds the drawing of the packages in README.md against the
// imports in the files, and the rules of the layout against both.
func TestArrows(t *testing.T) {
	imports := map[string][]string{} // package -> packages of this module
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "bin" || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(name)), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(name))
		if f.Name.Name == "main" && !strings.HasPrefix(pkg, "guest/modules/") && pkg != "cli/rechost" {
			return nil // generators
		}
		if imports[pkg] == nil {
			imports[pkg] = []string{}
		}
		for _, im := range f.Imports {
			path, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(path, "rechost/"); ok {
				if !slices.Contains(imports[pkg], own) {
					imports[pkg] = append(imports[pkg], own)
				}
				continue
			}
			for dep, by := range owners {
				if (path == dep || strings.HasPrefix(path, dep+"/")) && !slices.Contains(by, pkg) {
					t.Errorf("%s imports %s, which only %s may", name, path, strings.Join(by, ", "))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg, to := range imports {
		for _, im := range to {
			if side(pkg) == "guest" && side(im) != "guest" || side(pkg) == "host" && side(im) != "host" && !sharedWithHost(im) {
				t.Errorf("%s imports %s, which is behind it", pkg, im)
			}
		}
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- arrows -->\n```text\n", "```\n"
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("README.md has no drawing between %q and %q", begin, end)
	}
	compareReadme(t, text, []byte(before+begin+draw(imports)+end+after))
}

// side is the top folder of a package.
func side(pkg string) string {
	top, _, _ := strings.Cut(pkg, "/")
	return top
}

// sharedWithHost are the parts of guest/ that both sides speak: the contract,
// and the kernels' meaning.
func sharedWithHost(pkg string) bool {
	return regexp.MustCompile(`^guest/(abi|num/naive)$`).MatchString(pkg)
}

// draw lists the packages from the top down: each stands above what it imports.
func draw(imports map[string][]string) string {
	height := map[string]int{}
	var measure func(pkg string) int
	measure = func(pkg string) int {
		if h, ok := height[pkg]; ok {
			return h
		}
		h := 0
		for _, im := range imports[pkg] {
			h = max(h, measure(im)+1)
		}
		height[pkg] = h
		return h
	}
	var pkgs []string
	width := 0
	for pkg := range imports {
		measure(pkg)
		pkgs = append(pkgs, pkg)
		width = max(width, len(pkg))
	}
	slices.SortFunc(pkgs, func(a, b string) int {
		if height[a] != height[b] {
			return height[b] - height[a]
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, pkg := range pkgs {
		to := slices.Sorted(slices.Values(imports[pkg]))
		if len(to) == 0 {
			fmt.Fprintf(&b, "%s\n", pkg)
			continue
		}
		for i, line := range wrap(strings.Join(to, " "), 88) {
			if i == 0 {
				fmt.Fprintf(&b, "%-*s ─> %s\n", width, pkg, line)
			} else {
				fmt.Fprintf(&b, "%-*s    %s\n", width, "", line)
			}
		}
	}
	return b.String()
}
