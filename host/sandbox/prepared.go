package sandbox

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"hash/crc32"
	"os"
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
	if err != nil || len(b) < preparedSum || string(b[:preparedSum]) != sumOf(name, b[preparedSum:]) {
		return nil
	}
	p := new(prepared)
	if gob.NewDecoder(bytes.NewReader(b[preparedSum:])).Decode(p) != nil || len(p.Hollow) == 0 {
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
	f, err := os.CreateTemp(filepath.Dir(name), newPrefix+"*")
	if err != nil {
		return
	}
	_, err = f.WriteString(sumOf(name, b.Bytes()) + b.String())
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil || os.Rename(f.Name(), name) != nil {
		os.Remove(f.Name())
	}
}

// sumOf is a checksum as that of code, preparedSum bytes, of a file of this name.
func sumOf(name string, b []byte) string {
	own := []byte(filepath.Base(name))
	return fmt.Sprintf("%08x%08x", crc32.Update(crc32.Checksum(own, castagnoli), castagnoli, b), crc32.Update(crc32.ChecksumIEEE(own), crc32.IEEETable, b))
}

const (
	preparedSum  = 16
	mostPrepared = 256 << 20 // bytes; a module has 64 MiB at most
)
