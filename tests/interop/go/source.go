package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// source reads a log by the paths of C2SP tlog-tiles: "checkpoint", "tile/0/000", "tile/entries/000.p/5".
type source interface {
	read(path string) ([]byte, error)
}

// directory is an exported log.
type directory string

func (d directory) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), filepath.FromSlash(path)))
}

// server is a log as Claviger serves it, under /v1/logs/<workspace>.
type server struct {
	prefix     string
	credential string
}

// The largest bundle: 256 entries of 65,535 bytes, each behind two bytes of length.
const bodyMax = 256 * (2 + 65535)

func newServer(url, workspace, credentialFile string) (*server, error) {
	credential, err := os.ReadFile(credentialFile)
	if err != nil {
		return nil, err
	}
	return &server{
		prefix:     strings.TrimRight(url, "/") + "/v1/logs/" + workspace + "/",
		credential: string(bytes.TrimSpace(credential)),
	}, nil
}

func (s *server) read(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, s.prefix+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.credential)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyMax+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	if len(body) > bodyMax {
		return nil, fmt.Errorf("GET %s: the answer is too long", path)
	}
	return body, nil
}

// altered is a source in which one byte of one file is flipped.
type altered struct {
	source
	path string
	at   int
}

func (a altered) read(path string) ([]byte, error) {
	data, err := a.source.read(path)
	if err != nil || path != a.path {
		return data, err
	}
	return flipped(data, a.at), nil
}

// flipped is a copy with one bit of one byte changed.
func flipped(data []byte, at int) []byte {
	changed := append([]byte(nil), data...)
	changed[at%len(changed)] ^= 1
	return changed
}
