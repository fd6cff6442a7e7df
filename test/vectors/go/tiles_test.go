package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	std "slices"
	"strings"
	"testing"

	checkpoints "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tilesFolder = "../tiles"

// staticLogs mirrors scripts/src/vectors/tiles.ts.
type staticLogs struct {
	Seed string
	Logs []struct {
		Folder, Vkey string
		Size         int64
		Inclusion    []struct {
			Index int64
			Leaf  tlog.Hash
			Proof []tlog.Hash
		}
		Consistency []struct {
			From  int64
			Root  tlog.Hash
			Proof []tlog.Hash
		}
	}
}

// folder reads the tiles of C2SP tlog-tiles, whose paths lack the height that those of the Go checksum database begin with.
type folder struct {
	name string
	// edit changes what is read, by path; nil reads what is there.
	edit func(path string, data []byte) []byte
	read []string
}

func (f *folder) Height() int { return 8 }

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		data, err := os.ReadFile(filepath.Join(tilesFolder, f.name, filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		if f.edit != nil {
			data = f.edit(path, data)
		}
		f.read = append(f.read, path)
		all = append(all, data)
	}
	return all, nil
}

func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

func loadStatic(t *testing.T) staticLogs {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(tilesFolder, "tiles.json"))
	if err != nil {
		t.Fatal(err)
	}
	var logs staticLogs
	if err := json.Unmarshal(raw, &logs); err != nil {
		t.Fatal(err)
	}
	if len(logs.Logs) < 3 {
		t.Fatalf("%d logs", len(logs.Logs))
	}
	return logs
}

func openStatic(t *testing.T, name, vkey string) checkpoints.Checkpoint {
	t.Helper()
	signed, err := os.ReadFile(filepath.Join(tilesFolder, name, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open(signed, verifiers([]string{vkey}))
	if err != nil {
		t.Fatal(err)
	}
	var checkpoint checkpoints.Checkpoint
	if rest, err := checkpoint.Unmarshal([]byte(opened.Text)); err != nil || len(rest) != 0 {
		t.Fatalf("%q: %v", opened.Text, err)
	}
	return checkpoint
}

// TestTiles makes from our files, by another implementation's tile reader, the proofs that our code makes.
func TestTiles(t *testing.T) {
	for _, log := range loadStatic(t).Logs {
		t.Run(log.Folder, func(t *testing.T) {
			checkpoint := openStatic(t, log.Folder, log.Vkey)
			if checkpoint.Size != uint64(log.Size) {
				t.Fatalf("checkpoint of %d, want %d", checkpoint.Size, log.Size)
			}
			root := tlog.Hash(checkpoint.Hash)
			files := &folder{name: log.Folder}
			reader := tlog.TileHashReader(tlog.Tree{N: log.Size, Hash: root}, files)
			for _, vector := range log.Inclusion {
				proof, err := tlog.ProveRecord(log.Size, vector.Index, reader)
				if err != nil {
					t.Fatalf("leaf %d: %v", vector.Index, err)
				}
				if !std.Equal(proof, vector.Proof) {
					t.Errorf("leaf %d: another proof", vector.Index)
				}
				checkInclusion(t, vector.Index, log.Size, vector.Leaf, root, vector.Proof)
			}
			for _, vector := range log.Consistency {
				proof, err := tlog.ProveTree(log.Size, vector.From, reader)
				if err != nil {
					t.Fatalf("from %d: %v", vector.From, err)
				}
				if !std.Equal(proof, vector.Proof) {
					t.Errorf("from %d: another proof", vector.From)
				}
				checkConsistency(t, vector.From, log.Size, vector.Root, root, vector.Proof)
			}
			if len(files.read) == 0 {
				t.Error("no tile was read")
			}
		})
	}
}

// TestTilesAltered: the reader refuses each tile that it reads, if one bit of it is another or its end is missing.
func TestTilesAltered(t *testing.T) {
	for _, log := range loadStatic(t).Logs {
		tree := tlog.Tree{N: log.Size, Hash: tlog.Hash(openStatic(t, log.Folder, log.Vkey).Hash)}
		prove := func(files *folder) error {
			for _, vector := range log.Inclusion {
				if _, err := tlog.ProveRecord(log.Size, vector.Index, tlog.TileHashReader(tree, files)); err != nil {
					return err
				}
			}
			return nil
		}
		honest := &folder{name: log.Folder}
		if err := prove(honest); err != nil {
			t.Fatal(err)
		}
		for _, path := range std.Compact(std.Sorted(std.Values(honest.read))) {
			for name, edit := range map[string]func([]byte) []byte{
				"flipped": func(data []byte) []byte { data[len(data)-1] ^= 1; return data },
				"cut":     func(data []byte) []byte { return data[:len(data)-1] },
			} {
				files := &folder{name: log.Folder, edit: func(at string, data []byte) []byte {
					if at == path {
						return edit(data)
					}
					return data
				}}
				if prove(files) == nil {
					t.Errorf("%s/%s, %s: accepted", log.Folder, path, name)
				}
			}
		}
	}
}
