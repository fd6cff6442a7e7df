// Command vectors writes log.json: trees, proofs, notes and checkpoints as other implementations make them, for the tests
// of chaincode/src/log. Its tests check ours.json, the same the other way round. See ../README.md.
package main

import (
	"bytes"
	"encoding/json"
	"os"
)

// Vectors is the file log.json.
type Vectors struct {
	Seed   string  `json:"seed"`
	Clear  []Clear `json:"clear"`
	Small  []Tree  `json:"small"`
	Random []Tree  `json:"random"`
	Large  []Tree  `json:"large"`
	Notes  []Note  `json:"notes"`
	Proofs []Proof `json:"proofs"`
}

const logFile, oursFile = "../log.json", "../ours.json"

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// render writes one vector a line, so that a change shows as a change of lines.
func render() []byte {
	vectors := Vectors{seed, clearProofs(), smallTrees(), someTrees(), largeTrees(), someNotes(), someProofs()}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(vectors))
	return bytes.ReplaceAll(out.Bytes(), []byte("},{"), []byte("},\n{"))
}

func main() {
	must(os.WriteFile(logFile, render(), 0o644))
}
