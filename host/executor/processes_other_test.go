//go:build !linux

package executor

func orphanDrill() {}

func closeDrill() {}
