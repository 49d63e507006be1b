package host

import (
	"context"
	"math"
	"strings"

	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/emit"
	"rechost/host/fault"
	"rechost/host/manifest"
	"rechost/host/plan"
)

// EmitText says what an offer consists of: "a list of items a user", or "a row
// an item" of a matrix.
func EmitText(d abi.Emit) string {
	one := map[string]string{abi.OverUsers: "a user", abi.OverItems: "an item"}[d.Rows]
	if d.IDs != "" {
		return "a list of " + d.Of + " " + one
	}
	return "a row " + one
}

// checkForms refuses files of Job.Emit that end in nothing known.
func checkForms(job Job) error {
	for _, e := range job.Emit {
		if _, err := emit.FormOf(e.File); err != nil {
			return err
		}
	}
	return nil
}

// checkEmits refuses what the plan does not offer, or not in that form, before
// any task is run.
func (s *session) checkEmits() error {
	for _, want := range s.job.Emit {
		d, ok := s.offered(want.Name)
		if !ok {
			return s.notOffered(want)
		}
		if err := emit.Refuse(d.Name, d.IDs != "", want.File); err != nil {
			return err
		}
		if err := emit.CheckNames(d, s.matrix.Users.Name, s.matrix.Items.Name); err != nil {
			return err
		}
	}
	return nil
}

// offered finds what the plan offers by name.
func (s *session) offered(name string) (abi.Emit, bool) {
	for _, d := range s.plan.Emits {
		if d.Name == name {
			return d, true
		}
	}
	return abi.Emit{}, false
}

func (s *session) notOffered(want Emission) error {
	var names []string
	for _, d := range s.plan.Emits {
		names = append(names, d.Name)
	}
	asked := fault.Clean(want.Name, 80)
	switch {
	case s.job.QuietGuest: // the names are the module's words
		return fault.Use("%s emits no %q", s.module.Name, asked)
	case len(names) == 0:
		return fault.Use("%s emits nothing beside recommendations, so no %q", s.module.Name, asked)
	}
	err := fault.Use("%s emits no %q: it emits %s", s.module.Name, asked, strings.Join(names, ", "))
	if near := fault.Nearest(want.Name, names); near != "" {
		err = err.WithHint("did you mean --emit %s=%s?", near, want.File)
	}
	return err
}

// emissions reads and checks what Job.Emit asks for of the frames that the
// plan made. What it returns has to be released.
func (s *session) emissions(o *outcome) (release func(), err error) {
	var releases []func()
	release = func() {
		for _, r := range releases {
			r()
		}
	}
	read := func(c array.Column) []byte {
		if err != nil {
			return nil
		}
		b, r, e := s.store.Read(c.Meta)
		if err = e; err == nil {
			releases = append(releases, r)
		}
		return b
	}
	o.emissions = nil
	for _, want := range s.job.Emit {
		d, _ := s.offered(want.Name)
		// A later turn of a repeat can have made another frame than the plan's
		// check has seen.
		if err = plan.CheckEmit(d, o.env, s.matrix.Users.Len(), s.matrix.Items.Len()); err != nil {
			break
		}
		b := o.env[d.Frame]
		f := emit.Frame{Rows: b.Rows, Width: b.Arrays[d.Values].Width, Values: floats(b.Arrays[d.Values].DType, read(b.Arrays[d.Values]))}
		if d.IDs != "" {
			f.Offsets, f.IDs = array.View[uint64](read(b.Arrays[abi.Offsets])), array.View[uint32](read(b.Arrays[d.IDs]))
		}
		var e *emit.Emission
		if err == nil {
			e, err = emit.New(d, s.matrix, f)
		}
		if err != nil {
			break
		}
		o.emissions = append(o.emissions, e)
	}
	if err != nil {
		release()
		return nil, s.blame(err)
	}
	return release, nil
}

// floats views or rounds numbers to float32.
func floats(t array.DType, b []byte) []float32 {
	if t == array.F32 {
		return array.View[float32](b)
	}
	wide := array.View[float64](b)
	x := make([]float32, len(wide))
	for i, v := range wide {
		x[i] = float32(v)
		if v != v {
			x[i] = float32(math.NaN())
		}
	}
	return x
}

// writeEmissions writes them to files of other names, that hidden gives, in the
// order of Job.Emit.
func (s *session) writeEmissions(ctx context.Context, o *outcome, hidden func(name string) string) ([]Emitted, error) {
	var list []Emitted
	for i, e := range o.emissions {
		names := emit.Files(s.job.Emit[i].File)
		other := make([]string, len(names))
		for k, n := range names {
			other[k] = hidden(n)
		}
		written, err := emit.Write(ctx, e, other)
		if err != nil {
			return nil, under(names[0], err)
		}
		for k, w := range written {
			w.Path = names[k]
			list = append(list, Emitted{s.job.Emit[i].Name, w})
		}
	}
	return list, nil
}

// emitted is what the manifest says was asked for.
func (s *session) emitted() (list []manifest.Emit) {
	for _, e := range s.job.Emit {
		form, _ := emit.FormOf(e.File)
		list = append(list, manifest.Emit{Name: e.Name, Form: form})
	}
	return list
}
