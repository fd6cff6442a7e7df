package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	checkpoints "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Index int64
	Proof []tlog.Hash
}

type consistency struct {
	From  int64
	Proof []tlog.Hash
}

// ours mirrors scripts/src/vectors/ours.ts.
type ours struct {
	Seed  string
	Vkeys struct {
		Log, Heads string
		Witnesses  []string
	}
	Trees []struct {
		Size        int64
		Root        tlog.Hash
		Inclusion   []inclusion
		Consistency []consistency
	}
	Large []struct {
		Index, Size    int64
		Root, FromRoot tlog.Hash
		Proof, Growth  []tlog.Hash
	}
	Notes []struct {
		Note, Text string
		Vkeys      []string
	}
	Checkpoints []struct {
		Note, Origin string
		Size         int64
		Root         tlog.Hash
		Times        []int64
	}
	Proofs []struct {
		File        string
		Index, Size int64
	}
	Chain struct {
		Scope, Kind, ID, Head, Digest, Note string
		Start                               tlog.Hash
	}
	Record struct {
		Face, Body string
		Leaf       tlog.Hash
	}
	Commitment struct {
		Context                []string
		Path, Salt, Commitment string
		Value                  json.RawMessage
	}
	Subject struct {
		Net, Steward, Quarter, Key, Commitment, Bulk string
		Index                                        struct {
			Log, Seed  string
			From, Size int64
			Root       tlog.Hash
		}
		Sealed struct {
			F, B string
			Leaf tlog.Hash
		}
		Persons []struct {
			Identifier, Tag, Start, Head, Salt, State string
			Leaf                                      tlog.Hash
		}
	}
}

func load(t *testing.T) ours {
	t.Helper()
	raw, err := os.ReadFile(oursFile)
	if err != nil {
		t.Fatal(err)
	}
	var vectors ours
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func (o ours) leaf(index int64) tlog.Hash { return sha256.Sum256(fmt.Append(nil, o.Seed, index)) }

// flipped is a hash with one bit changed: what every check below must refuse.
func flipped(hash tlog.Hash) tlog.Hash {
	hash[7] ^= 4
	return hash
}

// checkInclusion asks both implementations, and both must refuse another leaf and another root.
func checkInclusion(t *testing.T, index, size int64, leaf, root tlog.Hash, hashes []tlog.Hash) {
	t.Helper()
	check := func(leaf, root tlog.Hash) [2]error {
		return [2]error{
			tlog.CheckRecord(hashes, size, root, index, leaf),
			merkle.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], slices(hashes), root[:]),
		}
	}
	if got := check(leaf, root); got != [2]error{} {
		t.Errorf("leaf %d of %d: %v", index, size, got)
	}
	for _, got := range [][2]error{check(flipped(leaf), root), check(leaf, flipped(root))} {
		if got[0] == nil || got[1] == nil {
			t.Errorf("leaf %d of %d: a changed bit was accepted", index, size)
		}
	}
}

func checkConsistency(t *testing.T, from, to int64, fromRoot, toRoot tlog.Hash, hashes []tlog.Hash) {
	t.Helper()
	check := func(fromRoot tlog.Hash) [2]error {
		return [2]error{
			tlog.CheckTree(hashes, to, toRoot, from, fromRoot),
			merkle.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(to), slices(hashes), fromRoot[:], toRoot[:]),
		}
	}
	if got := check(fromRoot); got != [2]error{} {
		t.Errorf("%d to %d: %v", from, to, got)
	}
	if got := check(flipped(fromRoot)); got[0] == nil || got[1] == nil {
		t.Errorf("%d to %d: a changed bit was accepted", from, to)
	}
}

func TestTrees(t *testing.T) {
	vectors := load(t)
	at := nodes(nil)
	at = func(level int, index int64) tlog.Hash {
		if level == 0 {
			return vectors.leaf(index)
		}
		return tlog.NodeHash(at(level-1, 2*index), at(level-1, 2*index+1))
	}
	for _, tree := range vectors.Trees {
		root, err := tlog.TreeHash(tree.Size, at)
		if err != nil || root != tree.Root {
			t.Errorf("root of %d: %v, want %v (%v)", tree.Size, tree.Root, root, err)
		}
		for _, p := range tree.Inclusion {
			checkInclusion(t, p.Index, tree.Size, vectors.leaf(p.Index), tree.Root, p.Proof)
		}
		for _, p := range tree.Consistency {
			old, err := tlog.TreeHash(p.From, at)
			if err != nil {
				t.Fatal(err)
			}
			checkConsistency(t, p.From, tree.Size, old, tree.Root, p.Proof)
		}
	}
}

func TestLargeTrees(t *testing.T) {
	vectors := load(t)
	for _, tree := range vectors.Large {
		checkInclusion(t, tree.Index, tree.Size, vectors.leaf(1), tree.Root, tree.Proof)
		checkConsistency(t, tree.Index+1, tree.Size, tree.FromRoot, tree.Root, tree.Growth)
	}
}

func TestNotes(t *testing.T) {
	for _, vector := range load(t).Notes {
		opened, err := note.Open([]byte(vector.Note), verifiers(vector.Vkeys))
		if err != nil {
			t.Errorf("%.80q: %v", vector.Note, err)
			continue
		}
		if opened.Text != vector.Text || len(opened.Sigs) != len(vector.Vkeys) {
			t.Errorf("%.80q: text or number of signatures differs", vector.Note)
		}
		if _, err := note.Open([]byte("x"+vector.Note), verifiers(vector.Vkeys)); err == nil {
			t.Errorf("%.80q: another text was accepted", vector.Note)
		}
	}
}

// openCheckpoint demands the log and both witnesses.
func openCheckpoint(t *testing.T, vectors ours, signed string) (checkpoints.Checkpoint, []int64) {
	t.Helper()
	opened, err := note.Open([]byte(signed), verifiers(append([]string{vectors.Vkeys.Log}, vectors.Vkeys.Witnesses...)))
	if err != nil {
		t.Fatal(err)
	}
	if len(opened.Sigs) != 1+len(vectors.Vkeys.Witnesses) {
		t.Fatalf("%d signatures", len(opened.Sigs))
	}
	var checkpoint checkpoints.Checkpoint
	rest, err := checkpoint.Unmarshal([]byte(opened.Text))
	if err != nil || len(rest) != 0 {
		t.Fatalf("%q: %v, rest %q", opened.Text, err, rest)
	}
	var times []int64
	for _, s := range opened.Sigs[1:] {
		times = append(times, timeOf(s))
	}
	return checkpoint, times
}

func TestCheckpoints(t *testing.T) {
	vectors := load(t)
	for _, vector := range vectors.Checkpoints {
		checkpoint, times := openCheckpoint(t, vectors, vector.Note)
		if checkpoint.Origin != vector.Origin || checkpoint.Size != uint64(vector.Size) || !bytes.Equal(checkpoint.Hash, vector.Root[:]) {
			t.Errorf("%q: reads as %v", vector.Note, checkpoint)
		}
		if fmt.Sprint(times) != fmt.Sprint(vector.Times) {
			t.Errorf("times %v, want %v", times, vector.Times)
		}
		if vector.Size == 0 && !bytes.Equal(checkpoint.Hash, rfc6962.DefaultHasher.EmptyRoot()) {
			t.Error("the empty log has another root")
		}
	}
}

func TestProofFiles(t *testing.T) {
	vectors := load(t)
	for _, vector := range vectors.Proofs {
		var parsed proof.TLogProof
		if err := parsed.Unmarshal([]byte(vector.File)); err != nil {
			t.Fatal(err)
		}
		if string(parsed.Marshal()) != vector.File {
			t.Errorf("%q: written otherwise", vector.File)
		}
		checkpoint, _ := openCheckpoint(t, vectors, string(parsed.Checkpoint))
		if parsed.Index != uint64(vector.Index) || checkpoint.Size != uint64(vector.Size) {
			t.Errorf("%q: another place", vector.File)
		}
		hashes := make([]tlog.Hash, len(parsed.Hashes))
		for i, hash := range parsed.Hashes {
			hashes[i] = hash
		}
		checkInclusion(t, vector.Index, vector.Size, vectors.leaf(vector.Index), tlog.Hash(checkpoint.Hash), hashes)
	}
}

func hash(parts ...[]byte) tlog.Hash { return sha256.Sum256(bytes.Join(parts, nil)) }

// compactJSON is the canonical form, as far as the values of this file need it: members are in order already.
func compactJSON(t *testing.T, value any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

func TestRecord(t *testing.T) {
	record := load(t).Record
	face, body := hash([]byte(record.Face)), hash([]byte(record.Body))
	if leaf := hash([]byte{0}, face[:], body[:]); leaf != record.Leaf {
		t.Errorf("leaf %v, want %v", record.Leaf, leaf)
	}
}

func TestChainAndHeadNote(t *testing.T) {
	vectors := load(t)
	chain := vectors.Chain
	head := hash([]byte{3}, compactJSON(t, []string{chain.Scope, chain.Kind, chain.ID}))
	if head != chain.Start {
		t.Errorf("start %v, want %v", chain.Start, head)
	}
	for i := range int64(3) {
		leaf := vectors.leaf(i)
		head = hash([]byte{2}, head[:], leaf[:])
	}
	if text := base64.RawURLEncoding.EncodeToString(head[:]); text != chain.Head {
		t.Errorf("head %v, want %v", chain.Head, text)
	}
	sealed := fmt.Sprintf(`{"h":"%s","n":3,"salt":"%s"}`, chain.Head, strings.Repeat("A", 43))
	digest := hash([]byte(sealed))
	if text := base64.RawURLEncoding.EncodeToString(digest[:]); text != chain.Digest {
		t.Errorf("digest %v, want %v", chain.Digest, text)
	}
	opened, err := note.Open([]byte(chain.Note), verifiers([]string{vectors.Vkeys.Heads}))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 7 || lines[0] != "quanji/trail-head/v1" || lines[2] != "key "+chain.Start.String() || lines[3] != "state "+digest.String() {
		t.Errorf("head note %q", opened.Text)
	}
}

func TestCommitment(t *testing.T) {
	c := load(t).Commitment
	salt, err := base64.RawURLEncoding.Strict().DecodeString(c.Salt)
	if err != nil || len(salt) != 32 {
		t.Fatalf("salt of %d bytes: %v", len(salt), err)
	}
	list := []any{}
	for _, part := range append(c.Context, c.Path) {
		list = append(list, part)
	}
	commitment := hash([]byte{4}, salt, compactJSON(t, append(list, c.Value)))
	if text := base64.RawURLEncoding.EncodeToString(commitment[:]); text != c.Commitment {
		t.Errorf("commitment %v, want %v", c.Commitment, text)
	}
}

func text(hash tlog.Hash) string { return base64.RawURLEncoding.EncodeToString(hash[:]) }

func raw(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) != 32 {
		t.Fatalf("%q is no hash: %v", text, err)
	}
	return data
}

// TestSubject makes tags, heads and an index of data subjects from the protocol's description.
func TestSubject(t *testing.T) {
	vectors := load(t)
	s := vectors.Subject
	same := func(name, got, want string) {
		if got != want {
			t.Errorf("%s %v, want %v", name, got, want)
		}
	}
	key, seed := raw(t, s.Key), raw(t, s.Index.Seed)
	same("commitment", text(hash([]byte{6}, key, compactJSON(t, []any{s.Net, s.Steward, s.Quarter}))), s.Commitment)
	same("bulk", text(hash([]byte{6}, compactJSON(t, []any{"bulk", s.Steward}))), s.Bulk)
	sealed := hash([]byte{0}, raw(t, s.Sealed.F), raw(t, s.Sealed.B))
	same("sealed leaf", text(sealed), text(s.Sealed.Leaf))
	first := vectors.leaf(0)
	leaves := map[string]tlog.Hash{}
	for _, person := range s.Persons {
		plain := strings.ToUpper(strings.ReplaceAll(person.Identifier, " ", ""))
		mac := hmac.New(sha256.New, key)
		mac.Write(compactJSON(t, []any{"subject", plain}))
		tag := mac.Sum(nil)
		same("tag", base64.RawURLEncoding.EncodeToString(tag), person.Tag)
		chain := fmt.Sprintf("%d %s", s.Index.From, person.Tag)
		start := hash([]byte{3}, compactJSON(t, []any{s.Index.Log, "subject", chain}))
		same("start", text(start), person.Start)
		head := hash([]byte{2}, start[:], first[:])
		head = hash([]byte{2}, head[:], sealed[:])
		same("head", text(head), person.Head)
		same("salt", text(hash(seed, tag)), person.Salt)
		opened := fmt.Sprintf(`{"h":%q,"n":2,"salt":%q}`, person.Head, person.Salt)
		state := hash([]byte(opened))
		same("state", text(state), person.State)
		leaf := hash([]byte{7}, tag, state[:])
		same("leaf", text(leaf), text(person.Leaf))
		leaves[person.Tag] = leaf
	}
	rising := sortedKeys(leaves)
	left, right := leaves[rising[0]], leaves[rising[1]]
	same("root", text(hash([]byte{1}, left[:], right[:])), text(s.Index.Root))
}

func sortedKeys(leaves map[string]tlog.Hash) []string {
	keys := []string{}
	for key := range leaves {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// TestLogFile makes log.json anew: the committed file must be what this program writes.
func TestLogFile(t *testing.T) {
	committed, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(render(), committed) {
		t.Errorf("%s is not what go run . writes", logFile)
	}
}
