package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	checkpoints "github.com/transparency-dev/formats/log"
	cosign "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Note is a signed note, good or broken, and what note.Open says to it: "ok" with those who signed, "refused", or
// "unverified" where nobody known did. Times are those of cosignatures, 0 elsewhere.
type Note struct {
	Note    string   `json:"note"`
	Vkeys   []string `json:"vkeys"`
	Verdict string   `json:"verdict"`
	Signers []string `json:"signers,omitempty"`
	Times   []int64  `json:"times,omitempty"`
}

// Proof is a tlog-proof file around a cosigned checkpoint.
type Proof struct {
	File      string    `json:"file"`
	Vkey      string    `json:"vkey"`
	Witnesses []string  `json:"witnesses"`
	Leaf      tlog.Hash `json:"leaf"`
	Origin    string    `json:"origin"`
	Size      int64     `json:"size"`
	Root      tlog.Hash `json:"root"`
	Index     int64     `json:"index"`
	Times     []int64   `json:"times"`
}

const typeEd25519, typeCosignature = 1, 4

// signer signs as a log (type 01) or, at a fixed time, as a witness (type 04).
type signer struct {
	name string
	kind byte
	time uint64
}

func (s signer) Name() string { return s.name }

func (s signer) KeyHash() uint32 {
	var id uint32
	_, err := fmt.Sscanf(strings.Split(s.vkey(), "+")[1], "%08x", &id)
	must(err)
	return id
}

func (s signer) Sign(text []byte) ([]byte, error) {
	if s.kind == typeEd25519 {
		return ed25519.Sign(key(s.name), text), nil
	}
	stamp := binary.BigEndian.AppendUint64(nil, s.time)
	return append(stamp, ed25519.Sign(key(s.name), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", s.time, text))...), nil
}

// vkey is made by the packages under comparison, not by hand.
func (s signer) vkey() string {
	vkey, err := note.NewEd25519VerifierKey(s.name, key(s.name).Public().(ed25519.PublicKey))
	must(err)
	if s.kind == typeCosignature {
		vkey, err = cosign.VKeyToCosignatureV1(vkey)
		must(err)
	}
	return vkey
}

// verifier reads the type from the key: the byte after the second plus.
func verifier(vkey string) note.Verifier {
	material, err := base64.StdEncoding.DecodeString(strings.SplitN(vkey, "+", 3)[2])
	must(err)
	open := note.NewVerifier
	if material[0] == typeCosignature {
		open = cosign.NewVerifierForCosignatureV1
	}
	v, err := open(vkey)
	must(err)
	return v
}

func verifiers(vkeys []string) note.Verifiers {
	list := make([]note.Verifier, len(vkeys))
	for i, vkey := range vkeys {
		list[i] = verifier(vkey)
	}
	return note.VerifierList(list...)
}

// judge fills in what note.Open says.
func (n Note) judge() Note {
	opened, err := note.Open([]byte(n.Note), verifiers(n.Vkeys))
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		n.Verdict = "unverified"
	case err != nil:
		n.Verdict = "refused"
	default:
		n.Verdict = "ok"
		for _, s := range opened.Sigs {
			n.Signers = append(n.Signers, s.Name)
			n.Times = append(n.Times, timeOf(s))
		}
	}
	return n
}

func timeOf(s note.Signature) int64 {
	raw, err := base64.StdEncoding.DecodeString(s.Base64)
	must(err)
	if len(raw) != 4+8+ed25519.SignatureSize {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw[4:]))
}

const goodNotes, brokenNotes = 200, 500

var words = []string{"log", "witness", "授权", "é", "—", "", " ", "=", "— a AAAA", "0", "🙂", "\u00a0", "c2sp.org"}

// someNotes are random notes, then copies of them with one edit each, most of which break them.
func someNotes() []Note {
	r := &random{label: "notes"}
	var notes []Note
	for range goodNotes {
		var text strings.Builder
		for range 1 + r.below(6) {
			for range r.below(4) {
				text.WriteString(words[r.below(int64(len(words)))])
			}
			text.WriteByte('\n')
		}
		var signers []note.Signer
		var vkeys []string
		for i := range 1 + r.below(4) {
			s := signer{fmt.Sprintf("signer%d.example/%d", i, r.below(5)), typeEd25519, 0}
			// A cosignature is over a checkpoint, whose form formats/note asks for by counting three line feeds.
			if r.below(3) == 0 && strings.Count(text.String(), "\n") >= 3 {
				s.kind, s.time = typeCosignature, 1_700_000_000+uint64(r.below(1e8))
			}
			signers = append(signers, s)
			if r.below(4) > 0 {
				vkeys = append(vkeys, s.vkey())
			}
		}
		signed, err := note.Sign(&note.Note{Text: text.String()}, signers...)
		must(err)
		notes = append(notes, Note{Note: string(signed), Vkeys: append([]string{}, vkeys...)}.judge())
	}
	for i := range brokenNotes {
		from := notes[i%goodNotes]
		notes = append(notes, Note{Note: edit(from.Note, r), Vkeys: from.Vkeys}.judge())
	}
	return notes
}

// edit changes one place, in half of the cases among the signatures; the result is valid UTF-8, for JSON carries it.
func edit(text string, r *random) string {
	runes := []rune(text)
	at := r.below(int64(len(runes)))
	if start := len([]rune(text[:strings.LastIndex(text, "\n\n")])); r.below(2) == 0 {
		at = int64(start) + r.below(int64(len(runes)-start))
	}
	pieces := []string{"", "\n", "\r", "\t", " ", "=", "A", "+", "—", "\n\n", "\u00a0", "x"}
	piece := pieces[r.below(int64(len(pieces)))]
	rest := runes[at:]
	if r.below(2) == 0 {
		rest = runes[at+1:]
	}
	return string(runes[:at]) + piece + string(rest)
}

const proofFiles = 100

// someProofs are proof files for leaves of random trees, each under a checkpoint of its log with two cosignatures.
func someProofs() []Proof {
	r := &random{label: "proofs"}
	var files []Proof
	for i := range proofFiles {
		size := r.logUniform(200)
		index := r.below(size)
		at := ordinary(int64(i))
		root, err := tlog.TreeHash(size, at)
		must(err)
		hashes, err := tlog.ProveRecord(size, index, at)
		must(err)
		origin := fmt.Sprintf("quanji.example/szx/gw-%d/0", i%7)
		log := signer{origin, typeEd25519, 0}
		w1 := signer{"w1.example/w", typeCosignature, 1_763_624_163 + uint64(i)}
		w2 := signer{"w2.example/w", typeCosignature, 1_763_624_164 + uint64(r.below(1000))}
		text := checkpoints.Checkpoint{Origin: origin, Size: uint64(size), Hash: root[:]}.Marshal()
		signed, err := note.Sign(&note.Note{Text: string(text)}, log, w1, w2)
		must(err)
		_, err = note.Open(signed, verifiers([]string{log.vkey(), w1.vkey(), w2.vkey()}))
		must(err)
		raw := make([][32]byte, len(hashes))
		for j, hash := range hashes {
			raw[j] = hash
		}
		files = append(files, Proof{
			File:      string(proof.TLogProof{Index: uint64(index), Hashes: raw, Checkpoint: signed}.Marshal()),
			Vkey:      log.vkey(),
			Witnesses: []string{w1.vkey(), w2.vkey()},
			Leaf:      at(0, index),
			Origin:    origin,
			Size:      size,
			Root:      root,
			Index:     index,
			Times:     []int64{int64(w1.time), int64(w2.time)},
		})
	}
	return files
}
