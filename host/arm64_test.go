package host_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"rechost/host"
)

// The digest is the same on arm64, here emulated by qemu-user. The emulator
// cannot start a worker of a foreign architecture, and knows neither seccomp
// nor Landlock, so the module runs in goroutines.
func TestSameBytesOnARM64(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped under -short: emulation is slow")
	}
	if runtime.GOARCH == "arm64" || runtime.GOOS != "linux" {
		t.Skipf("skipped: this is %s/%s; the test compares emulated linux/arm64 with another architecture", runtime.GOOS, runtime.GOARCH)
	}
	qemu := os.Getenv("RECHOST_QEMU")
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil && qemu == "" {
			qemu = path
		}
	}
	if qemu == "" {
		t.Skip("skipped: there is no qemu-aarch64 on this machine; Debian's package is qemu-user-static, RECHOST_QEMU names another")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "rechost-arm64")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "rechost/cli/rechost")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building for arm64: %v\n%s", err, b)
	}
	data := write(t, filepath.Join(dir, "d.parquet"), ratings(120, 60, 2500), 400)
	for _, c := range smallCases {
		j := host.Job{Module: modules(t, c.module), Params: c.params, Paths: []string{data}, Shards: 3, NoCache: true, Out: filepath.Join(dir, "native.parquet")}
		args := []string{bin, "run", "--module", j.Module, "--shards", "3", "--executor", "goroutines", "--store", filepath.Join(dir, "store"), "--quiet", "--json", "--out", filepath.Join(dir, "arm64.parquet")}
		for name, value := range c.params {
			args = append(args, "--param", name+"="+value)
		}
		want := run(t, j)
		out, err := exec.Command(qemu, append(args, data)...).Output()
		if err != nil {
			t.Fatalf("%s on arm64: %v: %s", c.module, err, stderr(err))
		}
		var got host.Summary
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s on arm64: %v in %q", c.module, err, out)
		}
		if got.Output.Digest != want.Output.Digest {
			t.Errorf("%s: digest on arm64 %s, on %s %s", c.module, got.Output.Digest, runtime.GOARCH, want.Output.Digest)
		}
	}
}

func stderr(err error) string {
	if x, ok := err.(*exec.ExitError); ok {
		return string(x.Stderr)
	}
	return ""
}
