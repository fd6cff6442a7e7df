package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// seed names the one run that all vectors come from.
const seed = "quanji log vectors 1"

// random is a stream of SHA-256(seed ‖ label ‖ counter): the same on every machine and version of Go.
type random struct {
	label   string
	counter uint64
}

func (r *random) uint64() uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", seed, r.label, r.counter))
	r.counter++
	return binary.BigEndian.Uint64(sum[:])
}

// below answers 0 … n−1; the bias is below 2⁻¹⁰ for all n used here.
func (r *random) below(n int64) int64 { return int64(r.uint64() % uint64(n)) }

// logUniform answers 1 … max, small numbers as often as large ones.
func (r *random) logUniform(max int64) int64 {
	bits := int64(1)
	for v := max; v > 1; v >>= 1 {
		bits++
	}
	for {
		width := uint(1 + r.below(bits))
		v := int64(r.uint64() >> (64 - width))
		if v >= 1 && v <= max {
			return v
		}
	}
}

// key is the Ed25519 key whose seed is SHA-256(name). It protects nothing.
func key(name string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(sum[:])
}
