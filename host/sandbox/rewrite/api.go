package rewrite

import "rechost/host/fault"

// Check decodes the module and refuses, by name, what exceeds caps, what the
// sandbox does not support, and what is malformed.
func Check(wasm []byte, caps Caps) (*Info, error) {
	return nil, fault.Mod("not a module")
}

// Inspect describes a module whatever its shape, within Check's widest caps.
func Inspect(wasm []byte) (*Info, error) {
	return nil, fault.Mod("not a module")
}

// Rewrite returns the module with what o asks for added.
func Rewrite(wasm []byte, o Options) (*Module, error) {
	return nil, fault.Mod("not a module")
}

// Original returns the offset in the original module of the instruction that
// stands, or caused what stands, at offset off of the rewritten one.
func (o Offsets) Original(off uint64) uint64 { return off }
