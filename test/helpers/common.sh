# What every script of the test bed shares: where things are, how they speak. Sourced from the project's root
# (`cd "$(dirname "$0")/.." && . test/helpers/common.sh`); starts nothing.

# Fixtures that are made once: images as OCI layouts, the virtual machine's kernel, static helpers. Git ignores .cache/.
cache=${MDK_TEST_CACHE:-$PWD/.cache}

say() { printf '\n== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] || die "needs root: containers are made of mounts, namespaces and cgroups"
}

# The first 12 digits of the digest over the named files: part of a cached thing's name, so that a changed recipe is a new thing.
recipe() { cat "$@" | sha256sum | cut -c1-12; }

# mdk refuses to run where a daemon is meant.
unset DOCKER_HOST DOCKER_CONTEXT

# The mirror of Debian's main archive that the machine itself uses; nothing where its apt names none.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's|^URIs: *\(http[^ ]*/debian/*\)\( .*\)\{0,1\}$|\1|p; s|^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*/debian/*\) .*|\2|p' |
    grep -v security | head -n 1
}
