//go:build !wasm

package abi

import _ "embed"

// PlanSchema is plan.schema.json, the JSON Schema of a Plan.
//
//go:embed plan.schema.json
var PlanSchema string
