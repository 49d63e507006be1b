//go:build !amd64 || purego

package kernel

// available lists the forms that can be used here, best first.
func available() []*set { return []*set{&plain} }
