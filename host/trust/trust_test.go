package trust

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/task"

	"github.com/santhosh-tekuri/jsonschema/v6" // in tests: draft 2020-12
)

var (
	one, two = digest.Of([]byte("one")), digest.Of([]byte("two"))
	three    = digest.Of([]byte("three"))
	plain    = `"allow":{"executors":["processes"],"columns":["value"]}`
)

// schema compiles one of the package's schemas.
func schema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(s *jsonschema.Schema, text string) bool {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	return err == nil && s.Validate(v) == nil
}

const format = `"format":"rechost-trust/1"`

func module(sum digest.Digest, rest string) string {
	return `{"sha256":"` + sum.String() + `",` + rest + `}`
}

// What is accepted is valid by the schema, and survives being written.
func TestAccepted(t *testing.T) {
	s := schema(t, "trust.schema.json")
	for _, text := range []string{
		`{` + format + `}`,
		`{` + format + `,"modules":[],"keys":[],"revoked":[]}`,
		`{` + format + `,"modules":[` + module(one, plain) + `,` + module(two, `"comment":"reviewed by Ada, 2026-03-01","allow":
			{"executors":["processes","goroutines"],"columns":[],"memory":"512MiB","deadline":"1h30m5s","log":"64KiB","output":"1TiB","calls":5000000000,"fuel":9000000000}`) + `]}`,
		`{` + format + `,"keys":[{"ed25519":"` + one.String() + `",` + plain + `}],"revoked":[` + module(one, `"comment":"leaks"`) + `]}`,
	} {
		f, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%v: %s", err, text)
			continue
		}
		if !valid(s, text) {
			t.Errorf("the schema refuses %s", text)
		}
		name := filepath.Join(t.TempDir(), "trust.json")
		if err := Write(name, f); err != nil {
			t.Fatal(err)
		}
		again, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(f)
		b, _ := json.Marshal(again)
		if !bytes.Equal(a, b) {
			t.Errorf("%s came back as %s", a, b)
		}
	}
}

// Everything that could be read in two ways is refused. bySchema says which the
// schema refuses too: repeated names it cannot see.
func TestRefused(t *testing.T) {
	s := schema(t, "trust.schema.json")
	list := func(m string) string { return `{` + format + `,"modules":[` + m + `]}` }
	allow := func(a string) string {
		return list(module(one, `"allow":{"executors":["processes"],"columns":["value"]`+a+`}`))
	}
	for name, c := range map[string]struct {
		text, says string
		bySchema   bool
	}{
		"nothing":                {``, "too early", true},
		"cut":                    {`{` + format + `,"modules":[`, "too early", true},
		"an array":               {`[]`, "", true},
		"no format":              {`{}`, `format is ""`, true},
		"another format":         {`{"format":"rechost-trust/2"}`, "rechost-trust/2", true},
		"text after it":          {`{` + format + `} {}`, "after its end", true},
		"an unknown name":        {`{` + format + `,"modulez":[]}`, "modulez", true},
		"a name in capitals":     {`{` + format + `,"Modules":[]}`, "lower case", true},
		"a name that folds":      {`{` + format + `,"revo` + "\u212a" + `ed":[]}`, "lower case", true},
		"a name twice":           {`{` + format + `,"modules":[],"modules":[` + module(one, plain) + `]}`, `"modules" is there twice`, false},
		"a name twice, escaped":  {`{` + format + `,"modules":[],"m\u006fdules":[]}`, "twice", false},
		"a limit twice":          {allow(`,"memory":"1MiB","memory":"1TiB"`), "line 1", false},
		"null":                   {`{` + format + `,"modules":null}`, "null", true},
		"null for a limit":       {allow(`,"memory":null`), "null", true},
		"no digest":              {list(`{` + plain + `}`), "no sha256", true},
		"a digest in capitals":   {list(module(one, plain)[:12] + strings.ToUpper(module(one, plain)[12:30]) + module(one, plain)[30:]), "lower case", true},
		"a short digest":         {list(`{"sha256":"ab",` + plain + `}`), "64", true},
		"a digest twice":         {list(module(one, plain) + `,` + module(one, plain)), "modules[0] and modules[1]", false},
		"trusted and revoked":    {`{` + format + `,"modules":[` + module(one, plain) + `],"revoked":[` + module(one, `"comment":""`) + `]}`, "revoked[0]", false},
		"a key twice":            {`{` + format + `,"keys":[{"ed25519":"` + one.String() + `",` + plain + `},{"ed25519":"` + one.String() + `",` + plain + `}]}`, "keys[1]", false},
		"no allow":               {list(module(one, `"comment":"x"`)), "no executors", true},
		"no executors":           {list(module(one, `"allow":{"executors":[],"columns":[]}`)), "no executors", true},
		"an unknown executor":    {list(module(one, `"allow":{"executors":["threads"],"columns":[]}`)), "threads", true},
		"an executor twice":      {list(module(one, `"allow":{"executors":["processes","processes"],"columns":[]}`)), "twice", true},
		"no columns":             {list(module(one, `"allow":{"executors":["processes"]}`)), "no columns", true},
		"an unknown column":      {list(module(one, `"allow":{"executors":["processes"],"columns":["user"]}`)), "user", true},
		"a number for a size":    {allow(`,"memory":1024`), "", true},
		"a size without unit":    {allow(`,"memory":"1024"`), "512MiB", true},
		"a decimal size":         {allow(`,"memory":"1.5GiB"`), "512MiB", true},
		"a size of 0":            {allow(`,"memory":"0B"`), "512MiB", true},
		"a size of MB":           {allow(`,"memory":"5MB"`), "512MiB", true},
		"a negative deadline":    {allow(`,"deadline":"-1s"`), "10m", true},
		"an empty deadline":      {allow(`,"deadline":""`), "10m", true},
		"a deadline out of form": {allow(`,"deadline":"5s1h"`), "10m", true},
		"isolation by a word":    {allow(`,"isolation":"yes"`), "", true},
		"calls of 0":             {allow(`,"calls":0`), "at least 1", true},
		"calls as text":          {allow(`,"calls":"1000"`), "whole number", true},
		"fuel of 0":              {allow(`,"fuel":0`), "at least 1", true},
		"negative fuel":          {allow(`,"fuel":-1`), "at least 1", true},
		"fuel of 1e3":            {allow(`,"fuel":1e3`), "whole number", false}, // an integer to JSON Schema
		"fuel beyond int64":      {allow(`,"fuel":99999999999999999999`), "whole number", false},
		"a comment of two lines": {list(module(one, `"comment":"a\nb",`+plain)), "one line", true},
		"an escape in a comment": {list(module(one, `"comment":"\u001b[2J",`+plain)), "plain text", true},
		"a hidden direction":     {list(module(one, `"comment":"\u202e",`+plain)), "plain text", false},
		"not UTF-8":              {`{` + format + ",\"x\":\"\xff\"}", "UTF-8", false},
		"nesting":                {`{` + format + `,"modules":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, "nested", true},
	} {
		_, err := Parse([]byte(c.text))
		if fault.CodeOf(err) != fault.BadData || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if c.bySchema && valid(s, c.text) {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

func TestFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "trust.json")
	if err := os.WriteFile(name, []byte(`{`+format+`}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); fault.CodeOf(err) != fault.Usage {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none")); fault.CodeOf(err) != fault.Failed {
		t.Errorf("no file: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); fault.CodeOf(err) != fault.Failed || !strings.Contains(fault.HintOf(err), "chmod 0664") {
		t.Errorf("a file that others may write: %v (%s)", err, fault.HintOf(err))
	}
}

// An entry bounds each thing that a run asks for, and the refusal names all.
func TestCheck(t *testing.T) {
	f, err := Parse([]byte(`{` + format + `,"modules":[` + module(one, plain) + `,` + module(two, `"allow":
		{"executors":["processes","goroutines"],"columns":["time"],"memory":"1GiB","deadline":"90s","log":"1KiB","output":"1MiB","calls":100000,"fuel":1000}`) + `,` + module(three, `"allow":{"executors":["processes"],"columns":[],"isolation":true}`) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	usual := task.Limits{}.WithDefaults()
	small := task.Limits{Memory: 1 << 30, Deadline: 90 * time.Second, Log: 1 << 10, Output: 1 << 20, Calls: 100_000, Fuel: 1000}
	with := func(l task.Limits, change func(*task.Limits)) task.Limits { change(&l); return l }
	for _, c := range []struct {
		module digest.Digest
		ask    Ask
		says   []string // nil: allowed
	}{
		{one, Ask{"processes", []string{"value"}, usual, false}, nil},
		{one, Ask{"processes", nil, task.Limits{}, false}, nil},
		{one, Ask{"processes", nil, with(usual, func(l *task.Limits) { l.Fuel = 5 }), false}, nil},
		{one, Ask{"processes", nil, with(usual, func(l *task.Limits) { l.Calls++ }), false}, []string{"calls 4294967297 (allowed: 4294967296)"}},
		{one, Ask{"goroutines", []string{"value", "time"}, with(usual, func(l *task.Limits) { l.Memory++ }), false},
			[]string{"executor goroutines", "column time", "memory 2147483649B (allowed: 2GiB)"}},
		{two, Ask{"goroutines", []string{"time"}, small, false}, nil},
		{two, Ask{"goroutines", []string{"value"}, small, false}, []string{"column value"}},
		{two, Ask{"processes", nil, usual, false}, []string{"memory 2GiB (allowed: 1GiB)", "deadline 10m (allowed: 1m30s)", "log 1MiB (allowed: 1KiB)", "output 4GiB (allowed: 1MiB)", "calls 4294967296 (allowed: 100000)", "fuel without end (allowed: 1000)"}},
		{two, Ask{"processes", nil, with(small, func(l *task.Limits) { l.Fuel = 1001 }), false}, []string{"fuel 1001 (allowed: 1000)"}},
		{two, Ask{"processes", nil, with(small, func(l *task.Limits) { l.Deadline++ }), false}, []string{"deadline 1m30.000000001s"}},
		{three, Ask{"processes", nil, usual, true}, nil},
		{three, Ask{"processes", nil, usual, false}, []string{"walls that may be missing"}},
	} {
		e, err := f.Admit("m.wasm", c.module)
		if err != nil {
			t.Fatal(err)
		}
		err = e.Check(c.ask)
		if (err == nil) != (c.says == nil) || err != nil && fault.CodeOf(err) != fault.Module {
			t.Errorf("%+v: %v", c.ask, err)
		}
		if err == nil {
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%v does not say %q", err, s)
			}
		}
		if n := strings.Count(err.Error(), ";"); n != len(c.says)-1 {
			t.Errorf("%d complaints, want %d: %v", n+1, len(c.says), err)
		}
	}
}

func TestAdd(t *testing.T) {
	f := &File{Format: Format}
	a := Allow{Executors: []string{"processes"}, Columns: []string{}}
	if err := f.Add([]Module{{SHA256: one, Allow: a}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Add([]Module{{SHA256: two, Allow: a}, {SHA256: one, Allow: a}}, nil); err == nil || len(f.Modules) != 1 {
		t.Errorf("added twice: %v, %d entries", err, len(f.Modules))
	}
	if err := f.Add(nil, []Key{{Ed25519: PublicKey(two), Allow: a}}); err != nil || len(f.Keys) != 1 {
		t.Errorf("a key: %v", err)
	}
}

// Writing a file anew keeps its mode, and a link to it.
func TestWriteKeeps(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "trust.json"), filepath.Join(dir, "link.json")
	if err := os.WriteFile(name, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, link); err != nil {
		t.Skipf("skipped: no symbolic links here: %v", err)
	}
	if err := Write(link, &File{Format: Format}); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(name)
	if err != nil || fi.Size() == 0 || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", fi, err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", fi, err)
	}
}

func TestTexts(t *testing.T) {
	for text, want := range map[string]Size{"1B": 1, "1023B": 1023, "1KiB": 1 << 10, "1536KiB": 3 << 19, "1024001024B": 1000001 << 10, "500000KiB": 512e6, "999999TiB": 999999 << 40, "4GiB": 4 << 30} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%s: %d, %s, %v", text, s, s, err)
		}
	}
	if _, err := Size(1e15 + 1).MarshalText(); err == nil {
		t.Error("1e15+1 bytes were written in a form that cannot be read")
	}
	if _, err := Span(time.Millisecond).MarshalText(); err == nil {
		t.Error("a millisecond was written in a form that cannot be read")
	}
	for text, want := range map[string]time.Duration{"45s": 45 * time.Second, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "2h5s": 2*time.Hour + 5*time.Second} {
		var s Span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want || s.String() != text {
			t.Errorf("%s: %v, %s, %v", text, time.Duration(s), s, err)
		}
	}
}

// FuzzParse: no text makes the parsers panic or gives what would not be
// accepted again; what a trust file allows is never read out of a text that
// differs from what encoding/json makes of it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{` + format + `,"modules":[` + module(one, plain) + `],"keys":[{"ed25519":"` + two.String() + `",` + plain + `}],"revoked":[` + module(two, `"comment":"x"`) + `]}`))
	f.Add([]byte(`{` + format + `,"modules":[],"modules":null}`))
	f.Add([]byte(`{"format":"rechost-signature/1","ed25519":"` + one.String() + `","sha256":"` + two.String() + `","signature":"` + one.String() + two.String() + `"}`))
	f.Add([]byte(`[[[[[[[[[[[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if x, err := Parse(text); err == nil {
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatalf("%s is read and cannot be written: %v", text, err)
			}
			y, err := Parse(b)
			if err != nil {
				t.Fatalf("%s: accepted once only: %v", b, err)
			}
			y.sum = x.sum
			c, _ := json.Marshal(y)
			if !bytes.Equal(b, c) {
				t.Fatalf("%s came back as %s", b, c)
			}
			x.Admit(filepath.Join("none", "m.wasm"), one)
		} else if fault.CodeOf(err) != fault.BadData {
			t.Fatalf("code %d: %v", fault.CodeOf(err), err)
		}
		if s, err := ParseSignature(text); err == nil {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseSignature(b); err != nil || !reflect.DeepEqual(s, again) {
				t.Fatalf("%s came back as %v, %v", b, again, err)
			}
			s.Verify(one)
		} else if fault.CodeOf(err) != fault.BadData {
			t.Fatalf("code %d: %v", fault.CodeOf(err), err)
		}
	})
}
