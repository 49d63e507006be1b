package host_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"rechost/host"
)

// A module compiled for this machine, with the host's kernels and no sandbox
// around it, gives the bytes that it gives in the sandbox: what ./build.sh bench
// compares is the same work. testdata/native says how such a program is made.
func TestSameBytesWithoutASandbox(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: builds a program for every module")
	}
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(150, 70, 3000), 1000)
	bin := map[string]string{}
	for _, name := range moduleNames(t) {
		bin[name] = filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-overlay", "host/testdata/native/overlay.json", "-ldflags=-s -w", "-o", bin[name], "./guest/modules/"+name)
		cmd.Dir = ".." // the overlay's paths are seen from there
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s for this machine: %v\n%s", name, err, b)
		}
	}
	for _, c := range smallCases {
		for _, shards := range []string{"1", "3"} { // one task may use several threads
			args := []string{"run", "--module", modules(t, c.module), "--shards", shards, "--workers", "2", "--executor", host.Goroutines,
				"--store", filepath.Join(dir, "store"), "--quiet", "--json", "--out", filepath.Join(dir, "native.parquet"), data}
			for name, value := range c.params {
				args = append(args, "--param", name+"="+value)
			}
			out, err := exec.Command(bin[c.module], args...).Output()
			if err != nil {
				t.Fatalf("%s on this machine: %v: %s", c.module, err, stderr(err))
			}
			var got host.Summary
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%s on this machine: %v in %q", c.module, err, out)
			}
			j := host.Job{Module: modules(t, c.module), Params: c.params, Paths: []string{data}, Shards: int(shards[0] - '0'),
				Store: filepath.Join(dir, "store"), Salt: "sandbox", Out: filepath.Join(dir, "sandbox.parquet")}
			want := run(t, j)
			if len(got.Walls) != 1 || len(want.Walls) < 2 {
				t.Fatalf("%s: walls %q without a sandbox, %q with one", c.module, got.Walls, want.Walls)
			}
			if got.Output.Digest != want.Output.Digest {
				t.Errorf("%s %v in %s shards: digest %s, in the sandbox %s", c.module, c.params, shards, got.Output.Digest, want.Output.Digest)
			}
		}
	}
}
