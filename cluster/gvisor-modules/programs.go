//go:build programs

// Package programs names the programs that are built, so that `go mod tidy` keeps what they need.
package programs

import (
	_ "gvisor.dev/gvisor/runsc"
	_ "gvisor.dev/gvisor/shim"
)
