package rewrite

import "rechost/host/fault"

// Check decodes the module and refuses, by name, what exceeds caps, what the
// sandbox does not support, and what is malformed. The error is a *fault.Error
// of code Module without the module's file name, which the caller knows.
func Check(wasm []byte, caps Caps) (*Info, error) {
	m, err := checked(wasm, caps)
	if err != nil {
		return nil, err
	}
	return m.about(), nil
}

// Prepare is Check and Rewrite of one module, which is decoded once.
func Prepare(wasm []byte, caps Caps, o Options) (*Info, *Module, error) {
	m, err := checked(wasm, caps)
	if err != nil {
		return nil, nil, err
	}
	changed, err := emit(m, o, (*walker).measure)
	if err != nil {
		return nil, nil, err
	}
	return m.about(), changed, nil
}

func checked(wasm []byte, caps Caps) (*module, error) {
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
	return m, nil
}

// Inspect describes a module whatever its size and shape. It refuses only what
// is malformed or not supported.
func Inspect(wasm []byte) (*Info, error) {
	m, err := decode(wasm, widest)
	if err != nil {
		return nil, err
	}
	return m.about(), nil
}

// about is a copy of the description, which may live longer than the module.
func (m *module) about() *Info {
	info := m.info
	return &info
}
