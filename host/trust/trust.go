// Package trust reads the file in which a person or an organisation lists the
// modules that may run, and what each may be given:
//
//	f, err := trust.Read("trust.json")
//	entry, err := f.Admit("cf.wasm", digest.Of(wasm))
//	err = entry.Check(trust.Ask{Executor: "processes", Columns: []string{"value"}, Limits: limits})
//
// A module is listed by its digest, or by an ed25519 key whose signature lies
// beside it (signature.go). The file's form is trust.schema.json; a person
// reviews it, so it says what it means once: unknown names, repeated names,
// repeated entries and null are refused.
//
// # Notes
//
// Admit works on a digest alone: nothing of a module is parsed before it has
// been admitted. What is asked for beyond what an entry allows is refused and
// named, never lowered.
package trust

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"rechost/host/digest"
	"rechost/host/fault"
)

// Format is the value of a trust file's "format".
const Format = "rechost-trust/1"

// Bounds on a trust file.
const (
	MaxBytes   = 4 << 20
	maxComment = 200 // bytes
)

// File is a trust file.
type File struct {
	Format  string    `json:"format"`
	Modules []Module  `json:"modules,omitempty"` // by digest
	Keys    []Key     `json:"keys,omitempty"`    // of those who sign modules
	Revoked []Revoked `json:"revoked,omitempty"` // refused, whoever signed them

	name string // for messages
	sum  digest.Digest
}

// Module allows one module.
type Module struct {
	SHA256  digest.Digest `json:"sha256"`
	Comment string        `json:"comment,omitempty"`
	Allow   Allow         `json:"allow"`
}

// Key allows every module that its owner has signed.
type Key struct {
	Ed25519 PublicKey `json:"ed25519"`
	Comment string    `json:"comment,omitempty"`
	Allow   Allow     `json:"allow"`
}

// Revoked is a module that is refused.
type Revoked struct {
	SHA256  digest.Digest `json:"sha256"`
	Comment string        `json:"comment,omitempty"`
}

// PublicKey is an ed25519 public key. Its text form is 64 lower-case
// hexadecimal digits.
type PublicKey [ed25519.PublicKeySize]byte

func (k PublicKey) String() string { return hex.EncodeToString(k[:]) }

// MarshalText gives the text form.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the text form and nothing else.
func (k *PublicKey) UnmarshalText(b []byte) error { return unhex(k[:], b, "an ed25519 public key") }

// unhex reads exactly len(to) bytes as lower-case hexadecimal digits.
func unhex(to, text []byte, what string) error {
	if len(text) != 2*len(to) {
		return fmt.Errorf("%s has %d hexadecimal digits, not %d characters", what, 2*len(to), len(text))
	}
	if _, err := hex.Decode(to, text); err != nil || hex.EncodeToString(to) != string(text) {
		return fmt.Errorf("%s is written in lower-case hexadecimal digits", what)
	}
	return nil
}

// Read reads and checks a trust file. One that others than its owner's group
// may write is refused.
func Read(name string) (*File, error) {
	b, err := readSmall(name, "trust file", MaxBytes, 0o002)
	if err != nil {
		return nil, err
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fault.Data("%s: %v", name, err)
	}
	f.name = name
	return f, nil
}

// readSmall reads a regular file of at most most bytes. Where the system has
// such modes, one with any of the permissions bad is refused.
func readSmall(name, what string, most int64, bad os.FileMode) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot read the %s: %v", what, err)
	}
	defer f.Close()
	fi, err := f.Stat() // of what was opened, whatever has its name by now
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot read the %s: %v", what, err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fault.Use("%s is not a file, and so no %s", name, what)
	}
	if p := fi.Mode().Perm(); p&bad != 0 && runtime.GOOS != "windows" {
		verb := "write"
		if bad&0o044 != 0 {
			verb = "read or write"
		}
		return nil, fault.New(fault.Failed, "%s: others may %s it (mode %04o)", name, verb, p).
			WithHint("chmod %04o %s", p&^bad, name)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fault.New(fault.Failed, "cannot read the %s: %v", what, err)
	}
	if int64(len(b)) > most {
		return nil, fault.Data("%s: more than %d bytes are too many for a %s", name, most, what)
	}
	return b, nil
}

// Parse is Read for bytes. Errors are of code fault.BadData.
func Parse(text []byte) (*File, error) {
	f := &File{name: "trust file", sum: digest.Of(text)}
	if err := strict(text, f); err != nil {
		return nil, fault.Data("not a trust file: %v", err)
	}
	return f, f.check()
}

func (f *File) check() error {
	if f.Format != Format {
		return fault.Data("the format is %q, and this rechost reads %q", fault.Clean(f.Format, 80), Format)
	}
	seen := map[string]string{}
	once := func(what, place string) error {
		if old, ok := seen[what]; ok {
			return fault.Data("%s and %s are both of %s", old, place, what)
		}
		seen[what] = place
		return nil
	}
	for i, m := range f.Modules {
		place := fmt.Sprintf("modules[%d]", i)
		if err := firstOf(required(place, "sha256", m.SHA256.IsZero()), once("sha256:"+m.SHA256.String(), place), comment(place, m.Comment), m.Allow.check(place)); err != nil {
			return err
		}
	}
	for i, r := range f.Revoked {
		place := fmt.Sprintf("revoked[%d]", i)
		if err := firstOf(required(place, "sha256", r.SHA256.IsZero()), once("sha256:"+r.SHA256.String(), place), comment(place, r.Comment)); err != nil {
			return err
		}
	}
	for i, k := range f.Keys {
		place := fmt.Sprintf("keys[%d]", i)
		if err := firstOf(required(place, "ed25519", k.Ed25519 == PublicKey{}), once("ed25519:"+k.Ed25519.String(), place), comment(place, k.Comment), k.Allow.check(place)); err != nil {
			return err
		}
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func required(place, name string, missing bool) error {
	if missing {
		return fault.Data("%s has no %s", place, name)
	}
	return nil
}

func comment(place, text string) error {
	if len(text) > maxComment || fault.Clean(text, maxComment) != text || strings.ContainsAny(text, "\n\t") {
		return fault.Data("%s has a comment that is not one line of plain text of at most %d bytes", place, maxComment)
	}
	return nil
}

// Digest is that of the file's bytes.
func (f *File) Digest() digest.Digest { return f.sum }

// Entry is why a module may run, and with what.
type Entry struct {
	By      string // "sha256:…" or "ed25519:…"
	Comment string
	Allow   Allow

	file, module string // for messages
}

// Admit finds what the file says of the module in the file path, whose content
// has the digest sum: the entry of the digest, or else that of the key that the
// signature beside the module (path + SignatureEnding) is by. A module without
// an entry, a revoked one and a signature that does not hold are errors of code
// fault.Module.
func (f *File) Admit(path string, sum digest.Digest) (Entry, error) {
	module := filepath.Base(path)
	for _, r := range f.Revoked {
		if r.SHA256 == sum {
			return Entry{}, fault.Mod("%s (sha256 %s) is revoked in %s%s", module, sum, f.name, inBrackets(r.Comment))
		}
	}
	for _, m := range f.Modules {
		if m.SHA256 == sum {
			return Entry{By: "sha256:" + sum.String(), Comment: m.Comment, Allow: m.Allow, file: f.name, module: module}, nil
		}
	}
	unlisted := fault.Mod("%s (sha256 %s) is not in %s", module, sum, f.name)
	if len(f.Keys) == 0 {
		return Entry{}, unlisted.WithHint("once you trust it: rechost trust add --trust %s %s", f.name, path)
	}
	s, err := ReadSignature(path + SignatureEnding)
	if os.IsNotExist(causeOf(err)) {
		return Entry{}, fault.Mod("%v, and no signature lies beside it", unlisted).
			WithHint("have it signed: rechost trust sign --key FILE %s; or add it: rechost trust add --trust %s %s", path, f.name, path)
	}
	if err != nil {
		return Entry{}, fault.Mod("%v, and its signature cannot be used: %v", unlisted, err)
	}
	for _, k := range f.Keys {
		if k.Ed25519 != s.Ed25519 {
			continue
		}
		if err := s.Verify(sum); err != nil {
			return Entry{}, fault.Mod("%s%s: %v", module, SignatureEnding, err)
		}
		return Entry{By: "ed25519:" + k.Ed25519.String(), Comment: k.Comment, Allow: k.Allow, file: f.name, module: module}, nil
	}
	return Entry{}, fault.Mod("%v, nor is the key that signed it, ed25519:%s", unlisted, s.Ed25519)
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// Add appends entries, all or none.
func (f *File) Add(modules []Module, keys []Key) error {
	g := *f
	g.Modules = append(slices.Clip(g.Modules), modules...)
	g.Keys = append(slices.Clip(g.Keys), keys...)
	if err := g.check(); err != nil {
		return err
	}
	*f = g
	return nil
}

// Write writes the file under a name, whole or not at all.
func Write(name string, f *File) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return replace(name, append(b, '\n'))
}

// replace writes b to the named file, whole or not at all. A file that is there
// keeps its mode, and a link to it stays one.
func replace(name string, b []byte) error {
	mode := os.FileMode(0o644)
	if to, err := filepath.EvalSymlinks(name); err == nil {
		name = to
		if fi, err := os.Stat(name); err == nil {
			mode = fi.Mode().Perm()
		}
	}
	t, err := os.CreateTemp(filepath.Dir(name), ".rechost-*")
	if err != nil {
		return fault.New(fault.Failed, "cannot write %s: %v", name, err)
	}
	defer os.Remove(t.Name())
	_, err = t.Write(b)
	if err == nil {
		err = t.Chmod(mode)
	}
	if e := t.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(t.Name(), name)
	}
	if err != nil {
		return fault.New(fault.Failed, "cannot write %s: %v", name, err)
	}
	return nil
}
