package host

import (
	"fmt"
	"strings"

	"rechost/guest/abi"
	"rechost/host/fault"
	"rechost/host/sandbox/rewrite"
)

// moduleInfo joins what the module says of itself with what its bytes say.
func (s *session) moduleInfo() (*ModuleInfo, error) {
	x, err := rewrite.Inspect(s.wasm)
	if err != nil {
		return nil, s.blame(err)
	}
	i := &ModuleInfo{Module: s.module, ABI: abi.Version, Description: s.desc, Functions: x.Functions, Code: int64(x.CodeBytes)}
	if x.Memory != nil {
		i.MinMemory = int64(x.Memory.Min) << 16
		if x.Memory.HasMax {
			i.MaxMemory = int64(x.Memory.Max) << 16
		}
	}
	for _, t := range x.Tables {
		text := fmt.Sprintf("%d elements", t.Min)
		if t.HasMax {
			text += fmt.Sprintf(", at most %d", t.Max)
		}
		i.Tables = append(i.Tables, text)
	}
	for _, im := range x.Imports {
		i.Imports = append(i.Imports, fault.Clean(im.Module+"."+im.Name+" "+im.Type.String(), 300))
	}
	for _, ex := range x.Exports {
		name := ex.Name
		if ex.Kind == rewrite.Func {
			name += " " + ex.Type.String()
		}
		i.Exports = append(i.Exports, fault.Clean(name, 300))
	}
	for _, p := range x.Producers {
		i.Build = append(i.Build, fault.Clean(strings.TrimSpace(p.Field+" "+p.Name+" "+p.Version), 200))
	}
	for _, l := range strings.Split(strings.TrimSpace(x.GoBuild), "\n") {
		if l != "" {
			i.Build = append(i.Build, strings.ReplaceAll(l, "\t", " "))
		}
	}
	return i, nil
}
