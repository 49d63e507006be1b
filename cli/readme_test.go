package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rechost/host"
	"rechost/host/params"
)

const readme = "../README.md"

// durations differ from run to run and from machine to machine.
var durations = regexp.MustCompile(`\b[0-9]+(\.[0-9]+)? s\b`)

// moduleDigests differ between versions of Go, which the modules are built with.
var moduleDigests = regexp.MustCompile(`\([0-9a-f]{12}\)`)

// TestReadme runs the commands of README.md's console blocks in order, in one
// folder that has bin/modules and rechost on its PATH, and holds what they print
// against what stands there. A block is rewritten by -update, never by hand.
func TestReadme(t *testing.T) {
	dir := needModules(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("skipped: the session needs bash")
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	if err := os.Mkdir(filepath.Join(work, "bin"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(work, "bin", "modules")); err != nil {
		t.Skipf("skipped: no symbolic links here: %v", err)
	}
	store, err := sharedStore()
	if err != nil {
		t.Fatal(err)
	}
	blocks, commands := 0, 0
	block := regexp.MustCompile("(?s)```console\n(.*?)```")
	got := block.ReplaceAllFunc(text, func(b []byte) []byte {
		blocks++
		var out strings.Builder
		out.WriteString("```console\n")
		for _, line := range strings.Split(string(b), "\n") {
			command, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			commands++
			cmd := exec.Command(bash, "-c", command)
			cmd.Dir = work
			cmd.Env = append(os.Environ(), "RECHOST_STORE="+store, "COLUMNS=")
			var both bytes.Buffer
			cmd.Stdout, cmd.Stderr = &both, &both
			err := cmd.Run()
			if _, exited := err.(*exec.ExitError); err != nil && !exited {
				t.Fatalf("%s: %v", command, err)
			}
			out.WriteString("$ " + command + "\n" + steady(both.String()))
		}
		out.WriteString("```")
		return []byte(out.String())
	})
	if blocks == 0 || commands < 5 {
		t.Fatalf("%d blocks with %d commands: the session is gone", blocks, commands)
	}
	compareReadme(t, text, got)
}

// steady takes out of a command's output what is not the same everywhere.
func steady(s string) string {
	return moduleDigests.ReplaceAllString(durations.ReplaceAllString(s, "0.10 s"), "(…)")
}

// TestReadmeTables holds the tables of README.md against what they are about:
// the modules' own descriptions, the exit codes.
func TestReadmeTables(t *testing.T) {
	dir := needModules(t)
	store, err := sharedStore()
	if err != nil {
		t.Fatal(err)
	}
	var modules, others strings.Builder
	built, err := filepath.Glob(filepath.Join(dir, "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range built {
		name := strings.TrimSuffix(filepath.Base(file), ".wasm")
		if name == "popular" || name == "cf" || name == "als" {
			continue
		}
		m, err := host.InspectModule(t.Context(), host.Job{Module: file, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&others, "| [%s](guest/modules/%s/page.md) | %s |\n", m.Name, name, m.Description.Summary)
	}
	for _, name := range []string{"popular", "cf", "als"} {
		m, err := host.InspectModule(t.Context(), host.Job{Module: filepath.Join(dir, name+".wasm"), Store: store})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&modules, "\n**%s**: %s.\n\n| parameter | default | may be | |\n| --- | --- | --- | --- |\n", m.Name, m.Description.Summary)
		for _, p := range m.Description.Parameters {
			may := params.RangeText(p)
			if len(p.Choices) > 0 {
				may = strings.Join(p.Choices, ", ")
			}
			fmt.Fprintf(&modules, "| `%s` | %s | %s | %s |\n", p.Name, params.DefaultText(p.Default), may, p.Help)
		}
	}
	modules.WriteString("\nThe others, each with its parameters on a page of its own:\n\n| module | |\n| --- | --- |\n" + others.String())
	codes := "\n| code | |\n| --- | --- |\n"
	for _, x := range exitCodes {
		codes += fmt.Sprintf("| %d | %s |\n", x.code, x.meaning)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, x := range []struct{ mark, table string }{{"<!-- modules -->\n", modules.String()}, {"<!-- codes -->\n", codes}} {
		const end = "<!-- end -->\n"
		before, rest, ok1 := strings.Cut(got, x.mark)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("README.md has no table between %q and %q", x.mark, end)
		}
		got = before + x.mark + x.table + "\n" + end + after
	}
	compareReadme(t, text, []byte(got))
}

// compareReadme fails, or updates the file, where got is not what it has.
func compareReadme(t *testing.T, text, got []byte) {
	t.Helper()
	if bytes.Equal(text, got) {
		return
	}
	if *update {
		if err := os.WriteFile(readme, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, is := strings.Split(string(text), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(want), len(is)) {
		a, b := "", ""
		if i < len(want) {
			a = want[i]
		}
		if i < len(is) {
			b = is[i]
		}
		if a != b {
			t.Fatalf("README.md, line %d, says\n\t%s\nbut it is\n\t%s\ngo test ./cli -run %s -update rewrites it", i+1, a, b, t.Name())
		}
	}
}
