package sandbox

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"rechost/guest/num"
	"rechost/guest/num/numtest"
	"rechost/host/array"
	"rechost/host/digest"
)

// Every function of guest/num gives the same bits natively, where it runs the
// naive loop on slices, and in a guest, where the host runs its kernel on
// opened inputs.
func TestNumInGuest(t *testing.T) {
	out := filepath.Join(t.TempDir(), "num.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/num")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(context.Background(), wasm, Options{Name: "num.wasm", Limits: testLimits, Cooperative: true, Compilers: 2})
	if err != nil {
		t.Fatal(err)
	}

	y, items, offsets, index, value := numtest.Input()
	got, err := m.Run(context.Background(), Call{
		Config:  taskConfig(t),
		Inputs:  []Input{numInput(t, "y.data", y), numInput(t, "m.offsets", offsets), numInput(t, "m.index", index), numInput(t, "m.value", value)},
		Outputs: []Output{{Name: "out.bits", DType: array.U32, Rows: -1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	bits := array.View[uint32](got.Data[0])
	native, sparse := num.Dense(y, numtest.Factors), num.CSR(items, offsets, index, value)
	want := append(numtest.Bits(native, sparse), numtest.LinearBits(native, sparse)...)
	want = append(append(want, numtest.MaskBits(native, sparse)...), numtest.ElasticBits(sparse)...)
	if len(bits) != len(want) {
		t.Fatalf("%d words, want %d", len(bits), len(want))
	}
	for i := range want {
		if bits[i] != want[i] {
			t.Fatalf("word %d of %d is %#x in the guest, %#x natively", i, len(want), bits[i], want[i])
		}
	}
	if got.Stats.Kernel <= 0 {
		t.Error("no time was counted as the kernels'")
	}
}

func numInput[T array.Number](t *testing.T, name string, v []T) Input {
	t.Helper()
	m := array.Meta{DType: dtypeOf[T](), Rows: len(v), Digest: digest.Of(array.BytesOf(v))}
	file := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(file, append(m.Header(), array.BytesOf(v)...), 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenArray(f, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return Input{Name: name, Array: a, Rows: len(v)}
}
