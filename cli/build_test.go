package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build.sh fuzz takes the one failure that is none for none, and nothing else.
func TestFuzzVerdicts(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("skipped: build.sh needs bash")
	}
	line := "fuzz: elapsed: 3s, execs: 40304 (13431/sec), new interesting: 104 (total: 108)\n"
	idle := "fuzz: elapsed: 6s, execs: 40304 (0/sec), new interesting: 104 (total: 108)\n"
	for name, c := range map[string]struct{ log, want string }{
		"time is up":          {line + idle + "--- FAIL: FuzzX (20.10s)\n    context deadline exceeded\nFAIL\n", "ok going"},
		"time is up, go test": {line + "--- FAIL: FuzzX (20.10s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\trechost/x\t20.1s\n", "ok going"},
		"a finding": {line + "--- FAIL: FuzzX (2.10s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:9: wrong\n    \n" +
			"    Failing input written to testdata/fuzz/FuzzX/0a\n    To re-run:\n    go test -run=FuzzX/0a\nFAIL\n", "failed going"},
		"a finding that says so itself": {line + "--- FAIL: FuzzX (2.10s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:9: context deadline exceeded\n    \n" +
			"    Failing input written to testdata/fuzz/FuzzX/0a\nFAIL\n", "failed going"},
		"a finding cut short": {line + "fuzz: minimizing 30-byte failing input file\n--- FAIL: FuzzX (20.10s)\n    context deadline exceeded\nFAIL\n", "failed going"},
		"a seed":              {"failure while testing seed corpus entry: FuzzX/seed#0\n--- FAIL: FuzzX (0.10s)\n    context deadline exceeded\nFAIL\n", "failed going"},
		"a process that died": {line + "--- FAIL: FuzzX (2.10s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\nFAIL\n", "failed going"},
		"a panic outside":     {"panic: x\n", "failed going"},
		"nothing":             {"", "failed going"},
		"stuck":               {line + strings.Repeat(idle, 5) + "PASS\n", "failed stuck"},
		"busy again":          {line + strings.Repeat(idle, 5) + line + "PASS\n", "failed going"},
	} {
		log := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(log, []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(bash, "-c", `source ../build.sh help >/dev/null; judge "$1"; if stuck "$1"; then echo stuck; else echo going; fi`, "bash", log).CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != c.want {
			t.Errorf("%s: %q, want %q; %v", name, got, c.want, err)
		}
	}
}
