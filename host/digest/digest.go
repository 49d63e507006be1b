// Package digest names content: a Digest is the SHA-256 of some bytes.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Digest is a SHA-256. Its text form is 64 lower-case hexadecimal digits.
type Digest [sha256.Size]byte

// Of returns the digest of b.
func Of(b []byte) Digest { return sha256.Sum256(b) }

// OfParts returns the digest of some bytes, one after the other.
func OfParts(parts ...[]byte) Digest {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return Digest(h.Sum(nil))
}

// OfJSON returns the digest of v's encoding/json form: struct fields in
// their order, map keys sorted, so that equal values have equal digests.
func OfJSON(v any) Digest {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("digest: %T does not marshal: %v", v, err)) // a programming error: callers pass plain data
	}
	return Of(b)
}

// OfFile returns the digest and size of the named file.
func OfFile(name string) (Digest, int64, error) {
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		return Digest{}, 0, &fs.PathError{Op: "hash", Path: name, Err: errors.New("not a regular file")} // a pipe would wait for ever
	}
	f, err := os.Open(name)
	if err != nil {
		return Digest{}, 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.CopyBuffer(h, f, make([]byte, 1<<20))
	if err != nil {
		return Digest{}, 0, fmt.Errorf("%s: %w", name, err)
	}
	return Digest(h.Sum(nil)), n, nil
}

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short is the first 12 digits, for people.
func (d Digest) Short() string { return hex.EncodeToString(d[:6]) }

// IsZero reports whether d is unset.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText gives the text form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text form and nothing else.
func (d *Digest) UnmarshalText(b []byte) error {
	x, err := Parse(string(b))
	*d = x
	return err
}

// Parse reads the text form.
func Parse(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) {
		return d, fmt.Errorf("a digest has %d hexadecimal digits, not %d characters", 2*len(d), len(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("not a digest: %w", err)
	}
	if d.String() != s {
		return Digest{}, fmt.Errorf("not a digest: its digits are not lower case")
	}
	return d, nil
}
