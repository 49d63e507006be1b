//go:build !linux

package doctor

// kernel has nothing that workers could stand behind here.
func kernel() []Fact {
	return []Fact{
		{Name: "Landlock", Value: "none", Means: "it is of Linux: files are not closed to a guest that breaks out"},
		{Name: "seccomp", Value: "none", Means: "it is of Linux: system calls are not closed to a guest that breaks out"},
	}
}
