package executor

// Attempt is how the kernel answered a guest that has broken out, as Drill
// plays one.
type Attempt struct {
	Answer  string // the error, or how the worker ended
	Wall    string // that stood in the way; "" where none did
	Refused bool
}
