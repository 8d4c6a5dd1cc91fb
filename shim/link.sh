#!/bin/sh
# Links dist/mdk and dist/mdk-arm64: Bun compiles src/main.ts with the version's constants (src/build-constants.d.ts) and the
# shim of zig-out/bin embedded, and shim/carry.ts adds what makes the file start where there is no glibc. The bytes depend on the commit alone: Bun puts the base name of the output and the working
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

sh shim/parts.sh
mkdir -p dist
partial=dist/partial
rm -rf "$partial"
trap 'rm -rf "$partial"' EXIT

# link NAME TARGET MACHINE DEBIAN-ARCHITECTURE [OPTION…]: dist/NAME, put there whole. Bun's output is called mdk whatever it is for.
link() {
  name=$1 target=$2 machine=$3 debian=$4
  shift 4
  node_modules/.bin/bun build --compile --target="$target" "$@" --production --minify --bytecode --format=esm --splitting --compile-jit-policy=20 \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
    --define "MDK_VERSION=\"$version\"" --define "MDK_COMMIT=\"$commit\"" --define "MDK_DATE=\"${date:-0}\"" \
    --outfile="$partial/mdk" src/main.ts
  libraries=$(echo .toolchain/parts/libc6_*_"$debian")
  node_modules/.bin/bun shim/carry.ts "$partial/mdk" "zig-out/bin/entry-$machine" "$libraries"/ld-linux-* "$libraries"/lib*
  mv "$partial/mdk" "dist/$name"
}

bun=$(node_modules/.bin/bun --version)
link mdk bun-linux-x64 x86_64 amd64
link mdk-arm64 bun-linux-arm64 aarch64 arm64 --conditions=arm64 --compile-executable-path=".toolchain/parts/bun-arm64-$bun"
