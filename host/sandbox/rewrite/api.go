package rewrite

import "rechost/host/fault"

// Check decodes the module and refuses, by name, what exceeds caps, what the
// sandbox does not support, and what is malformed. The error is a *fault.Error
// of code Module without the module's file name, which the caller knows.
func Check(wasm []byte, caps Caps) (*Info, error) {
	m, err := decode(wasm, caps.filled())
	if err != nil {
		return nil, err
	}
	for _, im := range m.info.Imports {
		if im.Kind != Func {
			return nil, fault.Mod("the module imports %s %s.%s: only functions can be imported", im.Kind, fault.Clean(im.Module, 100), fault.Clean(im.Name, 100)).
				WithHint("link it as a module of its own, with its own memory and tables")
		}
	}
	return &m.info, nil
}

// Inspect describes a module whatever its size and shape. It refuses only what
// is malformed or not supported.
func Inspect(wasm []byte) (*Info, error) {
	m, err := decode(wasm, widest)
	if err != nil {
		return nil, err
	}
	return &m.info, nil
}
