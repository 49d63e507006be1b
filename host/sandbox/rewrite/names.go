package rewrite

import (
	"bytes"
	"unicode/utf8"

	"rechost/host/fault"
)

// custom reads a custom section: its name for the list, and the few contents
// that are worth showing. A section whose contents are malformed is as if it
// were not there, as the specification wants.
func (m *module) custom(r *reader) {
	name := m.capName(r, r.name())
	if r.err != nil {
		return
	}
	m.info.Custom = append(m.info.Custom, Section{Name: fault.Clean(name, 100), Size: r.left()})
	m.sections = append(m.sections, section{id: secCustom, name: name, span: span{uint32(r.pos), uint32(r.end)}})
	s := *r
	switch name {
	case "name":
		if m.names == (span{}) {
			m.names = span{uint32(s.pos), uint32(s.end)}
			m.moduleName(s)
		}
	case "producers":
		m.producers(&s)
	case "go:buildid":
		m.info.GoBuildID = goBuildID(s.b[s.pos:min(s.end, s.pos+300)])
	}
}

// subsection finds a subsection of the name section: 0 the module's name, 1
// the functions'.
func subsection(r reader, id byte) (reader, bool) {
	for r.more() {
		got := r.byte()
		n := r.count("bytes of names", 1)
		s := r.sub(n)
		if r.err == nil && got == id {
			return s, true
		}
	}
	return reader{}, false
}

func (m *module) moduleName(r reader) {
	if s, ok := subsection(r, 0); ok {
		if name := s.name(); s.err == nil {
			m.info.Name = fault.Clean(name, 200)
		}
	}
}

// maxFuncName is the length at which a function's name is cut. Names of C++
// and Rust templates grow long; they are only read in stack traces.
const maxFuncName = 512

// functionNames calls f for each function that has a name, by growing index,
// up to the first thing that is wrong.
func (m *module) functionNames(f func(index uint32, name []byte)) {
	s, ok := subsection(reader{b: m.b, pos: int(m.names.at), end: int(m.names.end)}, 1)
	if !ok {
		return
	}
	next := uint32(0)
	for n := s.count("names", 2); n > 0; n-- {
		i := m.index(&s, len(m.funcs), "function")
		size := s.count("bytes of a name", 1)
		if s.err != nil || i < next {
			return
		}
		name := s.b[s.pos : s.pos+size]
		s.skip(size)
		if !utf8.Valid(name) {
			return
		}
		if len(name) > maxFuncName {
			name = bytes.ToValidUTF8(name[:maxFuncName], nil)
		}
		f(i, name)
		next = i + 1
	}
}

// maxProducers bounds the entries that are shown.
const maxProducers = 100

func (m *module) producers(r *reader) {
	for n := r.count("fields", 2); n > 0 && r.err == nil; n-- {
		field := r.name()
		for k := r.count("producers", 2); k > 0 && r.err == nil; k-- {
			p := Producer{fault.Clean(field, 100), fault.Clean(r.name(), 100), fault.Clean(r.name(), 100)}
			if r.err != nil {
				return
			}
			if p.Field == "language" && p.Name == "Go" {
				m.info.GoVersion = p.Version
			}
			if len(m.info.Producers) < maxProducers {
				m.info.Producers = append(m.info.Producers, p)
			}
		}
	}
}

// Markers of 16 bytes that Go's toolchain puts around a program's module
// information (cmd/go/internal/modload, infoStart and infoEnd). The header that
// debug/buildinfo looks for is not in wasm modules.
const (
	infoStart = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6"
	infoEnd   = "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
)

// maxGoBuild is the longest module information that is shown.
const maxGoBuild = 16 << 10

// goBuild looks for Go's module information in a data segment.
func (m *module) goBuild(data []byte) {
	if m.info.GoBuild != "" {
		return
	}
	if _, after, ok := bytes.Cut(data, []byte(infoStart)); ok {
		if text, _, ok := bytes.Cut(after[:min(len(after), maxGoBuild)], []byte(infoEnd[:8])); ok {
			m.info.GoBuild = fault.Clean(string(text), maxGoBuild)
		}
	}
}

// goBuildID takes the id out of what the linker writes: \xff Go build ID: "id"
func goBuildID(b []byte) string {
	_, b, ok := bytes.Cut(b, []byte(`"`))
	id, _, end := bytes.Cut(b, []byte(`"`))
	if !ok || !end {
		return ""
	}
	return fault.Clean(string(id), 200)
}
