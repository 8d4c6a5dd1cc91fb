#!/bin/sh
# Boots a virtual machine with pure cgroup v2 and runs in it the smoke script, then with the older kernel a CI job (test/nested/job.sh); with the newer one its power is
# cut and it is booted once more: `sh test/vm/run.sh [MDK]`, as root.
# MDK_VM_KERNEL: which of Debian 12's kernels, 6.12 (backports' newest) or 6.1 (its own, without overlay's lowerdir+).
# MDK_VM_MACHINE: x86_64, or aarch64 (then MDK is dist/mdk-arm64 and what the guest has comes from test/vm/aarch64.sh).
# Exit status: 0 passed, 1 failed, 77 skipped (last line: why). The console goes to standard output.
# The guest is busybox, glibc, the registry with its images, the kernel's modules and mdk: no ip, nft, tar or runc, and a
# run root that is mounted noexec. Emulated (TCG): about a minute. MDK_VM_ACCEL=kvm where real KVM is, MDK_VM_TIMEOUT in
# seconds. Needs qemu-system-x86 (or -arm), busybox-static, docker-registry, skopeo, cpio, zstd, kmod, xz-utils, e2fsprogs and apt.
set -eu
cd "$(dirname "$0")/../.."
. test/helpers/common.sh
. test/helpers/registry.sh

skip() {
  echo "skip: $*"
  exit 77
}

machine=${MDK_VM_MACHINE:-x86_64}
case $machine in
  x86_64) debian=amd64 mdk=dist/mdk console=ttyS0 cpu='-cpu max -M q35' ;;
  aarch64) debian=arm64 mdk=dist/mdk-arm64 console=ttyAMA0 cpu='-cpu neoverse-n1 -M virt' ;;
  *) die "no virtual machine is made for $machine" ;;
esac
mdk=${1:-$mdk}
[ -x "$mdk" ] || die "$mdk is not there: npm run build"
need_root
if [ "$machine" = aarch64 ]; then
  . test/helpers/packages.sh
  ensure_packages "$test_packages
    qemu-system-arm:the_virtual_machine_of_arm64"
fi
[ "$(uname -m)" = x86_64 ] || skip "the virtual machine is made for x86_64"
for tool in qemu-system-$machine docker-registry skopeo cpio zstd modprobe xz mke2fs apt-get busybox; do
  PATH=$PATH:/sbin:/usr/sbin command -v $tool >/dev/null || skip "$tool is not installed"
done

series=${MDK_VM_KERNEL:-6.12}

# Debian's newest kernel of the series for clouds that apt lists, not installed, only unpacked; else one of an earlier run.
listed() { apt-cache $apt_options pkgnames "linux-image-$series." 2>/dev/null | grep -E '^linux-image-[0-9.]+[-+][a-z0-9]+-cloud-'$debian'$' | sort -V | tail -n 1; }

# Lists of our own, with Debian 12's security archive: the machine's may be old, or know another release only.
own_lists() {
  lists=$cache/apt-$debian
  mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
  archive=$(mirror)
  [ -n "$archive" ] || return 1
  key="[arch=$debian signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
  printf '%s\n' "deb $key ${archive%/} bookworm main" "deb $key ${archive%/}-security bookworm-security main" >"$lists/s.list"
  apt_options="-o Dir::Etc::sourcelist=$lists/s.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$lists/lists -o Dir::Cache=$lists/cache
    -o APT::Architecture=$debian -o APT::Architectures=$debian -o Acquire::Languages=none"
  apt-get -q $apt_options -o APT::Sandbox::User=root update >&2
}

find_kernel() {
  apt_options=
  package=
  [ "$machine" = aarch64 ] || package=$(listed)
  [ -n "$package" ] || { own_lists && package=$(listed); } || true
  [ -n "$package" ] || package=$(ls "$cache" 2>/dev/null | sed -n "s/^vm-\(linux-image-$series\..*-cloud-$debian\)$/\1/p" | sort -V | tail -n 1)
  [ -n "$package" ] || skip "apt lists no linux-image-$series…-cloud-$debian"
  kernel=$cache/vm-$package
}

# The kernel, its modules uncompressed (busybox's modprobe reads nothing else), and an initrd that mounts the disk.
unpack_kernel() {
  work=$(mktemp -d "$cache/kernel.XXXXXX")
  (cd "$work" && apt-get -q $apt_options -o APT::Sandbox::User=root download "$package" >&2) || { rm -rf "$work"; skip "apt cannot download $package"; }
  dpkg -x "$work"/*.deb "$work/deb"
  modules=$(echo "$work"/deb/lib/modules/* "$work"/deb/usr/lib/modules/* | tr ' ' '\n' | grep -v '\*$' | head -n 1)
  release=$(basename "$modules")
  new=$work/new base=$work/new/rootfs/lib/modules/$release
  mkdir -p "$base"
  cp "$modules"/modules.builtin* "$modules"/modules.order "$base"
  for tree in net lib crypto fs/overlayfs drivers/net/veth.ko.xz drivers/net/veth.ko drivers/block drivers/virtio drivers/char; do
    [ -e "$modules/kernel/$tree" ] || continue
    mkdir -p "$base/kernel/$(dirname $tree)"
    cp -r "$modules/kernel/$tree" "$base/kernel/$(dirname $tree)"
  done
  find "$base" -name '*.ko.xz' -exec xz -d {} +
  depmod -b "$new/rootfs" "$release" 2>/dev/null
  make_initrd "$new"
  cp "$work"/deb/boot/vmlinuz-* "$new/vmlinuz"
  mv "$new" "$kernel"
  rm -rf "$work"
}

make_initrd() {
  tree=$work/initrd
  mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/newroot" "$tree/mods"
  cp "$busybox" "$tree/bin"
  : >"$tree/mods/order"
  for module in virtio_pci virtio_blk; do
    modprobe -d "$1/rootfs" -S "$release" --show-depends $module 2>/dev/null | while read -r how file _; do
      [ "$how" = insmod ] || continue
      cp "$file" "$tree/mods"
      grep -qx "$(basename "$file")" "$tree/mods/order" || basename "$file" >>"$tree/mods/order"
    done
  done
  cp test/vm/initrd-init "$tree/init"
  chmod +x "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) | zstd -q -1 >"$1/initrd.zst"
}

make_rootfs() {
  rootfs=$folder/rootfs
  mkdir -p "$rootfs/bin" "$rootfs/sbin" "$rootfs/etc" "$rootfs/root" "$rootfs/tmp" "$rootfs/run" "$rootfs/dev" "$rootfs/proc" \
    "$rootfs/sys" "$rootfs/data/run" "$rootfs/usr/bin" "$rootfs/test/helpers"
  cp -r "$kernel/rootfs/." "$rootfs"
  cp "$busybox" "$rootfs/bin"
  for applet in $(busybox --list); do [ -e "$rootfs/bin/$applet" ] || ln -s busybox "$rootfs/bin/$applet"; done
  ln -s ../bin/busybox "$rootfs/sbin/modprobe" # the path that the kernel calls
  cp "$mdk" "$rootfs/usr/bin/mdk"
  cp "$docker_registry" "$rootfs/usr/bin/docker-registry"
  mkdir -p "$rootfs/lib" "$rootfs/lib64" # the same glibc as the build's, where its loader looks
  for library in .toolchain/parts/libc6_*_"$debian"/*; do
    cp "$library" "$rootfs/lib"
    case $library in */ld-linux-x86*) cp "$library" "$rootfs/lib64" ;; esac
  done
  cp test/smoke.sh "$rootfs/test"
  cp test/helpers/host.sh test/helpers/registry.sh "$rootfs/test/helpers"
  mkdir -p "$rootfs/job"
  cp test/nested/job.sh test/helpers/host.sh "$rootfs/job"
  cp test/vm/guest-init "$rootfs/guest-init"
  chmod +x "$rootfs/guest-init"
  [ "$series" = 6.1 ] || touch "$rootfs/to-be-cut"
  echo root:x:0:0:root:/root:/bin/sh >"$rootfs/etc/passwd"
  echo root:x:0: >"$rootfs/etc/group"
  echo nameserver 192.0.2.53 >"$rootfs/etc/resolv.conf"
  printf '127.0.0.1 localhost\n' >"$rootfs/etc/hosts"
}

mkdir -p "$cache"
find_kernel
if [ "$machine" = aarch64 ]; then
  . test/vm/aarch64.sh
else
  busybox=/bin/busybox docker_registry=$(command -v docker-registry) images=$(sh test/helpers/fixtures.sh)
fi
[ -d "$kernel" ] || unpack_kernel
echo "kernel: $package"

folder=$(mktemp -d "$cache/vm.XXXXXX")
trap 'registry_stop; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
make_rootfs
registry_start "$folder/registry"
for image in busybox debian; do registry_push "$images/$image:latest" $image:latest; done
registry_stop
mv "$folder/registry/storage" "$rootfs/registry-storage"

# Never "kvm:tcg": where KVM is there but not real, the guest hangs.
accel=tcg,thread=multi
[ "${MDK_VM_ACCEL:-tcg}" = tcg ] || accel=$MDK_VM_ACCEL
stalled='soft lockup - CPU|rcu_[a-z]+ (self-)?detected (stall|expedited)|rcu: INFO: rcu_[a-z]+ (self-)?detected'

# The guest's console, until it ends or its kernel has told the fifth stall (its emulator then ends by the closed pipe).
watch_console() { tr -d '\r' | awk -v stalled="$stalled" '{ print; fflush() } $0 ~ stalled && ++told == 5 { print "VM-STALLED"; exit }' | tee -a "$folder/console"; }

boot() {
  timeout -k 5 "${MDK_VM_TIMEOUT:-300}" qemu-system-$machine -accel "$accel" $cpu -smp 2 -m 1024 -nodefaults -nographic \
    -serial stdio -no-reboot -drive "file=$folder/root.ext4,format=raw,if=virtio,cache=unsafe" \
    -kernel "$kernel/vmlinuz" -initrd "$kernel/initrd.zst" -append "console=$console quiet panic=-1 mitigations=off" \
    </dev/null 2>&1 | watch_console
}

# A fresh disk, booted; after a power cut booted again: what the next boot makes of the containers that ran.
pass() {
  rm -f "$folder/console" "$folder/root.ext4"
  mke2fs -q -F -t ext4 -O ^has_journal -d "$rootfs" "$folder/root.ext4" 3G
  boot
  if grep -q '^VM-CUT' "$folder/console"; then boot; fi
  grep -q '^VM-EXIT rc=0 ' "$folder/console"
}
pass && exit
# QEMU's parallel emulation of two processors can hang a guest in its own kernel, or let the one run into a breakpoint by which the other
# patches code (arch/x86/kernel/alternative.c, text_poke_bp) when that is gone again: once more, a processor after the other.
[ "$accel" = tcg,thread=multi ] && grep -Eq "$stalled|Oops: int3" "$folder/console" || exit 1
echo "the guest's kernel failed in its emulator: once more, with one thread for both processors"
accel=tcg,thread=single
pass
