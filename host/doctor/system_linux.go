package doctor

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel is what the kernel has for the walls of a worker, and the limits that
// this process lives under.
func kernel() []Fact {
	var facts []Fact
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		facts = append(facts, Fact{Name: "kernel", Value: unix.ByteSliceToString(u.Release[:])})
	}
	const createRulesetVersion = 1
	landlock := Fact{Name: "Landlock", Means: "only seccomp keeps a guest that breaks out from files: needs Linux 5.13 and lsm=landlock"}
	if abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, createRulesetVersion); e == 0 {
		landlock.Value, landlock.Means = "ABI "+strconv.Itoa(int(abi)), ""
	} else {
		landlock.Value = "none: " + e.Error()
	}
	facts = append(facts, landlock)
	seccomp := Fact{Name: "seccomp", Value: "filters", Means: ""}
	if _, err := os.Stat("/proc/sys/kernel/seccomp/actions_avail"); err != nil {
		seccomp.Value, seccomp.Means = "unknown: "+err.Error(), "the drill below shows whether it stands"
	} else if b, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail"); err == nil {
		seccomp.Value = strings.TrimSpace(string(b))
		if !strings.Contains(seccomp.Value, "kill_process") {
			seccomp.Means = "a kernel older than 4.14: workers cannot be locked in"
		}
	}
	facts = append(facts, seccomp)
	for _, c := range []struct{ name, v2, v1, controller, means string }{
		{"memory.max", "memory.max", "memory.limit_in_bytes", "memory", ""},
		{"cpu.max", "cpu.max", "cpu.cfs_quota_us", "cpu", ""},
		{"pids.max", "pids.max", "pids.max", "pids", ""},
	} {
		facts = append(facts, Fact{Name: "cgroup " + c.name, Value: cgroupLimit(c.controller, c.v2, c.v1)})
	}
	if b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil {
		facts = append(facts, Fact{Name: "ptrace_scope", Value: strings.TrimSpace(string(b))})
	}
	return facts
}

// cgroupLimit reads a limit of this process's control group, of version 2 or
// else of version 1: the tightest on the way up to the root.
func cgroupLimit(controller, v2, v1 string) string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "unknown: " + err.Error()
	}
	for _, old := range []bool{false, true} {
		for line := range strings.Lines(string(text)) {
			part := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(part) != 3 {
				continue
			}
			root, file := "/sys/fs/cgroup", v2
			if old {
				root, file = "/sys/fs/cgroup/"+controller, v1
			}
			if isV2 := part[1] == ""; isV2 == old || old && part[1] != controller {
				continue
			}
			for dir := path.Clean("/" + part[2]); ; dir = path.Dir(dir) {
				b, err := os.ReadFile(path.Join(root, dir, file))
				s := strings.TrimSpace(string(b))
				n, notNumber := strconv.ParseInt(strings.Fields(s + " x")[0], 10, 64)
				if err == nil && notNumber == nil && n >= 0 && n < 1<<62 {
					return s + " (" + path.Join(root, dir, file) + ")"
				}
				if dir == "/" {
					break
				}
			}
		}
	}
	return "none set"
}
