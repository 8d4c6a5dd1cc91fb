#!/bin/sh
# The recipes of vagrant/ci, each run as far as a machine alone can: `sh test/ci/recipes.sh`, as root. Their options and commands are
# read from the files themselves; Debian's podman stands in for the runner, Debian's nginx for the image under test, and a
# root of busybox and musl for Alpine. All of it in network and mount namespaces of its own.
# Prints "ok - …" for each and ends with status 1 at the first that fails. Installs what is missing; needs a built dist/mdk.
set -eu
cd "$(dirname "$0")/../.."
. test/helpers/common.sh
. test/helpers/packages.sh
. test/helpers/registry.sh
need_root

if [ "${1:-}" != inside ]; then
  ensure_packages "$test_packages
    podman:the_runner
    catatonit:the_pause_process_of_its_pods"
  images=$(sh test/helpers/fixtures.sh)
  folder=$(mktemp -d "${TMPDIR:-/tmp}/mdk-ci.XXXXXX")
  trap 'rm -rf "$folder"' EXIT
  unshare --net --mount --propagation private sh test/ci/recipes.sh inside "$images" "$folder"
  exit
fi
images=$2 folder=$3
ip link set lo up
# runc and podman know pure v1, not the hybrid.
! grep -q ' /sys/fs/cgroup/unified cgroup2 ' /proc/mounts || umount /sys/fs/cgroup/unified

cat >"$folder/containers.conf" <<'TOML'
[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
cgroupns = "private"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
TOML
export CONTAINERS_CONF="$folder/containers.conf"
podman() { command podman --root "$folder/store" --runroot "$folder/run" "$@"; }
trap 'podman rm -fa >/dev/null 2>&1 || true; registry_stop; umount -R "$folder/store" 2>/dev/null || true' EXIT

ok() { echo "ok - $*"; }
fail() {
  echo "not ok - $1"
  sed 's/^/#   /' "$folder/out"
  exit 1
}
# served WHAT COMMAND…: ends well, and shows the page.
served() {
  what=$1
  shift
  "$@" >"$folder/out" 2>&1 </dev/null || fail "$what: exit status $?"
  grep -q 'Served by nginx' "$folder/out" || fail "$what: no page"
  grep -q '^mdk run works on this host' "$folder/out" || fail "$what: the doctor is not content"
  ok "$what: mdk doctor, run, the page, clean"
}

# The image under test.
registry_start "$folder/registry"
cp -r "$images/debian" "$folder/web"
umoci config --image "$folder/web:latest" --config.cmd nginx --config.cmd -g --config.cmd 'daemon off;'
registry_push "$folder/web:latest" web:latest
export IMAGE="$registry/web"

# The images of the jobs.
skopeo copy --quiet "oci:$images/debian:latest" "containers-storage:[overlay@$folder/store+$folder/run]docker.io/library/debian:12"
alpine=$folder/alpine
mkdir -p "$alpine/bin" "$alpine/lib" "$alpine/etc" "$alpine/tmp" "$alpine/root" "$alpine/usr/local/bin"
cp /bin/busybox "$alpine/bin"
for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$alpine/bin/$applet"; done
cp /lib/x86_64-linux-musl/libc.so "$alpine/lib/ld-musl-x86_64.so.1"
tar -C "$alpine" -c . | podman import --quiet - docker.io/library/alpine:3 >/dev/null
cp /bin/busybox "$folder/wget"

# Values of a recipe.
options=$(sed -n 's/^ *options: *//p' vagrant/ci/github.yml)
volumes=$(sed -n 's/^# *volumes = \["\(.*\)"\]$/--volume \1/p' vagrant/ci/gitlab.yml)
# A runner mounts the work tree, and Debian's image has no wget.
common="--env IMAGE --volume $PWD:/work:ro --volume $folder/wget:/usr/bin/wget:ro --workdir /work"

github() {
  podman run --detach --name github $options $common debian:12 tail -f /dev/null >/dev/null
  sed -n 's/^ *- run: *//p' vagrant/ci/github.yml >"$folder/steps"
  while read -r step; do podman exec github sh -e -c "$step" </dev/null || return; done <"$folder/steps"
}
gitlab() { sed -n '/script:/,$s/^ *- //p' vagrant/ci/gitlab.yml >"$folder/script"; podman run --interactive --privileged $volumes $common debian:12 sh -e <"$folder/script"; }
dind() {
  podman build --quiet --tag localhost/mdk:latest --file vagrant/ci/Dockerfile --ignorefile /dev/null . >/dev/null
  podman run --privileged --env IMAGE localhost/mdk:latest
}
kubernetes() {
  sed "s|^      securityContext:|      env:\n        - name: IMAGE\n          value: $IMAGE\n&|" vagrant/ci/kubernetes.yaml >"$folder/pod.yaml"
  podman play kube --network host "$folder/pod.yaml" || return
  job=mdk-smoke-job
  status=$(podman wait $job)
  podman logs $job
  return "$status"
}

served "GitHub Actions, container: with --privileged" github
served "GitLab runner, privileged = true" gitlab
served "docker:dind-like Alpine (musl)" dind
served "Kubernetes pod, privileged" kubernetes
echo "recipes passed"
