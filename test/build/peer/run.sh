#!/bin/sh
# Writes anew what BuildKit says of the corpus: its own packages, by Go's module proxy. Needs go.
set -eu
cd "$(dirname "$0")"
input=$(mktemp)
trap 'rm -f "$input"' EXIT
../../../node_modules/.bin/bun ../corpus/read.ts >"$input"
go run . "$input" >../corpus/buildkit.json
# And what its copy makes of the cases of COPY; needs root.
program=$(mktemp)
trap 'rm -f "$input" "$program"' EXIT
go build -o "$program" ./copy
../../../node_modules/.bin/bun ../../engine/build/copy-peer.ts "$program"
