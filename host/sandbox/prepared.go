package sandbox

import (
	"bytes"
	"encoding/gob"
	"path/filepath"

	"rechost/host/sandbox/rewrite"
)

// prepared is all that Load makes of a module before wazero sees it, and which
// code it has: what has been looked at and compiled once, by this very program,
// need not be looked at again by each process that loads it.
type prepared struct {
	Info       rewrite.Info
	Restorable bool
	State      []string
	Hollow     []byte
	Code       string // its note
}

// PreparedFile is where a CacheDir keeps what Options.Prepared names. It is
// there when the module's compiled code is.
func PreparedFile(dir, name string) string { return filepath.Join(dir, preparedPrefix+name) }

// readPrepared reads the file that keep wrote; it returns nil where there is
// none, or a damaged one, or one of nothing.
func readPrepared(name string) *prepared {
	b, err := readWhole(name, mostPrepared)
	if err != nil || len(b) < sumLength || string(b[:sumLength]) != sumOf(name, b[sumLength:]) {
		return nil
	}
	p := new(prepared)
	if gob.NewDecoder(bytes.NewReader(b[sumLength:])).Decode(p) != nil || len(p.Hollow) == 0 {
		return nil
	}
	return p
}

// keep writes the file. Where it cannot, the next process prepares the module
// once more.
func (p *prepared) keep(name string) {
	var b bytes.Buffer
	if gob.NewEncoder(&b).Encode(p) != nil {
		return
	}
	_ = writeWhole(name, append([]byte(sumOf(name, b.Bytes())), b.Bytes()...))
}

// sumOf is the sum of a file of this name.
func sumOf(name string, b []byte) string {
	s := newSum()
	s.Write([]byte(filepath.Base(name)))
	s.Write(b)
	return s.String()
}

const mostPrepared = 256 << 20 // bytes; a module has 64 MiB at most
