package guesttest

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Digest is a SHA-256 of frames: names, shapes and every bit.
func Digest(frames map[string]Frame) string {
	h := sha256.New()
	for _, name := range sorted(frames) {
		f := frames[name]
		for _, n := range sorted(f.Arrays) {
			a := f.Arrays[n]
			fmt.Fprintf(h, "%s.%s %s %d %d\n", name, n, a.DType(), a.Len(), a.Width)
			h.Write(a.Bytes())
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Bits holds a runner to a file of digests that a module gave before, as plain
// Go and elsewhere. Each line is a matrix, a number of shards, the digest of
// all frames and the parameters:
//
//	noisy 3 0c5f…2a {"similarity":"bm25"}
//
// With RECHOST_UPDATE set it writes the digests that it finds instead: do so
// where a module's results change on purpose.
func Bits(t *testing.T, run Runner, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for s := bufio.NewScanner(strings.NewReader(string(b))); s.Scan(); {
		line := s.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			fmt.Fprintln(&out, line)
			continue
		}
		w := strings.SplitN(line, " ", 4)
		x, ok := map[string]*Matrix{"noisy": Noisy(41, 53), "checkerboard": Checkerboard(16), "timed": Timed(41, 53)}[w[0]]
		if len(w) != 4 || !ok {
			t.Fatalf("%s: no line of digests: %q", file, line)
		}
		o := Options{Seed: 5, Params: map[string]any{}}
		if _, err := fmt.Sscan(w[1], &o.Shards); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(w[3]), &o.Params); err != nil {
			t.Fatal(err)
		}
		r, err := Drive(run, x, o)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := Digest(r.Frames)
		if got != w[2] && os.Getenv("RECHOST_UPDATE") == "" {
			t.Errorf("%s: other bits, of digest %s", line, got)
		}
		fmt.Fprintf(&out, "%s %s %s %s\n", w[0], w[1], got, w[3])
	}
	if os.Getenv("RECHOST_UPDATE") != "" && !t.Failed() {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
