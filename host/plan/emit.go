package plan

import (
	"rechost/guest/abi"
	"rechost/host/array"
	"rechost/host/fault"
)

// MaxEmits bounds the frames that a plan offers by name.
const MaxEmits = 64

// parseEmits checks what the plan offers, on its own.
func (p *Plan) parseEmits() error {
	if len(p.Emits) > MaxEmits {
		return fault.Mod("the plan emits %d frames; at most %d are offered", len(p.Emits), MaxEmits)
	}
	seen := map[string]bool{}
	for i := range p.Emits {
		e := &p.Emits[i]
		if !nameForm.MatchString(e.Name) {
			return fault.Mod("the plan emits %q: %s", fault.Clean(e.Name, 80), namesHelp)
		}
		bad := func(format string, a ...any) error {
			return fault.Mod("what the plan emits as "+e.Name+": "+format, a...)
		}
		sided := func(s string) bool { return s == abi.OverUsers || s == abi.OverItems }
		switch {
		case seen[e.Name]:
			return bad("the name is there twice")
		case !sided(e.Rows):
			return bad("its rows are %q, neither users nor items", fault.Clean(e.Rows, 80))
		case e.IDs != "" && !sided(e.Of):
			return bad("its lists are of %q, neither users nor items", fault.Clean(e.Of, 80))
		case e.IDs == "" && e.Of != "" && e.Of != e.Rows:
			return bad("the columns of a matrix are nobody's, or the same as its rows, not %q", fault.Clean(e.Of, 80))
		}
		seen[e.Name] = true
		e.Help = fault.Clean(e.Help, 300)
	}
	return nil
}

// CheckEmit examines whether frame f, of an environment after the plan, is
// what e says of it, where there are so many users and items.
func CheckEmit(e abi.Emit, env Env, users, items int) error {
	bad := func(format string, a ...any) error {
		return fault.Mod("what the plan emits as "+e.Name+": "+format, a...)
	}
	f, ok := env[e.Frame]
	if !ok {
		return bad("there is no frame %q", fault.Clean(e.Frame, 80))
	}
	n := map[string]int{abi.OverUsers: users, abi.OverItems: items}
	if f.Rows != n[e.Rows] {
		return bad("frame %s has %d rows, and there are %d %s", e.Frame, f.Rows, n[e.Rows], e.Rows)
	}
	v, ok := f.Arrays[e.Values]
	lists := e.IDs != ""
	if !ok || v.DType != array.F32 && v.DType != array.F64 || v.PerEntry != lists || lists && v.Width != 0 {
		return bad("its values must be %s.%s, f32 or f64, a list's per entry and without columns, a matrix's per row: the frame has %s",
			e.Frame, fault.Clean(e.Values, 80), listNames(f.Frame))
	}
	if id, ok := f.Arrays[e.IDs]; lists && (!ok || id.DType != array.U32 || !id.PerEntry || id.Width != 0) {
		return bad("its ids must be %s.%s, u32 per entry: the frame has %s", e.Frame, fault.Clean(e.IDs, 80), listNames(f.Frame))
	}
	if !lists && e.Of != "" && v.Width != n[e.Of] {
		return bad("%s.%s has %d columns, and there are %d %s", e.Frame, e.Values, v.Width, n[e.Of], e.Of)
	}
	return nil
}
