//go:build !linux

package matrix

import "os"

// maxRSS is not asked on other systems.
func maxRSS(*os.ProcessState) int64 { return 0 }
