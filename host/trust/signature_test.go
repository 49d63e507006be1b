package trust

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"rechost/host/digest"
	"rechost/host/fault"
)

func TestKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key.pem")
	pub, err := NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKey(name); fault.CodeOf(err) != fault.Failed || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("a key in place of a key: %v", err)
	}
	if after, _ := os.ReadFile(name); !bytes.Equal(before, after) {
		t.Fatal("the key was overwritten")
	}
	key, err := ReadKey(name)
	if err != nil || PublicOf(key) != pub {
		t.Fatalf("read back: %v", err)
	}
	if runtime.GOOS != "windows" {
		if fi, _ := os.Stat(name); fi.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", fi.Mode())
		}
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(name); fault.CodeOf(err) != fault.Failed || !strings.Contains(fault.HintOf(err), "chmod 0600") {
			t.Errorf("a key that the group may read: %v", err)
		}
	}
	for what, text := range map[string]string{
		"nothing": "", "text": "no key", "a public key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"rubbish": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "two keys": string(before) + string(before),
	} {
		bad := filepath.Join(t.TempDir(), "bad.pem")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(bad); fault.CodeOf(err) != fault.BadData {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// signed writes a module and its signature, and returns its path, the key and
// a trust file that lists the key.
func signed(t *testing.T, content string) (string, PublicKey, *File) {
	t.Helper()
	dir := t.TempDir()
	module, keyFile := filepath.Join(dir, "m.wasm"), filepath.Join(dir, "key.pem")
	if err := os.WriteFile(module, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	pub, err := NewKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSignature(module+SignatureEnding, Sign(key, digest.Of([]byte(content)))); err != nil {
		t.Fatal(err)
	}
	f := &File{Format: Format, name: "trust.json"}
	if err := f.Add(nil, []Key{{Ed25519: pub, Comment: "Ada", Allow: Allow{Executors: []string{"processes"}, Columns: []string{}}}}); err != nil {
		t.Fatal(err)
	}
	return module, pub, f
}

func TestAdmitBySignature(t *testing.T) {
	module, pub, f := signed(t, "one")
	e, err := f.Admit(module, one)
	if err != nil || e.By != "ed25519:"+pub.String() || e.Comment != "Ada" {
		t.Fatalf("%+v, %v", e, err)
	}
	text, err := os.ReadFile(module + SignatureEnding)
	if err != nil {
		t.Fatal(err)
	}
	if !valid(schema(t, "signature.schema.json"), string(text)) {
		t.Errorf("the schema refuses %s", text)
	}

	// An entry of the digest comes before the key's.
	own := *f
	if err := own.Add([]Module{{SHA256: one, Allow: Allow{Executors: []string{"goroutines"}, Columns: []string{}}}}, nil); err != nil {
		t.Fatal(err)
	}
	if e, err := own.Admit(module, one); err != nil || e.Allow.Executors[0] != "goroutines" {
		t.Errorf("%+v, %v", e, err)
	}
	// What is revoked is refused, whoever signed it.
	gone := *f
	gone.Revoked = []Revoked{{SHA256: one, Comment: "it leaks"}}
	if _, err := gone.Admit(module, one); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "it leaks") {
		t.Errorf("revoked: %v", err)
	}
	// A key that is not listed, and a file without keys.
	_, _, other := signed(t, "one")
	if _, err := other.Admit(module, one); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), pub.String()) {
		t.Errorf("another key: %v", err)
	}
	if _, err := (&File{Format: Format, name: "trust.json"}).Admit(module, one); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "not in trust.json") {
		t.Errorf("no keys: %v", err)
	}
	// A module that changed under its signature.
	if _, err := f.Admit(module, two); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), one.String()) || !strings.Contains(err.Error(), two.String()) {
		t.Errorf("a changed module: %v", err)
	}
	// A signature that claims the changed module.
	forged := strings.Replace(string(text), one.String(), two.String(), 1)
	write := func(s string) {
		if err := os.WriteFile(module+SignatureEnding, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(forged)
	if _, err := f.Admit(module, two); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "not made by") {
		t.Errorf("a forged signature: %v", err)
	}
	for what, s := range map[string]string{
		"nothing": "", "cut": string(text[:60]), "an unknown name": strings.Replace(string(text), "{", `{"extra":1,`, 1),
		"a name twice": strings.Replace(string(text), "{", `{"format":"rechost-signature/1",`, 1), "long": strings.Repeat(" ", maxSignature) + string(text),
		"no signature": `{"format":"rechost-signature/1","ed25519":"` + pub.String() + `","sha256":"` + one.String() + `"}`,
	} {
		write(s)
		if _, err := f.Admit(module, one); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "cannot be used") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(module + SignatureEnding); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Admit(module, one); fault.CodeOf(err) != fault.Module || !strings.Contains(err.Error(), "no signature lies beside it") {
		t.Errorf("no signature: %v", err)
	}
}

// One bit anywhere in key, digest or signature, and it does not hold.
func TestEveryBitCounts(t *testing.T) {
	module, _, _ := signed(t, "one")
	s, err := ReadSignature(module + SignatureEnding)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(one); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(s.Signature) {
		bad := *s
		bad.Signature[i/8] ^= 1 << (i % 8)
		if bad.Verify(one) == nil {
			t.Errorf("bit %d of the signature does not count", i)
		}
	}
	for i := range 8 * len(one) {
		bad, sum := *s, one
		sum[i/8] ^= 1 << (i % 8)
		bad.SHA256 = sum
		if bad.Verify(sum) == nil {
			t.Errorf("bit %d of the digest does not count", i)
		}
		bad = *s
		bad.Ed25519[i/8] ^= 1 << (i % 8)
		if bad.Verify(one) == nil {
			t.Errorf("bit %d of the key does not count", i)
		}
	}
}

// The signed text is pinned: a signature made today must hold for ever.
func TestMessage(t *testing.T) {
	want := "rechost-module-signature-v1\n7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\n"
	if got := string(Message(one)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// OpenSSL signs and verifies the same text with the same key.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("skipped: openssl is not on this machine")
	}
	dir := t.TempDir()
	keyFile, text, out := filepath.Join(dir, "key.pem"), filepath.Join(dir, "text"), filepath.Join(dir, "out")
	if b, err := exec.Command(openssl, "genpkey", "-algorithm", "ed25519", "-out", keyFile).CombinedOutput(); err != nil {
		t.Skipf("skipped: this openssl makes no ed25519 keys: %s", b)
	}
	if err := os.Chmod(keyFile, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(text, Message(one), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(openssl, "pkeyutl", "-sign", "-inkey", keyFile, "-rawin", "-in", text, "-out", out).CombinedOutput(); err != nil {
		t.Skipf("skipped: this openssl does not sign with -rawin: %s", b)
	}
	key, err := ReadKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	ours := Sign(key, one)
	if hex.EncodeToString(theirs) != hex.EncodeToString(ours.Signature[:]) { // ed25519 has one signature a key and text
		t.Errorf("openssl signs %x, rechost %x", theirs, ours.Signature)
	}
	b, _ := json.Marshal(ours)
	if _, err := ParseSignature(b); err != nil {
		t.Error(err)
	}
}
