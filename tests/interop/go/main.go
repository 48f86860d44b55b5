// Command interop checks a log of Claviger with the code that checks Go's module log, golang.org/x/mod/sumdb: what a
// stranger's tool makes of our checkpoints, tiles, proofs and receipts.
//
//	interop -keys FILE -dir DIRECTORY
//	interop -keys FILE -url URL -workspace ID -credential-file FILE [-receipt FILE]
//
// It prints what it accepted and what it refused, and exits with 1 at the first thing that is not as it must be.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	keys := flag.String("keys", "", "file with the log's verifier keys, one a line")
	dir := flag.String("dir", "", "exported log")
	url := flag.String("url", "", "address of a server")
	workspace := flag.String("workspace", "", "whose log")
	credentialFile := flag.String("credential-file", "", "file with a credential that may read the log")
	receiptFile := flag.String("receipt", "", "file with a receipt")
	flag.Parse()
	if err := run(*keys, *dir, *url, *workspace, *credentialFile, *receiptFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(keys, dir, url, workspace, credentialFile, receiptFile string) error {
	text, err := os.ReadFile(keys)
	if err != nil {
		return err
	}
	verifier, err := ed25519Verifier(text)
	if err != nil {
		return err
	}
	check := checker{verifier: verifier}
	switch {
	case dir != "":
		check.source = directory(dir)
	case url != "":
		if check.source, err = newServer(url, workspace, credentialFile); err != nil {
			return err
		}
	default:
		return errors.New("say -dir or -url")
	}
	tree, err := check.checkpoint()
	if err != nil {
		return err
	}
	entries, err := check.tree(tree)
	if err != nil || dir != "" {
		return err
	}
	if err := check.inclusions(tree, entries); err != nil {
		return err
	}
	if err := check.consistencies(tree, entries); err != nil {
		return err
	}
	if receiptFile == "" {
		return nil
	}
	receipt, err := os.ReadFile(receiptFile)
	if err != nil {
		return err
	}
	return check.receipt(receipt)
}
