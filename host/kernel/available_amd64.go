//go:build amd64 && !purego

package kernel

func available() []*set { return []*set{&plain} }
