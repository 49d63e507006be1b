package guest

import "rechost/guest/abi"

// encodeDescription writes what "describe" takes.
func encodeDescription(d abi.Description) []byte {
	var w jsonWriter
	w.open('{')
	w.field("name", d.Name)
	w.field("version", d.Version)
	w.key("summary")
	w.value(d.Summary)
	w.field("source", d.Source)
	if len(d.Uses) > 0 {
		w.strings("uses", d.Uses)
	}
	if len(d.Needs) > 0 {
		w.strings("needs", d.Needs)
	}
	w.key("parameters")
	w.open('[')
	for _, p := range d.Parameters {
		w.open('{')
		w.field("name", p.Name)
		w.field("type", p.Type)
		w.key("default")
		w.value(p.Default)
		if p.Min != nil {
			w.key("min")
			w.value(*p.Min)
		}
		if p.Max != nil {
			w.key("max")
			w.value(*p.Max)
		}
		if len(p.Choices) > 0 {
			w.strings("choices", p.Choices)
		}
		w.key("help")
		w.value(p.Help)
		w.close('}')
	}
	w.close(']')
	w.close('}')
	return w.b
}

func (w *jsonWriter) strings(key string, l []string) {
	w.key(key)
	w.open('[')
	for _, s := range l {
		w.string(s)
	}
	w.close(']')
}

// encodePlan writes what "plan" takes.
func encodePlan(p abi.Plan) []byte {
	var w jsonWriter
	w.open('{')
	w.steps(p.Steps)
	if len(p.Emits) > 0 {
		w.emits(p.Emits)
	}
	w.close('}')
	return w.b
}

func (w *jsonWriter) emits(emits []abi.Emit) {
	w.key("emits")
	w.open('[')
	for _, e := range emits {
		w.open('{')
		w.field("name", e.Name)
		w.field("frame", e.Frame)
		w.field("rows", e.Rows)
		w.field("ids", e.IDs)
		w.field("of", e.Of)
		w.field("values", e.Values)
		w.key("help")
		w.value(e.Help)
		w.close('}')
	}
	w.close(']')
}

func (w *jsonWriter) steps(steps []abi.Step) {
	w.key("steps")
	w.open('[')
	for _, s := range steps {
		w.open('{')
		if s.Stage != nil {
			w.key("stage")
			w.stage(s.Stage)
		}
		if r := s.Repeat; r != nil {
			w.key("repeat")
			w.open('{')
			w.key("times")
			w.value(r.Times)
			w.field("until", r.Until)
			w.steps(r.Steps)
			w.close('}')
		}
		w.close('}')
	}
	w.close(']')
}

func (w *jsonWriter) stage(s *abi.Stage) {
	w.open('{')
	w.field("name", s.Name)
	w.field("over", s.Over)
	w.key("inputs")
	w.open('[')
	for _, in := range s.Inputs {
		w.open('{')
		w.field("frame", in.Frame)
		if len(in.Arrays) > 0 {
			w.strings("arrays", in.Arrays)
		}
		w.field("bind", in.Bind)
		w.close('}')
	}
	w.close(']')
	w.key("outputs")
	w.open('[')
	for _, o := range s.Outputs {
		w.open('{')
		w.field("frame", o.Frame)
		w.field("combine", o.Combine)
		w.field("bind", o.Bind)
		w.field("rows", o.Rows)
		w.key("arrays")
		w.open('[')
		for _, a := range o.Arrays {
			w.open('{')
			w.field("name", a.Name)
			w.field("dtype", a.DType)
			w.field("per", a.Per)
			w.field("width", a.Width)
			w.close('}')
		}
		w.close(']')
		w.close('}')
	}
	w.close(']')
	w.close('}')
}

// decodeConfig reads what config_read gives.
func decodeConfig(s string) (c abi.Config, err error) {
	defer caught(&err)
	v, err := parseJSON(s)
	if err != nil {
		return c, err
	}
	o := object(v)
	if c.ABI = o.int("abi"); c.ABI != abi.Version {
		mistake[int]("the host speaks version " + text(c.ABI) + " of the interface, this module " + text(abi.Version))
	}
	c.Parameters = object(o["parameters"])
	c.Seed = int64(o.int("seed"))
	if n, ok := o["seed"].(int64); ok {
		c.Seed = n // int has 32 bits on some systems
	}
	c.Top = o.int("top")
	c.KeepSeen = o.bool("keep_seen")
	c.Candidates, _ = o["candidates"].(string)
	d := object(o["data"])
	c.Data = abi.Data{Users: d.int("users"), Items: d.int("items"), Interactions: d.int("interactions"),
		Targets: d.int("targets"), Values: d.bool("values"), Times: d.bool("times")}
	if o["task"] != nil {
		t := object(o["task"])
		name, _ := t["stage"].(string)
		c.Task = &abi.Task{Stage: name, Index: t.int("index"), Iteration: t.int("iteration"), Shard: t.int("shard"),
			Shards: t.int("shards"), First: t.int("first"), Rows: t.int("rows")}
	}
	return c, nil
}

type jsonObject map[string]any

func object(v any) jsonObject {
	o, ok := v.(map[string]any)
	if !ok && v != nil {
		mistake[int]("the configuration has no object where one is due")
	}
	return o
}

func (o jsonObject) int(key string) int {
	switch v := o[key].(type) {
	case nil:
		return 0
	case int64:
		return int(v)
	}
	return mistake[int]("the configuration's " + key + " is not a whole number")
}

func (o jsonObject) bool(key string) bool {
	v, ok := o[key].(bool)
	return ok && v
}
