#!/bin/sh
# Fetches what shim/link.sh joins and the npm packages do not have, into .toolchain, once: the C libraries of shim/parts.txt
# and Bun's runtime for arm64 (npm registry, as package-lock.json has it). Afterwards a build needs no network.
set -eu
cd "$(dirname "$0")/.."
here=$PWD parts=.toolchain/parts
mkdir -p "$parts"

die() { echo "$*" >&2; exit 1; }

# The Debian mirror that apt is set up with; Debian's own elsewhere.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's|^URIs: *\(http[^ ]*/debian\)/*\( .*\)\{0,1\}$|\1|p; s|^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*/debian\)/* .*|\2|p' | head -n 1
}

# fetch URL FILE: by whatever can; the sum is checked by the caller.
fetch() {
  if [ -x /usr/lib/apt/apt-helper ]; then /usr/lib/apt/apt-helper -q -o APT::Sandbox::User=root download-file "$1" "$2" >/dev/null
  else curl -fsSL -o "$2" "$1"; fi
}

grep -v '^#' shim/parts.txt | while read -r file sum; do
  folder=$parts/${file%.deb}
  [ ! -d "$folder" ] || continue
  command -v dpkg-deb >/dev/null || die "mdk builds with dpkg-deb: it unpacks $file"
  echo "fetching $file" >&2
  work=$(mktemp -d "$here/$parts/new.XXXXXX")
  from=$(mirror)
  fetch "${from:-http://ftp.debian.org/debian}/pool/main/g/glibc/$file" "$work/$file" || { rm -rf "$work"; die "cannot fetch $file"; }
  echo "$sum  $work/$file" | sha256sum -c --status || { rm -rf "$work"; die "$file is not what shim/parts.txt says"; }
  dpkg-deb -x "$work/$file" "$work/tree"
  mkdir "$work/new"
  for library in ld-linux-*.so.* libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2; do
    cp -L "$work"/tree/lib/*-linux-gnu/$library "$work/new/"
  done
  mv "$work/new" "$folder"
  rm -rf "$work"
done

version=$(node_modules/.bin/bun --version)
arm=$parts/bun-arm64-$version
if [ ! -x "$arm" ]; then
  echo "fetching Bun $version for arm64" >&2
  work=$(mktemp -d "$here/$parts/new.XXXXXX")
  cp package.json package-lock.json .npmrc "$work"
  (cd "$work" && "$here/node_modules/.bin/bun" install --frozen-lockfile --cpu=arm64 --os=linux --silent --ignore-scripts) &&
    mv "$work/node_modules/@oven/bun-linux-aarch64/bin/bun" "$arm" || { rm -rf "$work"; die "cannot fetch Bun for arm64"; }
  rm -rf "$work"
fi
