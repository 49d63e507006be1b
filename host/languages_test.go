package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rechost/host"
)

// compilers build the examples in other languages. Each is tried by what find
// gives: the command, or what to install.
var compilers = []struct {
	name, source string
	find         func() (command []string, missing string)
	args         []string
}{
	{"clang", "popular.c", findClang, []string{"--target=wasm32", "-mbulk-memory", "-O3", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-Wl,--no-entry"}},
	{"zig cc", "popular.c", findZig, []string{"--target=wasm32-freestanding", "-O3", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-Wl,--no-entry"}},
	{"rustc", "popular.rs", findRust, []string{"--edition", "2021", "--target", "wasm32-unknown-unknown", "--crate-type", "cdylib", "-O", "-D", "warnings", "-C", "strip=symbols"}},
}

func findClang() ([]string, string) {
	const missing = "install a clang that compiles to WebAssembly, and its linker: apt-get install clang lld"
	targets, err := exec.Command("clang", "--print-targets").Output()
	if err != nil || !strings.Contains(string(targets), "wasm32") {
		return nil, missing
	}
	linker, err := exec.Command("clang", "--target=wasm32", "-print-prog-name=wasm-ld").Output()
	if err != nil {
		return nil, missing
	}
	if _, err := exec.LookPath(strings.TrimSpace(string(linker))); err != nil {
		return nil, missing
	}
	return []string{"clang"}, ""
}

func findZig() ([]string, string) {
	for _, c := range [][]string{{"zig"}, {"python3", "-m", "ziglang"}} {
		if exec.Command(c[0], append(c[1:], "version")...).Run() == nil {
			return append(c, "cc"), ""
		}
	}
	return nil, "install zig: pip install ziglang"
}

// findRust looks beyond the first rustc, which may be one of rustup's without
// the target while the system's has it.
func findRust() ([]string, string) {
	for _, c := range []string{"rustc", "/usr/bin/rustc"} {
		dir, err := exec.Command(c, "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
		if err != nil {
			continue
		}
		if std, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "libstd-*.rlib")); len(std) > 0 {
			return []string{c}, ""
		}
	}
	return nil, "install Rust's library for WebAssembly: rustup target add wasm32-unknown-unknown, or apt-get install rustc libstd-rust-dev-wasm32 lld"
}

// movielens reads the ratings of MovieLens 100K.
func movielens(t *testing.T) (rows []rating) {
	b, err := os.ReadFile(filepath.Join(dataDir(t, "ml-100k"), "u.data"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var r rating
		if _, err := fmt.Sscan(line, &r.user, &r.item, &r.value, &r.time); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 100_000 {
		t.Fatalf("%d ratings", len(rows))
	}
	return rows
}

// An algorithm written in another language against guest/abi alone gives the
// bytes that it gives in Go, whatever the compiler and what is asked for.
func TestOtherLanguages(t *testing.T) {
	dir := t.TempDir()
	small := write(t, filepath.Join(dir, "small.parquet"), ratings(300, 120, 4000), 1000)
	each, all := filepath.Join(dir, "each.csv"), filepath.Join(dir, "all.txt")
	var csv strings.Builder
	csv.WriteString("user,item\n")
	for u := range 300 {
		for i := u % 3; i < 120 && u%7 != 0; i += 1 + (u*u+i)%9 {
			fmt.Fprintf(&csv, "%d,%d\n", 1000+u*17, 10+i)
		}
	}
	for name, text := range map[string]string{each: csv.String(), all: "10\n14\n11\n40\n777\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]host.Job{
		"plain":                {},
		"seen, shards":         {KeepSeen: true, Shards: 5, Top: 7},
		"candidates each":      {Candidates: each, Shards: 3},
		"candidates all, seen": {Candidates: all, KeepSeen: true, Shards: 2, Top: 3},
		"longer than there is": {Top: 500},
	}
	for _, c := range compilers {
		t.Run(c.name, func(t *testing.T) {
			command, missing := c.find()
			if missing != "" {
				t.Skip(missing)
			}
			built := filepath.Join(t.TempDir(), "popular.wasm")
			args := append(append(append(command[1:], c.args...), "-o", built), filepath.Join("..", "guest", "examples", c.source))
			if b, err := exec.Command(command[0], args...).CombinedOutput(); err != nil {
				t.Fatalf("%s %q: %v\n%s", command[0], args, err, b)
			}
			same := func(t *testing.T, j host.Job, data string) {
				j.Paths, j.Executor = []string{data}, host.Goroutines
				j.Store, j.Out = filepath.Join(dir, "store"), filepath.Join(t.TempDir(), "out.parquet")
				j.Module = modules(t, "popular")
				want := run(t, j).Output.Digest
				j.Module = built
				if got := run(t, j).Output.Digest; got != want {
					t.Errorf("gives %v, in Go %v", got, want)
				}
			}
			for name, j := range cases {
				t.Run(name, func(t *testing.T) { same(t, j, small) })
			}
			t.Run("MovieLens 100K", func(t *testing.T) {
				same(t, host.Job{}, write(t, filepath.Join(t.TempDir(), "ml.parquet"), movielens(t), 30_000))
			})
		})
	}
}
