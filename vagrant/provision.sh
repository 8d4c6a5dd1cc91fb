#!/bin/sh
# Runs in a machine of the Vagrantfile, as root: installs what the build needs, builds mdk in /mdk (or $1), fills a real
# registry on loopback and runs the smoke test. Prints what the host is, so that a failure can be placed.
set -eu
cd "${1:-/mdk}"
. test/helpers/common.sh
. test/helpers/packages.sh
. test/helpers/registry.sh
need_root

say "$(uname -sr), $(. /etc/os-release && echo "$PRETTY_NAME"), /sys/fs/cgroup is $(stat -f -c %T /sys/fs/cgroup)"
ensure_packages "
  nodejs:the_build
  npm:the_build
  python3:the_build
  python3-pip:the_build
  git:the_version's_date
$base_packages"

sh shim/zig.sh build
images=$(sh test/helpers/fixtures.sh)
folder=$(mktemp -d /var/tmp/mdk-smoke.XXXXXX)
trap 'registry_stop; rm -rf "$folder"' EXIT
registry_start "$folder/registry"
for image in busybox debian; do registry_push "$images/$image:latest" $image:latest; done
sh test/smoke.sh dist/mdk "$registry"
