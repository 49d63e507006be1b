package host

import (
	"slices"
	"strings"

	"rechost/guest/abi"
	"rechost/host/digest"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/trust"
)

// admit decides, from the digest sum of the module in the file path and nothing
// else of it, whether it may run at all: want is the digest asked for, or zero,
// and file a trust file, or "". The entry is nil where no trust file is asked.
func admit(path string, sum, want digest.Digest, file string) (*trust.Entry, *manifest.Trust, error) {
	if !want.IsZero() && want != sum {
		return nil, nil, fault.Mod("%s has sha256 %s, and sha256 %s is asked for", path, sum, want)
	}
	if file == "" {
		return nil, nil, nil
	}
	f, err := trust.Read(file)
	if err != nil {
		return nil, nil, err
	}
	e, err := f.Admit(path, sum)
	if err != nil {
		return nil, nil, err
	}
	return &e, &manifest.Trust{File: f.Digest(), Entry: e.By, Comment: e.Comment}, nil
}

// checkGrant refuses grants of what is no column, or is not read.
func checkGrant(j Job) error {
	for _, c := range j.Grant {
		switch {
		case !slices.Contains(trust.Columns, c):
			return fault.Use("there is no column %q to grant: the columns are %s", fault.Clean(c, 40), strings.Join(trust.Columns, ", "))
		case c == trust.Columns[0] && j.Data.NoValue:
			return fault.Use("values are granted and not read")
		case c == abi.Time && j.Data.NoTime:
			return fault.Use("times are granted and not read").WithHint("leave out one of --grant time and --no-time")
		}
	}
	return nil
}

// granted lists the columns that the module may have beyond users and items,
// in the order of trust.Columns: values unless they are not read, others where
// they were named.
func (j *Job) granted() []string {
	g := []string{}
	if !j.Data.NoValue {
		g = append(g, trust.Columns[0])
	}
	for _, c := range trust.Columns[1:] {
		if slices.Contains(j.Grant, c) {
			g = append(g, c)
		}
	}
	return g
}

func (s *session) granted(column string) bool { return slices.Contains(s.job.granted(), column) }

// asks tells whether the module asks for a column, in vain or not.
func (s *session) asks(column string) bool {
	return slices.Contains(s.desc.Uses, column) || slices.Contains(s.desc.Needs, column)
}

// checkNeeds refuses a module that cannot do without a column that it was not
// granted.
func (s *session) checkNeeds() error {
	for _, c := range s.desc.Needs {
		switch {
		case !slices.Contains(trust.Columns, c):
			return s.blame(fault.Mod("needs the column %s, which this rechost does not have: its columns are %s", c, strings.Join(trust.Columns, ", ")))
		case s.granted(c):
		case c == trust.Columns[0]:
			return fault.Use("%s needs values, and they are not read", s.desc.Name).WithHint("leave out --no-value")
		default:
			return fault.Use("%s needs the column %s, and it is not granted", s.desc.Name, c).WithHint("grant it: --grant %s", c)
		}
	}
	return nil
}

// getsTimes tells whether the module is fed times: it asks for them, they are
// granted, and the data has them.
func (s *session) getsTimes() bool {
	return s.matrix.Times && s.granted(abi.Time) && s.asks(abi.Time)
}

// withhold takes from the frames what the module does not ask for, and says
// what became of grants: once the module has described itself and the data is
// read.
func (s *session) withhold() error {
	if !s.getsTimes() {
		delete(s.env[abi.ByUser].Arrays, abi.Time)
	}
	switch asks, granted := s.asks(abi.Time), s.granted(abi.Time); {
	case slices.Contains(s.desc.Needs, abi.Time) && !s.matrix.Times:
		return fault.Data("%s needs times, and the data has no column of them", s.desc.Name).WithHint("name it: --time COLUMN")
	case asks && !granted && s.matrix.Times:
		s.once(s.desc.Name + " can use times, which are not granted: it runs as if the data had none; --grant time hands them over")
	case asks && granted && !s.matrix.Times:
		s.once("times are granted, and the data has none")
	case !asks && granted:
		s.once(s.desc.Name + " does not ask for times: none are handed over")
	}
	return nil
}

// once is tell for what may come up again.
func (s *session) once(note string) {
	if !slices.Contains(s.notes, note) {
		s.tell(note)
	}
}

// columns lists what of the data the module gets beyond users and items.
func (s *session) columns() []string {
	c := []string{}
	if s.matrix.Values {
		c = append(c, trust.Columns[0])
	}
	if s.getsTimes() {
		c = append(c, abi.Time)
	}
	return c
}

// withheldHint adds to a complaint about a plan that reads times without having
// them why that is.
func (s *session) withheldHint(err error) error {
	if s.getsTimes() || !s.matrix.Times || !s.plan.Reads(abi.ByUser, abi.Time) {
		return err
	}
	hint := "the module's description must ask for times, and the run grant them: --grant time"
	if s.asks(abi.Time) {
		hint = "grant them: --grant time"
	}
	return fault.New(fault.CodeOf(err), "%v", err).WithHint("%s", hint)
}
