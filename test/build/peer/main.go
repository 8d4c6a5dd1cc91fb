// Prints what BuildKit makes of Dockerfiles, words and ignore files: one JSON object a case. Input: a JSON file, see ../corpus/read.ts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	digest "github.com/opencontainers/go-digest"
)

type input struct {
	Dockerfiles []struct {
		Name, Text, Target string
		Args               map[string]string
	}
	Words []struct {
		Text   string
		Env    []string
		Escape string
	}
	Ignores []struct {
		Text  string
		Paths []string
	}
}

// The base image of every stage.
type images struct{}

func (images) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := `{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin","BASE_VAR=base"]},"rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000000"]}}`
	return ref, "", []byte(config), nil
}

var env = shell.EnvsFromSlice([]string{"PATH=/bin", "A=a b", "N=7", "D=/data", "E="})

func lines(err error) []int {
	var located *parser.LocationError
	if !errors.As(err, &located) || len(located.Locations) == 0 || len(located.Locations[0]) == 0 {
		return nil
	}
	l := located.Locations[0]
	return []int{l[0].Start.Line, l[len(l)-1].End.Line}
}

func failed(err error) any {
	return map[string]any{"message": err.Error(), "lines": lines(err)}
}

func raw(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	json.Unmarshal(b, &out)
	return out
}

func command(c instructions.Command) any {
	l := c.Location()
	out := map[string]any{"name": c.Name(), "lines": []int{l[0].Start.Line, l[len(l)-1].End.Line}, "parsed": raw(c)}
	if code, ok := c.(fmt.Stringer); ok {
		out["code"] = code.String()
	}
	if run, ok := c.(*instructions.RunCommand); ok {
		sort.Strings(run.FlagsUsed)
		out["parsed"] = raw(c)
		out["network"], out["security"] = instructions.GetNetwork(run), instructions.GetSecurity(run)
	}
	// What ARG declares depends on more than its words.
	_, isArg := c.(*instructions.ArgCommand)
	if ex, ok := c.(instructions.SupportsSingleWordExpansion); ok && !isArg {
		err := ex.Expand(func(word string) (string, error) {
			v, _, err := shell.NewLex('\\').ProcessWord(word, env)
			return v, err
		})
		if raw, ok := c.(instructions.SupportsSingleWordExpansionRaw); ok && err == nil {
			err = raw.ExpandRaw(func(word string) (string, error) {
				lex := shell.NewLex('\\')
				lex.SkipProcessQuotes = true
				v, _, err := lex.ProcessWord(word, env)
				return v, err
			})
		}
		if err != nil {
			out["expandError"] = err.Error()
		} else {
			out["expanded"] = raw(c)
			if run, ok := c.(*instructions.RunCommand); ok {
				out["mounts"] = raw(instructions.GetMounts(run))
			}
		}
	}
	return out
}

func parse(text string) any {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return map[string]any{"error": failed(err)}
	}
	stages, args, err := instructions.Parse(result.AST, linter.New(&linter.Config{}))
	if err != nil {
		return map[string]any{"error": failed(err)}
	}
	out := []any{}
	for _, s := range stages {
		commands := []any{}
		for _, c := range s.Commands {
			commands = append(commands, command(c))
		}
		l := s.Location
		out = append(out, map[string]any{"name": s.Name, "base": s.BaseName, "platform": s.Platform, "doc": s.DocComment, "lines": []int{l[0].Start.Line, l[len(l)-1].End.Line}, "commands": commands})
	}
	globals := []any{}
	for i := range args {
		globals = append(globals, raw(args[i]))
	}
	return map[string]any{"stages": out, "args": globals}
}

func lint(text, target string, args map[string]string) any {
	dt := []byte(text)
	platform := platforms.MustParse("linux/amd64")
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", dt)
	source.Definition = &llb.Definition{}
	caps := pb.Caps.CapSet(pb.Caps.All())
	config := dockerui.Config{BuildArgs: args, Target: target}
	results, err := dockerfile2llb.DockerfileLint(context.Background(), dt, dockerfile2llb.ConvertOpt{
		Config: config, LLBCaps: &caps, SourceMap: source, TargetPlatform: &platform, MetaResolver: images{},
	})
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	warnings := []any{}
	for _, w := range results.Warnings {
		r := w.Location.Ranges
		at := []int32{}
		if len(r) > 0 {
			at = []int32{r[0].Start.Line, r[len(r)-1].End.Line}
		}
		warnings = append(warnings, []any{w.RuleName, w.Detail, at})
	}
	out := map[string]any{"warnings": warnings}
	if results.Error != nil {
		at := []int32{}
		if r := results.Error.Location.Ranges; len(r) > 0 {
			at = []int32{r[0].Start.Line, r[len(r)-1].End.Line}
		}
		out["error"] = []any{results.Error.Message, at}
	}
	return out
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var in input
	if err := json.Unmarshal(data, &in); err != nil {
		panic(err)
	}
	dockerfiles := map[string]any{}
	for _, d := range in.Dockerfiles {
		dockerfiles[d.Name] = map[string]any{"parse": parse(d.Text), "lint": lint(d.Text, d.Target, d.Args)}
	}
	words := []any{}
	for _, w := range in.Words {
		escape := '\\'
		if w.Escape != "" {
			escape = rune(w.Escape[0])
		}
		lex := shell.NewLex(escape)
		e := shell.EnvsFromSlice(w.Env)
		r, err := lex.ProcessWordWithMatches(w.Text, e)
		split, err2 := shell.NewLex(escape).ProcessWords(w.Text, e)
		row := map[string]any{}
		if err != nil {
			row["error"] = err.Error()
		} else {
			unmatched := []string{}
			for k := range r.Unmatched {
				unmatched = append(unmatched, k)
			}
			sort.Strings(unmatched)
			row["word"], row["unmatched"] = r.Result, unmatched
		}
		if err2 == nil {
			row["words"] = split
		}
		words = append(words, row)
	}
	ignores := []any{}
	for _, g := range in.Ignores {
		patterns, err := ignorefile.ReadAll(strings.NewReader(g.Text))
		if err != nil {
			ignores = append(ignores, map[string]any{"error": err.Error()})
			continue
		}
		m, err := patternmatcher.New(patterns)
		if err != nil {
			ignores = append(ignores, map[string]any{"error": err.Error()})
			continue
		}
		row := []any{}
		for _, p := range g.Paths {
			ok, err := m.MatchesOrParentMatches(p)
			if err != nil {
				row = append(row, err.Error())
			} else {
				row = append(row, ok)
			}
		}
		ignores = append(ignores, row)
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	enc.Encode(map[string]any{"dockerfiles": dockerfiles, "words": words, "ignores": ignores})
}
