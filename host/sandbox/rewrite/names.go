package rewrite

import (
	"bytes"
	"encoding/binary"
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
		m.info.GoBuildID = fault.Clean(string(s.b[s.pos:min(s.end, s.pos+200)]), 200)
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
			if r.err == nil && len(m.info.Producers) < maxProducers {
				m.info.Producers = append(m.info.Producers, p)
			}
		}
	}
}

// buildInfo is what Go's linker puts before the version and module lines, as
// package debug/buildinfo describes: magic, pointer size, flags (2: strings
// inline), padding to 32 bytes, then two strings with a varint length each.
var buildInfo = []byte("\xff Go buildinf:")

// goBuild looks for Go's build information in a data segment.
func (m *module) goBuild(data []byte) {
	if m.info.GoVersion != "" {
		return
	}
	i := bytes.Index(data, buildInfo)
	if i < 0 || len(data)-i < 32 || data[i+15]&2 == 0 {
		return
	}
	data = data[i+32:]
	text := func() string {
		n, k := binary.Uvarint(data)
		if k <= 0 || n > uint64(len(data)-k) || n > 64<<10 {
			data = nil
			return ""
		}
		s := data[k : k+int(n)]
		data = data[k+int(n):]
		return string(s)
	}
	m.info.GoVersion = fault.Clean(text(), 100)
	// The module lines stand between two markers of 16 bytes.
	if mod := text(); len(mod) > 33 && mod[len(mod)-17] == '\n' {
		m.info.GoBuild = fault.Clean(mod[16:len(mod)-16], 16<<10)
	}
}
