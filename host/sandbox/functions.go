package sandbox

import (
	"cmp"
	"slices"
)

// Function is a host function that modules may import.
type Function struct {
	Module, Name    string
	Params, Results []byte // value types, in their binary form
}

// Functions are all host functions, by module and name.
func Functions() []Function {
	var all []Function
	for module, table := range map[string]map[string]hostFunc{dataModule: dataFuncs, numModule: kernels, wasiModule: wasiFuncs} {
		for name, f := range table {
			all = append(all, Function{module, name, f.params, f.results})
		}
	}
	slices.SortFunc(all, func(a, b Function) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Name, b.Name))
	})
	return all
}
