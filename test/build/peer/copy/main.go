// What BuildKit's copy (tonistiigi/fsutil, with the options of dockerfile2llb's dispatchCopy) makes of COPY instructions.
package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	fscopy "github.com/tonistiigi/fsutil/copy"
)

type step struct {
	Context, Root, Dest, Chmod string
	Sources, Exclude           []string
	Parents                    bool
	UID, GID                   int
	Epoch                      *int64
}

func run(s step) error {
	for _, src := range s.Sources {
		var include []string
		if s.Parents {
			parent, pattern, ok := strings.Cut(src, "/./")
			if !ok {
				parent, pattern = "/", src
			}
			src = parent
			include = []string{strings.TrimPrefix(filepath.Join("/", pattern), "/")}
		}
		src = filepath.Join("/", src)
		matches, err := fscopy.ResolveWildcards(s.Context, src, true)
		if err != nil {
			return err
		}
		for _, match := range matches {
			err := fscopy.Copy(context.Background(), s.Context, match, s.Root, s.Dest, func(ci *fscopy.CopyInfo) {
				ci.IncludePatterns, ci.ExcludePatterns = include, s.Exclude
				ci.CopyDirContents, ci.FollowLinks = true, true
				if s.UID >= 0 {
					ci.Chown = func(*fscopy.User) (*fscopy.User, error) { return &fscopy.User{UID: s.UID, GID: s.GID}, nil }
				}
				if m, err := strconv.ParseUint(s.Chmod, 8, 32); err == nil {
					mode := int(m)
					ci.Mode = &mode
				} else {
					ci.ModeStr = s.Chmod
				}
			}, fscopy.AllowXAttrErrors)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func main() {
	var steps []step
	if err := json.NewDecoder(os.Stdin).Decode(&steps); err != nil {
		panic(err)
	}
	answers := []string{}
	for _, s := range steps {
		text := ""
		if err := run(s); err != nil {
			text = err.Error()
		}
		answers = append(answers, text)
	}
	_ = json.NewEncoder(os.Stdout).Encode(answers)
}
