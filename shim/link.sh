#!/bin/sh
# Links dist/mdk: Bun compiles src/main.ts with the version's constants (src/build-constants.d.ts) and the shims of
# zig-out/bin embedded. The bytes depend on the commit alone: Bun puts the base name of the output and the working
# directory into them, so both are fixed here.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^  "version": "\([^"]*\)",$/\1/p' package.json)
commit='' date=0
if [ -e .git ]; then # a folder unpacked inside of somebody else's repository has none of its own
  # safe.directory: the clone may belong to another user than the one who builds it.
  commit=$(git -c safe.directory='*' log -1 --format=%H 2>/dev/null || true)
  date=$(git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || true)
fi

mkdir -p dist
exec node_modules/.bin/bun build --compile --production --minify --bytecode --format=esm --splitting --compile-jit-policy=20 \
  --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
  --define "MDK_VERSION=\"$version\"" --define "MDK_COMMIT=\"$commit\"" --define "MDK_DATE=\"${date:-0}\"" \
  --outfile=dist/mdk src/main.ts
