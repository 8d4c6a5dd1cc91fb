#!/bin/sh
# Makes the images that the tests run, once, as OCI layouts in the cache: `sh test/helpers/fixtures.sh` prints their folder.
#   busybox   one layer: Debian's busybox-static with all its applets
#   debian    six layers, written by umoci: debootstrap minbase, then bash completion, perl, stress, nginx, and a page
#             with the documentation removed (whiteouts)
# Another tool writes them, so that mdk never reads only what mdk wrote. Made on a tmpfs where memory allows: dpkg syncs a lot.
set -eu
cd "$(dirname "$0")/../.."
. test/helpers/common.sh

images=$cache/images-$(recipe test/helpers/fixtures.sh)
# Everything below runs in a private mount namespace: its mounts end with it, whatever happens.
if [ "${1:-}" = build ]; then
  work=$2
  available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  [ "$available" -lt 3000000 ] || mount -t tmpfs -o size=2g tmpfs "$work"
  mkdir "$work/images"
  rootfs=$work/bundle/rootfs
else
  [ -d "$images" ] || {
    need_root
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/making.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    started=$(date +%s)
    echo "making the images (debootstrap, apt, umoci)" >&2
    unshare --mount --propagation private sh test/helpers/fixtures.sh build "$work" "$images" >"$work.log" 2>&1 || {
      tail -n 30 "$work.log" >&2
      rm -rf "$work.log"
      die "the images could not be made"
    }
    rm -f "$work.log"
    echo "made in $(($(date +%s) - started)) s" >&2
  }
  echo "$images"
  exit
fi

# layer IMAGE MESSAGE: what changed in the bundle since the last one becomes a layer.
layer() { umoci repack --refresh-bundle --history.created_by "$2" --image "$work/images/$1:latest" "$work/bundle"; }

start_image() {
  umoci init --layout "$work/images/$1"
  umoci new --image "$work/images/$1:latest"
  umoci unpack --image "$work/images/$1:latest" "$work/bundle"
}

end_image() {
  umoci gc --layout "$work/images/$1"
  rm -rf "$work/bundle"
}

busybox_image() {
  start_image busybox
  mkdir -p "$rootfs/bin" "$rootfs/etc" "$rootfs/root" "$rootfs/home" "$rootfs/tmp" "$rootfs/var/spool"
  chmod 755 "$rootfs"
  chmod 1777 "$rootfs/tmp"
  chmod 700 "$rootfs/root"
  cp /bin/busybox "$rootfs/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln "$rootfs/bin/busybox" "$rootfs/bin/$applet"
  done
  printf '%s\n' root:x:0:0:root:/root:/bin/sh daemon:x:1:1:daemon:/usr/sbin:/bin/false \
    user:x:1000:1000:user:/home:/bin/sh nobody:x:65534:65534:nobody:/home:/bin/false >"$rootfs/etc/passwd"
  printf '%s\n' root:x:0: daemon:x:1: tty:x:5: staff:x:50:user wheel:x:10:root user:x:1000: nogroup:x:65534: >"$rootfs/etc/group"
  layer busybox "busybox-static"
  umoci config --image "$work/images/busybox:latest" --config.cmd sh \
    --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  end_image busybox
}

inside() { chroot "$rootfs" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }

# What apt and dpkg need while packages go in and no layer shall hold; kept aside meanwhile.
clean() {
  rm -rf "$work/lists" "$rootfs"/var/cache/apt/*.bin "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/log/*.log \
    "$rootfs"/var/log/apt/* "$rootfs/usr/sbin/policy-rc.d" "$rootfs/etc/dpkg/dpkg.cfg.d/fixture" "$rootfs"/var/lib/dpkg/*-old
  mv "$rootfs/var/lib/apt/lists" "$work/lists"
  mkdir -p "$rootfs/var/lib/apt/lists/partial"
}

# packages LAYER PACKAGE…
packages() {
  rm -rf "$rootfs/var/lib/apt/lists"
  mv "$work/lists" "$rootfs/var/lib/apt/lists"
  printf '#!/bin/sh\nexit 101\n' >"$rootfs/usr/sbin/policy-rc.d"
  chmod 755 "$rootfs/usr/sbin/policy-rc.d"
  printf '%s\n' force-unsafe-io path-exclude=/usr/share/man/* path-exclude=/usr/share/locale/* >"$rootfs/etc/dpkg/dpkg.cfg.d/fixture"
  inside apt-get install -q -y --no-install-recommends -o Acquire::Retries=3 "$@"
  clean
  layer debian "apt-get install $*"
}

debian_image() {
  start_image debian
  # Without a mirror debootstrap takes Debian's own.
  debootstrap --variant=minbase bookworm "$rootfs" $(mirror)
  chmod 755 "$rootfs"
  clean
  rm -rf "$rootfs"/usr/share/man/* "$rootfs"/usr/share/locale/*
  layer debian "debootstrap --variant=minbase bookworm"
  packages bash-completion
  packages perl
  packages stress
  packages nginx-light
  rm -rf "$rootfs"/usr/share/doc/* "$rootfs/usr/share/bash-completion/completions" "$rootfs"/var/www/html/*
  sed -i '/listen \[::\]/d' "$rootfs/etc/nginx/sites-available/default" # a host may have no IPv6
  echo '<!doctype html><title>mdk</title><p>Served by nginx in a container of mdk.' >"$rootfs/var/www/html/index.html"
  layer debian "a page, no documentation"
  umoci config --image "$work/images/debian:latest" --config.cmd bash \
    --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  end_image debian
}

busybox_image
debian_image
cp -r "$work/images" "$3.new"
mv "$3.new" "$3"
