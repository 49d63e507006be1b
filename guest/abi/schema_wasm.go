package abi

// PlanSchema is empty in a module: package embed would add 250 KB to it.
const PlanSchema = ""
