package doctor

import "slices"

// all are the attacks, kind by kind.
func all() []attack {
	return slices.Concat(
		loops(), metering(), memoryBombs(), tableBombs(), deepStacks(), compileBombs(), malformedBinaries(),
		confusedImports(), evilNumbers(), outputFloods(), worldly(), leftovers(), cacheAttacks(), arrayAttacks(),
		sentFiles(),
	)
}
