package array

// Writer is an array that is being stored. Its shape is known, its data comes
// part by part.
type Writer interface {
	// Write takes the next bytes of the data.
	Write(part []byte) (int, error)
	// Finish names the array, all of whose data has come, and returns its Meta
	// with the digest.
	Finish() (Meta, error)
	// Drop gives up what is not finished. It must be called in any case.
	Drop()
}
