package interactions

import (
	"runtime"
	"slices"
	"strconv"
	"strings"

	"rechost/host/fault"
	"rechost/host/table"
)

// Set is a data set whose files are open and whose columns are chosen.
type Set struct {
	options Options
	workers int
	files   []*table.File
	roles   [4]column // user, item, value, time
	parts   []part

	ids       [2]class
	timeClass timeClass
	unit      string // of plain times, once known

	report Report
}

// column is the column of a role in every file; sources is empty where there
// is none.
type column struct {
	role    Role
	name    string
	sources []source
}

// part is one row group.
type part struct {
	file, group int
	first       int64 // number of its first row in the file
}

// Places of the roles.
const (
	user = iota
	item
	value
	time
)

// Open finds the files that paths mean, reads their footers and chooses
// columns. Errors name the file; their code is fault.Failed where a path is
// not there or cannot be read, and fault.BadData for what a file holds.
func Open(paths []string, o Options) (*Set, error) {
	s := &Set{options: o, workers: o.Workers}
	if s.workers <= 0 {
		s.workers = runtime.GOMAXPROCS(0)
	}
	if !slices.Contains([]string{"", unitSeconds, unitMillis, unitMicros, unitNanos}, o.TimeUnit) {
		return nil, fault.Use("no time unit %s: the units are s, ms, us, ns", o.TimeUnit)
	}
	if o.MinValue != nil && *o.MinValue != *o.MinValue {
		return nil, fault.Use("the smallest value is not a number")
	}
	names, err := expand(paths)
	if err != nil {
		return nil, err
	}
	if err := s.open(names); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// manyFiles is how many files stay open at a time between the reading of
// their footers and of their data.
const manyFiles = 200

func (s *Set) open(names []string) error {
	for _, n := range names {
		f, err := table.Open(n)
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
		if len(names) > manyFiles {
			f.Rest()
		}
	}
	fields := make([][]table.Field, len(s.files))
	hives, doubled := make([][]hive, len(s.files)), make([][]hive, len(s.files))
	for i, f := range s.files {
		fields[i] = slices.Clone(f.Fields())
		for _, h := range hiveOf(f.Name()) {
			if slices.ContainsFunc(f.Fields(), func(x table.Field) bool { return x.Name == h.name }) {
				doubled[i] = append(doubled[i], h)
				continue
			}
			fields[i] = append(fields[i], table.Field{Name: h.name, Type: table.TypeString, Optional: true})
			hives[i] = append(hives[i], h)
		}
		if i > 0 {
			if err := sameColumns(names[0], fields[0], names[i], fields[i]); err != nil {
				return err
			}
		}
		first := int64(0)
		for g := range f.Groups() {
			s.parts = append(s.parts, part{i, g, first})
			first += int64(f.GroupRows(g))
		}
		s.report.Files = append(s.report.Files, File{Path: names[i], Size: f.Size(), Rows: f.Rows()})
	}
	s.report.Fields = fields[0]
	if err := s.choose(names[0], fields[0]); err != nil {
		return err
	}
	for r := range s.roles {
		c := &s.roles[r]
		if c.name == "" {
			continue
		}
		for i, f := range s.files {
			for _, h := range doubled[i] {
				if h.name == c.name { // which of the two holds, nobody can tell
					return fault.Data("%s: %s twice: the file has a column %s, and a folder is named %s=%s", f.Name(), plurals[c.role], h.name, h.name, h.value).
						WithHint("give the folder a name without =, and the column is read; or name another column: --%s COLUMN", c.role)
				}
			}
			src := source{file: f.Name(), place: -1}
			for k, fd := range fields[i] {
				if fd.Name == c.name {
					src.typ, src.place = fd.Type, k
				}
			}
			if n := len(f.Fields()); src.place >= n {
				src.hive = &hives[i][src.place-n]
				src.place = -1
			}
			c.sources = append(c.sources, src)
		}
		typeHive(c.sources)
	}
	return s.checkTypes()
}

// sameColumns compares the names of columns, in any order.
func sameColumns(a string, fa []table.Field, b string, fb []table.Field) error {
	sorted := func(f []table.Field) []string {
		var n []string
		for _, x := range f {
			n = append(n, fault.Clean(x.Name, 200)) // a file's words
		}
		slices.Sort(n)
		return n
	}
	na, nb := sorted(fa), sorted(fb)
	if slices.Equal(na, nb) {
		return nil
	}
	for _, n := range na {
		if !slices.Contains(nb, n) {
			return fault.Data("%s: no column %s, which %s has: files of one data set have the same columns", b, n, a)
		}
	}
	for _, n := range nb {
		if !slices.Contains(na, n) {
			return fault.Data("%s: a column %s, which %s has not: files of one data set have the same columns", b, n, a)
		}
	}
	return fault.Data("%s: a column twice: its columns are %s", b, strings.Join(nb, ", "))
}

// choose finds the columns of the roles. A column that is named outright is
// no candidate for another role.
func (s *Set) choose(file string, fields []table.Field) error {
	o := s.options
	explicit := [4]string{o.User, o.Item, o.Value, o.Time}
	roles := [4]Role{User, Item, Value, Time}
	wanted := [4]bool{true, true, !o.NoValue || o.MinValue != nil, !o.NoTime}
	taken := map[string]Role{}
	for r, role := range roles {
		if explicit[r] == "" || !wanted[r] {
			continue
		}
		i, err := Choose(file, fields, role, explicit[r])
		if err != nil {
			return err
		}
		n := fields[i].Name
		if other, ok := taken[n]; ok {
			return fault.Use("column %s cannot give both %s and %s", n, plurals[other], plurals[role])
		}
		taken[n] = role
		s.roles[r] = column{role: role, name: n}
	}
	for r, role := range roles {
		if explicit[r] != "" || !wanted[r] {
			continue
		}
		free := slices.DeleteFunc(slices.Clone(fields), func(f table.Field) bool { _, ok := taken[f.Name]; return ok })
		i, err := Choose(file, free, role, "")
		if err != nil {
			return err
		}
		if i >= 0 {
			s.roles[r] = column{role: role, name: free[i].Name}
		}
	}
	if o.MinValue != nil && s.roles[value].name == "" {
		return fault.Data("%s: no column for values, which a smallest value needs", file).WithHint("name it: --value COLUMN")
	}
	for r := range s.roles {
		n := 0
		for _, f := range fields {
			if s.roles[r].name != "" && f.Name == s.roles[r].name {
				n++
			}
		}
		if n > 1 {
			return fault.Data("%s: column %s is there twice", file, s.roles[r].name)
		}
	}
	return nil
}

// typeHive makes a folders' column integer where all its values are.
func typeHive(s []source) {
	for _, x := range s {
		if x.hive == nil {
			return
		}
		v, err := strconv.ParseInt(x.hive.value, 10, 64)
		if !x.hive.null && (err != nil || strconv.FormatInt(v, 10) != x.hive.value) {
			return
		}
	}
	for i := range s {
		s[i].typ = table.TypeInt64
	}
}

func (s *Set) checkTypes() (err error) {
	r := &s.report
	for k, dst := range []*Column{user: &r.User, item: &r.Item} {
		c := &s.roles[k]
		dst.Name, dst.Hive = c.name, c.sources[0].hive != nil
		if dst.Type, s.ids[k], err = idType(c.role, c.name, c.sources); err != nil {
			return err
		}
	}
	if c := &s.roles[value]; c.name != "" {
		if err := valueType(c.name, c.sources); err != nil {
			return err
		}
		r.Value = &Column{Name: c.name, Type: c.sources[0].typ, Hive: c.sources[0].hive != nil}
	}
	c := &s.roles[time]
	if c.name == "" {
		return nil
	}
	if s.timeClass, err = timeType(c.name, c.sources); err != nil {
		return err
	}
	t := c.sources[0].typ
	r.Time = &Column{Name: c.name, Type: t, Hive: c.sources[0].hive != nil}
	r.TimeFrom = "type"
	switch {
	case s.timeClass == timePlain && s.options.TimeUnit != "":
		r.TimeUnit, r.TimeFrom = s.options.TimeUnit, "option"
	case s.timeClass == timePlain:
		r.TimeFrom = "magnitude"
	case s.options.TimeUnit != "":
		return fault.Use("%s: column %s is %s, which has a unit of its own", c.sources[0].file, c.name, t).WithHint("leave --time-unit out")
	case s.timeClass == timeNanos96:
		r.TimeUnit = "int96"
	case s.timeClass == timeText:
		r.TimeUnit = "iso"
	case t.Logical == table.Date:
		r.TimeUnit = "days"
	default:
		r.TimeUnit = t.Unit
	}
	return nil
}

// Parts is the number of row groups of all files.
func (s *Set) Parts() int { return len(s.parts) }

// Workers is how many row groups Scan reads at a time.
func (s *Set) Workers() int { return s.workers }

// Options returns what the set was opened with.
func (s *Set) Options() Options { return s.options }

// Report returns what was found.
func (s *Set) Report() Report { return s.report }

// Close closes the files.
func (s *Set) Close() error {
	var first error
	for _, f := range s.files {
		if err := f.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
