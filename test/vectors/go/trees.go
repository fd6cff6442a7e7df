package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// Tree is one tree with some of its proofs. Leaf i is SHA-256(seed ‖ decimal (Offset + i)) or, in a large tree, that of i if
// i is marked and SHA-256(seed ‖ "same") if not. Proofs is the SHA-256 over all inclusion proofs (in the order of Index),
// then all consistency proofs (in the order of From), each as one byte of length and its hashes.
type Tree struct {
	Offset int64     `json:"offset,omitempty"`
	Marks  []int64   `json:"marks,omitempty"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	Peaks  tlog.Hash `json:"peaks"`
	Index  []int64   `json:"index"`
	From   []int64   `json:"from"`
	Proofs tlog.Hash `json:"proofs"`
}

// Clear is one proof in clear, for readers.
type Clear struct {
	Size  int64       `json:"size"`
	Index *int64      `json:"index,omitempty"`
	From  *int64      `json:"from,omitempty"`
	Proof []tlog.Hash `json:"proof"`
}

// nodes answers the root of a full subtree.
type nodes func(level int, index int64) tlog.Hash

func (n nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = n(tlog.SplitStoredHashIndex(index))
	}
	return hashes, nil
}

func leaf(label any) tlog.Hash { return sha256.Sum256(fmt.Append(nil, seed, label)) }

// ordinary are the nodes of the tree whose leaf i is leaf(offset + i), hashed as they are asked for and kept.
func ordinary(offset int64) nodes {
	type id struct {
		level int
		index int64
	}
	kept := map[id]tlog.Hash{}
	var at nodes
	at = func(level int, index int64) tlog.Hash {
		if level == 0 {
			return leaf(offset + index)
		}
		hash, known := kept[id{level, index}]
		if !known {
			hash = tlog.NodeHash(at(level-1, 2*index), at(level-1, 2*index+1))
			kept[id{level, index}] = hash
		}
		return hash
	}
	return at
}

// marked are the nodes of a tree of any size whose unmarked leaves are all the same, so that most subtrees hash by level.
func marked(marks []int64) nodes {
	uniform := []tlog.Hash{leaf("same")}
	for level := range 63 {
		uniform = append(uniform, tlog.NodeHash(uniform[level], uniform[level]))
	}
	var at nodes
	at = func(level int, index int64) tlog.Hash {
		for _, mark := range marks {
			if mark>>level != index {
				continue
			}
			if level == 0 {
				return leaf(mark)
			}
			return tlog.NodeHash(at(level-1, 2*index), at(level-1, 2*index+1))
		}
		return uniform[level]
	}
	return at
}

func digest(proofs [][]tlog.Hash) tlog.Hash {
	sum := sha256.New()
	for _, hashes := range proofs {
		sum.Write([]byte{byte(len(hashes))})
		for _, hash := range hashes {
			sum.Write(hash[:])
		}
	}
	return tlog.Hash(sum.Sum(nil))
}

// finish computes root, peaks and proofs with one implementation and checks each with the other.
func (t Tree) finish(at nodes) Tree {
	root, err := tlog.TreeHash(t.Size, at)
	must(err)
	if t.Size == 0 {
		root = tlog.Hash(rfc6962.DefaultHasher.EmptyRoot())
	}
	t.Root = root
	t.Peaks = digest([][]tlog.Hash{peaks(t.Size, at)})
	var all [][]tlog.Hash
	for _, index := range t.Index {
		hashes, err := tlog.ProveRecord(t.Size, index, at)
		must(err)
		leafHash := at(0, index)
		must(proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(t.Size), leafHash[:], slices(hashes), root[:]))
		all = append(all, hashes)
	}
	for _, from := range t.From {
		hashes, err := tlog.ProveTree(t.Size, from, at)
		must(err)
		old, err := tlog.TreeHash(from, at)
		must(err)
		must(proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(t.Size), slices(hashes), old[:], root[:]))
		all = append(all, hashes)
	}
	t.Proofs = digest(all)
	return t
}

// peaks are the full subtrees of a compact range, largest first, checked to fold to the root.
func peaks(size int64, at nodes) []tlog.Hash {
	var hashes []tlog.Hash
	var raw [][]byte
	for _, id := range compact.RangeNodes(0, uint64(size), nil) {
		hash := at(int(id.Level), int64(id.Index))
		hashes = append(hashes, hash)
		raw = append(raw, hash[:])
	}
	if size == 0 {
		return hashes
	}
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	whole, err := factory.NewRange(0, uint64(size), raw)
	must(err)
	folded, err := whole.GetRootHash(nil)
	must(err)
	root, err := tlog.TreeHash(size, at)
	must(err)
	if !bytes.Equal(folded, root[:]) {
		panic("the two implementations disagree on a root")
	}
	return hashes
}

func slices(hashes []tlog.Hash) [][]byte {
	raw := make([][]byte, len(hashes))
	for i := range hashes {
		raw[i] = hashes[i][:]
	}
	return raw
}

// smallTrees are all sizes 0 … 65 with all their proofs.
func smallTrees() []Tree {
	var trees []Tree
	at := ordinary(0)
	for size := range int64(66) {
		tree := Tree{Size: size, Index: []int64{}, From: []int64{}}
		for i := range size {
			tree.Index = append(tree.Index, i)
			tree.From = append(tree.From, i+1)
		}
		trees = append(trees, tree.finish(at))
	}
	return trees
}

// clearProofs spell out what the digests hide, for a few sizes.
func clearProofs() []Clear {
	var proofs []Clear
	at := ordinary(0)
	for _, size := range []int64{3, 7, 8, 65} {
		for _, i := range []int64{0, size / 2, size - 1} {
			inclusion, err := tlog.ProveRecord(size, i, at)
			must(err)
			from := i + 1
			consistency, err := tlog.ProveTree(size, from, at)
			must(err)
			proofs = append(proofs, Clear{Size: size, Index: &i, Proof: inclusion}, Clear{Size: size, From: &from, Proof: consistency})
		}
	}
	return proofs
}

const randomTrees, poolSize, largestRandom = 3000, 4096, 1000

// someTrees are random stretches of one pool of leaves with three proofs of each kind.
func someTrees() []Tree {
	r := &random{label: "trees"}
	trees := make([]Tree, 0, randomTrees)
	for range randomTrees {
		tree := Tree{Size: r.logUniform(largestRandom)}
		tree.Offset = r.below(poolSize - tree.Size)
		for range 3 {
			tree.Index = append(tree.Index, r.below(tree.Size))
			tree.From = append(tree.From, 1+r.below(tree.Size))
		}
		trees = append(trees, tree.finish(ordinary(tree.Offset)))
	}
	return trees
}

// largeTrees lie around the powers of two where 32-bit, 52-bit and 53-bit arithmetic breaks.
func largeTrees() []Tree {
	r := &random{label: "large"}
	sizes := []int64{1<<20 + 1, 1<<33 + 12345, 1<<40 - 1, 3 << 50, 1<<53 - 2, 1<<53 - 1}
	for _, bits := range []uint{31, 32, 52} {
		sizes = append(sizes, 1<<bits-1, 1<<bits, 1<<bits+1)
	}
	for range 30 {
		sizes = append(sizes, r.logUniform(1<<53-1))
	}
	var trees []Tree
	for _, size := range sizes {
		tree := Tree{Size: size}
		candidates := []int64{0, size - 1, size / 2, size/2 - 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, r.below(size), r.below(size)}
		for _, index := range candidates {
			if index >= 0 && index < size {
				tree.Index = append(tree.Index, index)
				tree.From = append(tree.From, index+1)
			}
		}
		// Unmarked leaves are proven too, next to marked ones.
		tree.Marks = append(append([]int64{}, tree.Index[:len(tree.Index)-1]...), tree.Index[0]+2)
		trees = append(trees, tree.finish(marked(tree.Marks)))
	}
	return trees
}
