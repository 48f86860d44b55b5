package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checker tells what it found, a line each, and stops at the first thing that is not as it must be.
type checker struct {
	source   source
	verifier note.Verifier
}

func accepted(what string, err error) error {
	if err != nil {
		return fmt.Errorf("not accepted: %s: %w", what, err)
	}
	fmt.Printf("accepted: %s\n", what)
	return nil
}

func refused(what string, err error) error {
	if err == nil {
		return fmt.Errorf("not refused: %s", what)
	}
	fmt.Printf("refused: %s (%v)\n", what, err)
	return nil
}

func (c checker) checkpoint() (tlog.Tree, error) {
	text, err := c.source.read("checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, err := openCheckpoint(text, c.verifier)
	if err := accepted(fmt.Sprintf("checkpoint of %d entries", tree.N), err); err != nil {
		return tree, err
	}
	for _, at := range []int{0, bytes.IndexByte(text, '\n') + 1, bytes.LastIndex(text, []byte("\n\n")) - 5} {
		if _, err := openCheckpoint(flipped(text, at), c.verifier); refused("checkpoint with a flipped byte", err) != nil {
			return tree, fmt.Errorf("a checkpoint with byte %d flipped was accepted", at)
		}
	}
	return tree, nil
}

// tree recomputes the root from the tiles, and every hash of the log from the entries.
func (c checker) tree(tree tlog.Tree) ([][]byte, error) {
	root, err := rootOf(c.source, tree)
	if err := accepted("tree hash from the tiles", err); err != nil {
		return nil, err
	}
	if root != tree.Hash {
		return nil, fmt.Errorf("not accepted: the tiles have the root %v, the checkpoint %v", root, tree.Hash)
	}
	entries, err := entriesOf(c.source, tree.N)
	if err == nil {
		err = matchEntries(c.source, tree, entries)
	}
	if err := accepted(fmt.Sprintf("%d entries in their tiles", len(entries)), err); err != nil {
		return nil, err
	}
	// The first tile is on no right edge: its hashes must be read, not only the root.
	for _, path := range []string{rightEdge(tree.N), firstTile(tree.N)} {
		err := matchEntries(altered{c.source, path, 5}, tree, entries)
		if err := refused(path+" with a flipped byte", err); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func rootOf(from source, tree tlog.Tree) (tlog.Hash, error) {
	return tlog.TreeHash(tree.N, tlog.TileHashReader(tree, tiles{from}))
}

// matchEntries reads every leaf hash through x/mod, which checks its tile against the root on the way.
func matchEntries(from source, tree tlog.Tree, entries [][]byte) error {
	reader := tlog.TileHashReader(tree, tiles{from})
	for first := 0; first < len(entries); first += tileWidth {
		var indexes []int64
		for at := first; at < len(entries) && at < first+tileWidth; at++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, int64(at)))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for at, hash := range hashes {
			if hash != tlog.RecordHash(entries[first+at]) {
				return fmt.Errorf("entry %d is not the one that was hashed", first+at)
			}
		}
	}
	return nil
}

func firstTile(size int64) string { return tilePath(0, 0, size) }

func rightEdge(size int64) string { return tilePath(0, (size-1)/tileWidth, size) }

func tilePath(level int, index, size int64) string {
	tile := tlog.Tile{H: tileHeight, L: level, N: index, W: tileWidth}
	if size-index*tileWidth < tileWidth {
		tile.W = int(size - index*tileWidth)
	}
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

type inclusion struct {
	Size  int64
	Root  tlog.Hash
	Proof tlog.RecordProof
}

type consistency struct {
	FromRoot tlog.Hash
	ToRoot   tlog.Hash
	Proof    tlog.TreeProof
}

func (c checker) ask(path string, answer interface{}) error {
	body, err := c.source.read(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}

// inclusions has the server prove where entries stand, and checks the proofs against the checkpoint.
func (c checker) inclusions(tree tlog.Tree, entries [][]byte) error {
	for _, index := range []int64{0, 1, tree.N / 2, tree.N - 1} {
		var answer inclusion
		if err := c.ask(fmt.Sprintf("inclusion?index=%d&size=%d", index, tree.N), &answer); err != nil {
			return err
		}
		hash := tlog.RecordHash(entries[index])
		what := fmt.Sprintf("inclusion proof of entry %d", index)
		if err := accepted(what, tlog.CheckRecord(answer.Proof, tree.N, tree.Hash, index, hash)); err != nil {
			return err
		}
		for at := range answer.Proof {
			proof := append(tlog.RecordProof(nil), answer.Proof...)
			proof[at][at%tlog.HashSize] ^= 1
			if err := refused(what+" with a flipped byte", tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash)); err != nil {
				return err
			}
		}
		changed := tlog.RecordHash(flipped(entries[index], 10))
		if err := refused(what+" for a changed entry", tlog.CheckRecord(answer.Proof, tree.N, tree.Hash, index, changed)); err != nil {
			return err
		}
	}
	return nil
}

// consistencies has the server prove that it only grew, and checks the proofs against roots made of the entries.
func (c checker) consistencies(tree tlog.Tree, entries [][]byte) error {
	for _, size := range []int64{1, 2, tree.N / 2, tree.N - 1} {
		var answer consistency
		if err := c.ask(fmt.Sprintf("consistency?from=%d&to=%d", size, tree.N), &answer); err != nil {
			return err
		}
		older, err := rootOfEntries(entries[:size])
		if err != nil {
			return err
		}
		what := fmt.Sprintf("consistency proof from %d to %d", size, tree.N)
		if err := accepted(what, tlog.CheckTree(answer.Proof, tree.N, tree.Hash, size, older)); err != nil {
			return err
		}
		for at := range answer.Proof {
			proof := append(tlog.TreeProof(nil), answer.Proof...)
			proof[at][at%tlog.HashSize] ^= 1
			if err := refused(what+" with a flipped byte", tlog.CheckTree(proof, tree.N, tree.Hash, size, older)); err != nil {
				return err
			}
		}
		older[3] ^= 1
		if err := refused(what+" from another root", tlog.CheckTree(answer.Proof, tree.N, tree.Hash, size, older)); err != nil {
			return err
		}
	}
	return nil
}

// rootOfEntries hashes a log from nothing, as x/mod would store it.
func rootOfEntries(entries [][]byte) (tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, 0, len(indexes))
		for _, index := range indexes {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	})
	for index, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(index), entry, reader)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, hashes...)
	}
	return tlog.TreeHash(int64(len(entries)), reader)
}

func (c checker) receipt(text []byte) error {
	if err := accepted("receipt", c.proves(text)); err != nil {
		return err
	}
	for _, at := range []int{bytes.Index(text, []byte("extra ")) + 20, bytes.Index(text, []byte("index ")) + 6, bytes.Index(text, []byte("\n\n")) - 10} {
		if err := refused("receipt with a flipped byte", c.proves(flipped(text, at))); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) proves(text []byte) error {
	parsed, err := parseReceipt(text)
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(parsed.checkpoint, c.verifier)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(parsed.proof, tree.N, tree.Hash, parsed.index, tlog.RecordHash(parsed.entry))
}
