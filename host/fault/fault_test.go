package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, OK},
		{errors.New("x"), Failed},
		{context.Canceled, Interrupted},
		{fmt.Errorf("a: %w", Data("b")), BadData},
		{Lim("b").WithHint("c"), Limit},
		{New(Module, "%v", context.Canceled), Module},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorKeepsCauseAndHint(t *testing.T) {
	e := New(Failed, "%s: %v", "file", fs.ErrNotExist).WithHint("type %s", "ls")
	if !errors.Is(e, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if HintOf(fmt.Errorf("x: %w", e)) != "type ls" || e.Error() != "file: file does not exist" {
		t.Errorf("message %q, hint %q", e, HintOf(e))
	}
}

// TestFile: the system's words, behind the name that the user gave.
func TestFile(t *testing.T) {
	_, err := os.Open(filepath.Join(t.TempDir(), ".in.tmp"))
	e := File("in", err)
	if e.Code != Failed || !errors.Is(e, fs.ErrNotExist) || e.Error() != "in: "+err.(*fs.PathError).Err.Error() {
		t.Errorf("%v, code %d", e, e.Code)
	}
	if e := File("out", &os.LinkError{Op: "rename", Old: "a", New: "b", Err: fs.ErrPermission}); e.Error() != "out: permission denied" {
		t.Error(e)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":         "plain\ttext\n",
		"\x1b[31mred\x1b[0m":    "\uFFFD[31mred\uFFFD[0m",
		"bell\a, cr\r, del\x7f": "bell\uFFFD, cr\uFFFD, del\uFFFD",
		"c1 \u009b2J":           "c1 \uFFFD2J",
		"bidi \u202egnp.exe":    "bidi \uFFFDgnp.exe",
		"bad \xff utf8":         "bad \uFFFD utf8",
		"ümläut 日本":             "ümläut 日本",
	} {
		if got := Clean(in, 100); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Clean("aäb", 2); got != "a\uFFFD…" {
		t.Errorf("cut inside a letter: %q", got)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"neighbours", "shrink", "similarity", "k1", "workers", "module", "executor", "explain", "run", "out"}
	for in, want := range map[string]string{
		"neighbors": "neighbours", "shirnk": "shrink", "Similarity": "similarity", "k2": "k1", "worker": "workers", "wrokers": "workers",
		"rnu": "run", "otu": "out", "modules": "module", "ran": "run", "exec": "executor", "xyz": "", "o": "", "": "", "unrelated": "",
	} {
		if got := Nearest(in, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
