#!/bin/sh
# Debian's dockerd, private: own data, socket, containerd, network namespace, and a mount namespace in which cgroup v1 is
# all there is on a hybrid host. For comparisons; the real service of the machine is never touched.
#   sh test/helpers/dockerd.sh start FOLDER   prints DOCKER_HOST's value once it answers
#   sh test/helpers/dockerd.sh stop FOLDER    ends it, its containers and its mounts
#   sh test/helpers/dockerd.sh in FOLDER COMMAND…   runs a command in its network namespace (a registry, a client of a port)
# FOLDER: 60 characters at most, because of unix sockets. MDK_DOCKERD_NET= (empty): the network namespace of the caller.
set -eu

action=$1 folder=$2
shift 2

# Inside the namespaces.
serve() {
  ip link set lo up
  ! grep -q ' /sys/fs/cgroup/unified cgroup2 ' /proc/mounts || umount /sys/fs/cgroup/unified
  mount -t tmpfs tmpfs /run
  echo "{}" >"$folder/daemon.json"
  exec dockerd --host "unix://$folder/docker.sock" --data-root "$folder/data" --exec-root "$folder/exec" \
    --pidfile "$folder/dockerd.pid" --cgroup-parent "/mdk-peer-$$" --config-file "$folder/daemon.json" \
    --insecure-registry 127.0.0.0/8 --storage-driver overlay2 --log-level warn
}

case $action in
  serve) serve ;;
  start)
    mkdir -p "$folder"
    setsid unshare --mount --propagation private ${MDK_DOCKERD_NET---net} sh "$0" serve "$folder" </dev/null >"$folder/log" 2>&1 &
    echo $! >"$folder/pid"
    tries=0
    until DOCKER_HOST=unix://$folder/docker.sock docker version >/dev/null 2>&1; do
      tries=$((tries + 1))
      if [ $tries -gt 300 ] || ! kill -0 "$(cat "$folder/pid")" 2>/dev/null; then
        tail -n 20 "$folder/log" >&2
        exit 1
      fi
      sleep 0.1
    done
    echo "unix://$folder/docker.sock" ;;
  in) exec nsenter --net --target "$(cat "$folder/pid")" "$@" ;;
  stop)
    pid=$(cat "$folder/pid")
    export DOCKER_HOST="unix://$folder/docker.sock"
    containers=$(docker ps -aq 2>/dev/null || true)
    [ -z "$containers" ] || docker rm -f $containers >/dev/null 2>&1 || true
    kill "$pid" 2>/dev/null || true
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    # The cgroup tree is the host's: its groups are below the parent that serve() named after this pid.
    find /sys/fs/cgroup -depth -type d -path "*/mdk-peer-$pid*" -exec rmdir {} + 2>/dev/null || true
    rm -rf "$folder/data" "$folder/exec" "$folder/docker.sock" "$folder/pid" ;;
  *) echo "usage: dockerd.sh start|stop|in FOLDER" >&2; exit 2 ;;
esac
