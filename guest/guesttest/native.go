package guesttest

import (
	"encoding/json"
	"fmt"

	"rechost/guest"
	"rechost/guest/abi"
)

// Native is the runner of a module as plain Go. Configurations and plans go
// through JSON on the way, as they do in the sandbox.
func Native(m guest.Module) Runner { return native{&m} }

type native struct{ m *guest.Module }

func (n native) Describe() (d abi.Description, err error) {
	b, err := n.m.DescribeJSON()
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	return d, err
}

func (n native) Plan(c abi.Config) (p abi.Plan, err error) {
	b, err := json.Marshal(c)
	if err != nil {
		return p, err
	}
	if b, err = n.m.PlanJSON(b); err == nil {
		err = json.Unmarshal(b, &p)
	}
	return p, err
}

func (n native) Task(c abi.Config, inputs map[string]Array, outputs []abi.Output) (map[string]Array, []string, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, nil, err
	}
	h := &host{inputs: inputs, out: map[string][]byte{}}
	if err := n.m.RunJSON(b, c.Task.Index, h); err != nil {
		return nil, h.log, err
	}
	out, err := Collect(outputs, h.out)
	return out, h.log, err
}

// Collect makes arrays of the bytes that a task wrote for its outputs.
func Collect(outputs []abi.Output, written map[string][]byte) (map[string]Array, error) {
	out := map[string]Array{}
	for _, o := range outputs {
		arrays := o.Arrays
		for _, a := range o.Arrays {
			if a.Per == abi.PerEntry {
				arrays = append([]abi.Array{{Name: abi.Offsets, DType: "u64"}}, arrays...)
				break
			}
		}
		for _, a := range arrays {
			name := o.Frame + "." + a.Name
			x, err := FromBytes(a.DType, a.Width, written[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			x.PerEntry = a.Per == abi.PerEntry
			out[name] = x
			delete(written, name)
		}
	}
	for name := range written {
		return nil, fmt.Errorf("%s is no output", name)
	}
	return out, nil
}

// host is what stands behind a native task.
type host struct {
	inputs map[string]Array
	out    map[string][]byte
	log    []string
}

func (h *host) Open(name string) (guest.Input, bool) {
	a, ok := h.inputs[name]
	if !ok {
		return guest.Input{}, false
	}
	return guest.Input{DType: a.DType(), Rows: a.Rows(), Width: a.Width, Elements: a.Len(), Data: a.Data}, true
}

func (h *host) Read(guest.Input, int, int, []byte) { panic("guesttest: every input has Data") }

func (h *host) Write(name string, data []byte) { h.out[name] = append(h.out[name], data...) }

func (h *host) Log(level int, msg string) { h.log = append(h.log, msg) }

func (h *host) Progress(done, total int) {
	if done < 0 || done > total {
		panic(fmt.Sprintf("guesttest: progress %d of %d", done, total))
	}
}
