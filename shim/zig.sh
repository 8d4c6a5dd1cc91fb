#!/bin/sh
# The one entry to the tool chain: makes sure that the locked packages and the pinned Zig are there, then becomes Zig.
# On a clean clone this downloads both (npm registry, PyPI); afterwards it needs no network. Nothing outside of the
# project's folder is written, except the caches of npm, Bun, pip and Zig in the home directory.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^ziglang==\([0-9.]*\).*/\1/p' shim/zig.txt)
local_zig=.toolchain/ziglang/zig

has() { [ "$("$1" version 2>/dev/null)" = "$version" ]; }

if has zig; then
  zig=zig
else
  zig=$local_zig
  if ! has "$local_zig"; then
    python3 -m pip --version >/dev/null 2>&1 || {
      echo "mdk builds with Zig $version: put it on PATH, or install pip so that it can be fetched (apt-get install python3-pip)" >&2
      exit 1
    }
    echo "fetching Zig $version" >&2
    rm -rf .toolchain # pip leaves an older install in place
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile \
      --only-binary=:all: --require-hashes --target .toolchain --requirement shim/zig.txt
  fi
fi

bun=node_modules/.bin/bun
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  echo "fetching npm packages" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  # npm can be configured to run no install scripts; Bun's puts its executable in place.
  "$bun" --version >/dev/null 2>&1 || node node_modules/bun/install.js
  # npm leaves out optional packages whose "engines" exclude this Node; Bun runs them, so Bun adds them.
  "$bun" install --frozen-lockfile --silent
fi

# The first `zig build` of a cache compiles Zig's build runner: 17 s with this set, 150 s optimised.
export ZIG_DEBUG_CMD=1
exec "$zig" "$@"
