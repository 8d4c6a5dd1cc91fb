# What the guest of another architecture has, sourced by test/vm/run.sh: Debian's packages for it, unpacked by us, since nothing of
# them runs here. Sets $busybox, $docker_registry and $images (the two images of the smoke test, as OCI layouts).
# The image "debian" is debootstrap's first stage and the packages of the fixture: no maintainer script was run in it.

foreign=$cache/vm-$machine-$(recipe test/vm/aarch64.sh)
busybox=$foreign/parts/bin/busybox docker_registry=$foreign/parts/usr/bin/docker-registry images=$foreign/images

foreign_image() {
  layout=$making/images/$1
  umoci init --layout "$layout"
  umoci new --image "$layout:latest"
  umoci config --image "$layout:latest" --architecture arm64 --config.cmd sh --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  umoci unpack --image "$layout:latest" "$making/bundle" >&2
  cp -a "$2/." "$making/bundle/rootfs"
  umoci repack --image "$layout:latest" "$making/bundle" >&2
  umoci gc --layout "$layout"
  rm -rf "$making/bundle"
}

foreign_busybox() {
  tree=$making/busybox
  mkdir -p "$tree/bin" "$tree/etc" "$tree/root" "$tree/tmp"
  chmod 755 "$tree"
  chmod 1777 "$tree/tmp"
  cp "$making/parts/bin/busybox" "$tree/bin/busybox"
  for applet in $(busybox --list); do [ "$applet" = busybox ] || ln "$tree/bin/busybox" "$tree/bin/$applet"; done
  echo root:x:0:0:root:/root:/bin/sh >"$tree/etc/passwd"
  printf '%s\n' root:x:0: tty:x:5: >"$tree/etc/group"
  foreign_image busybox "$tree"
}

foreign_debian() {
  tree=$making/debian
  debootstrap --foreign --arch=$debian --variant=minbase --include=perl,stress,nginx-light bookworm "$tree" $(mirror) >&2
  for file in "$tree"/var/cache/apt/archives/*.deb; do dpkg-deb --fsys-tarfile "$file" | tar -x -C "$tree" --keep-directory-symlink; done
  chmod 755 "$tree"
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree/debootstrap" "$tree"/usr/share/doc "$tree"/usr/share/man "$tree"/usr/share/locale
  for place in proc sys; do [ ! -L "$tree/$place" ] || { rm "$tree/$place" && mkdir "$tree/$place"; }; done # debootstrap's, for a chroot
  cp "$tree/usr/share/base-passwd/passwd.master" "$tree/etc/passwd"
  cp "$tree/usr/share/base-passwd/group.master" "$tree/etc/group"
  ln -sf bash "$tree/bin/sh"
  ln -sf ../sites-available/default "$tree/etc/nginx/sites-enabled/default"
  sed -i '/listen \[::\]/d' "$tree/etc/nginx/sites-available/default"
  mkdir -p "$tree/var/www/html"
  echo '<!doctype html><title>mdk</title><p>Served by nginx in a container of mdk.' >"$tree/var/www/html/index.html"
  foreign_image debian "$tree"
}

if [ ! -d "$foreign" ]; then
  own_lists || skip "no mirror of Debian's archive is known"
  making=$(mktemp -d "$cache/making.XXXXXX")
  mkdir "$making/parts" "$making/images"
  (cd "$making" && apt-get -q $apt_options -o APT::Sandbox::User=root download busybox-static docker-registry >&2) || { rm -rf "$making"; skip "apt cannot download packages for $debian"; }
  for file in "$making"/*.deb; do dpkg -x "$file" "$making/parts"; done
  rm -f "$making"/*.deb
  foreign_busybox
  foreign_debian
  rm -rf "$making/busybox" "$making/debian"
  mv "$making" "$foreign"
fi
