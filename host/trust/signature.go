package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"

	"rechost/host/digest"
	"rechost/host/fault"
)

// SignatureEnding, behind a module's name, is the name of its signature.
const SignatureEnding = ".sig"

// SignatureFormat is the value of a signature's "format".
const SignatureFormat = "rechost-signature/1"

const (
	maxSignature = 4 << 10 // bytes of a signature's file
	maxKey       = 16 << 10
)

// Signature is a detached signature of a module: a JSON file whose form is
// signature.schema.json.
type Signature struct {
	Format    string         `json:"format"`
	Ed25519   PublicKey      `json:"ed25519"` // who signed
	SHA256    digest.Digest  `json:"sha256"`  // the module
	Signature SignatureBytes `json:"signature"`
}

// SignatureBytes is an ed25519 signature (RFC 8032, "pure", no context). Its
// text form is 128 lower-case hexadecimal digits.
type SignatureBytes [ed25519.SignatureSize]byte

// MarshalText gives the text form.
func (s SignatureBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads the text form and nothing else.
func (s *SignatureBytes) UnmarshalText(b []byte) error {
	return unhex(s[:], b, "an ed25519 signature")
}

// Message is the text that is signed for a module: a line that says what is
// signed, so that no signature made for anything else can pass for one, and the
// module's SHA-256 as 64 lower-case hexadecimal digits and a line feed.
func Message(module digest.Digest) []byte {
	return []byte("rechost-module-signature-v1\n" + module.String() + "\n")
}

// Sign signs a module.
func Sign(key ed25519.PrivateKey, module digest.Digest) Signature {
	s := Signature{Format: SignatureFormat, Ed25519: PublicOf(key), SHA256: module}
	copy(s.Signature[:], ed25519.Sign(key, Message(module)))
	return s
}

// PublicOf is the public half of a key.
func PublicOf(key ed25519.PrivateKey) PublicKey {
	return PublicKey(key.Public().(ed25519.PublicKey))
}

// Verify says why s is no signature by its key of the module with the digest
// sum, or nil.
func (s *Signature) Verify(sum digest.Digest) error {
	if s.SHA256 != sum {
		return fault.Mod("it is the signature of another module: of sha256 %s, and the module is sha256 %s", s.SHA256, sum)
	}
	if !ed25519.Verify(s.Ed25519[:], Message(sum), s.Signature[:]) {
		return fault.Mod("the signature was not made by ed25519:%s", s.Ed25519)
	}
	return nil
}

// ParseSignature reads a signature's JSON. It does not verify.
func ParseSignature(text []byte) (*Signature, error) {
	var s Signature
	if err := strict(text, &s); err != nil {
		return nil, fault.Data("not a signature: %v", err)
	}
	switch {
	case s.Format != SignatureFormat:
		return nil, fault.Data("the signature's format is %q, and this rechost reads %q", fault.Clean(s.Format, 80), SignatureFormat)
	case s.Ed25519 == PublicKey{} || s.SHA256.IsZero() || s.Signature == SignatureBytes{}:
		return nil, fault.Data("not a signature: it needs ed25519, sha256 and signature")
	}
	return &s, nil
}

// ReadSignature is ParseSignature for a file.
func ReadSignature(name string) (*Signature, error) {
	b, err := readSmall(name, "signature", maxSignature, 0)
	if err != nil {
		return nil, err
	}
	return ParseSignature(b)
}

// WriteSignature writes a signature under a name, whole or not at all.
func WriteSignature(name string, s Signature) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replace(name, append(b, '\n'))
}

// causeOf is the error of the system in err's chain.
func causeOf(err error) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// NewKey makes a key pair and writes its private half to the named file: PKCS #8
// in PEM, mode 0600. A file that is there is never overwritten.
func NewKey(name string) (PublicKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return PublicKey{}, fault.New(fault.Failed, "cannot make a key: %v", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return PublicKey{}, fault.New(fault.Failed, "cannot make a key: %v", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return PublicKey{}, fault.New(fault.Failed, "%s is there already, and a key is never overwritten", name).
			WithHint("name another file")
	}
	if err != nil {
		return PublicKey{}, fault.New(fault.Failed, "cannot write the key: %v", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(name) // ours, and of no use
		return PublicKey{}, fault.New(fault.Failed, "cannot write the key: %v", err)
	}
	return PublicOf(key), nil
}

// ReadKey reads a private key. A file that others may read is refused.
func ReadKey(name string) (ed25519.PrivateKey, error) {
	b, err := readSmall(name, "key", maxKey, 0o077)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return nil, fault.Data("%s: not a private key: PKCS #8 in PEM is read, without a passphrase", name).
			WithHint("rechost trust keygen FILE makes one")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fault.Data("%s: not a private key: %v", name, err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, fault.Data("%s: a private key, but not of ed25519", name)
	}
	return key, nil
}
