package executor

// HasProcesses reports whether this system has what worker processes need.
const HasProcesses = true
