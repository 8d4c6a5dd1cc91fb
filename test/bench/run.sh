#!/bin/sh
# Measures mdk beside crun, runc, Debian's docker and podman in one run and prints a table as markdown:
#   test/bench/run.sh [ROW…]     ROW: version run plain exec ps life pull end memory logs volume parallel thousand images build network throughput; none: all
# Same images, same isolation (crun and runc run Docker's own specification), interleaved, medians. Everything happens in
# a network and a mount namespace of its own, with a private dockerd; crun, runc and podman in one more mount namespace
# without the hybrid cgroup v2 mount, which they cannot cope with. MDK_BENCH_ROUNDS: rounds of the short rows (20).
# MDK_BENCH_BINARY: another mdk than dist/mdk.
# MDK_BENCH_DIR: where images and containers are kept meanwhile (/var/tmp): a disk, not a tmpfs.
set -eu
cd "$(dirname "$0")/../.."
. test/helpers/common.sh
. test/helpers/packages.sh
. test/helpers/registry.sh

if [ "${MDK_BENCH_INSIDE:-}" != yes ]; then
  need_root
  ensure_packages "$bench_packages" >&2
  [ -n "${MDK_BENCH_BINARY:-}" ] || sh shim/zig.sh build >&2
  sh test/helpers/fixtures.sh >/dev/null
  MDK_BENCH_INSIDE=yes exec unshare --mount --propagation private --net sh test/bench/run.sh "$@"
fi

ip link set lo up
mount -t tmpfs tmpfs /run
folder=$(mktemp -d "${MDK_BENCH_DIR:-/var/tmp}/mdk-bench.XXXXXX")
export MDK_BENCH_FOLDER="$folder"
finish() {
  "${MDK_BENCH_BINARY:-dist/mdk}" --root "$folder/mdk/root" --run-root /run/mdk clean -f >/dev/null 2>&1 || true
  [ ! -e "$folder/dockerd/pid" ] || sh test/helpers/dockerd.sh stop "$folder/dockerd" || true
  registry_stop
  umount -R "$folder/podman/root/overlay" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

registry_start "$folder/registry"
images=$(sh test/helpers/fixtures.sh)
for image in busybox debian; do registry_push "$images/$image:latest" $image:latest; done
MDK_BENCH_REGISTRY=$registry MDK_BENCH_DOCKER=$(MDK_DOCKERD_NET= sh test/helpers/dockerd.sh start "$folder/dockerd")
export MDK_BENCH_REGISTRY MDK_BENCH_DOCKER
node_modules/.bin/bun test/bench/main.ts "$@"
