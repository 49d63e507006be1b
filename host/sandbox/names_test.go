package sandbox

import (
	"context"
	"encoding/binary"
	"runtime"
	"testing"
)

// A name section whose counts are lies costs nothing in any mode: wazero never
// sees it.
func TestLyingNames(t *testing.T) {
	section := func(id byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
	}
	count := binary.AppendUvarint(nil, 100<<20) // names announced, 24 bytes each in wazero
	for name, names := range map[string][]byte{
		"functions":            section(1, count),
		"locals":               section(2, count),
		"locals of a function": section(2, append([]byte{1, 0}, count...)),
	} {
		wasm := append(guest{}.bytes(), section(0, append([]byte("\x04name"), names...))...)
		for _, cooperative := range []bool{true, false} {
			for _, interpreter := range []bool{true, false} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				m, err := Load(context.Background(), wasm, Options{Name: "g.wasm", Limits: testLimits, Cooperative: cooperative, Interpreter: interpreter})
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Errorf("%s: cooperative %v, interpreter %v: %v", name, cooperative, interpreter, err)
					continue
				}
				if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
					t.Errorf("%s: cooperative %v, interpreter %v: %d bytes were allocated", name, cooperative, interpreter, n)
				}
				m.Close()
			}
		}
	}
}
