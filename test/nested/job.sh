#!/bin/sh
# The job's half of the matrix of test/nested: `sh job.sh prepare|doctor|up|down|deeper …`, run inside a job's container, whose PID 1 never
# reaps and which may have busybox alone.
#   prepare v1|read-only|v2|delegated [CONTROLLER…]
#                              makes the cgroup mounts what the cell is about; delegated: they show a part of the job's group, in which
#                              the job then is, and on v2 it has these controllers. Prints "mounted TYPE…"
#   doctor                     what `mdk doctor --json` says, with its exit status
#   up REGISTRY both|cpu|none  pulls and runs; a container stays, with the limits for which the cell has the controllers. Prints "id ID"
#   down                       stops, removes and cleans; nothing may be left
#   deeper REGISTRY            the same once more, in a privileged container of mdk's
# Prints "ok - …" for each thing shown and ends with status 1 at the first wrong value.
set -u
here=$(dirname "$0")
. "$here/host.sh"
err=/tmp/mdk-job-err

ok() { echo "ok - $*"; }
fail() {
  echo "not ok - $*"
  [ ! -s $err ] || sed 's/^/#   /' $err
  exit 1
}
is() { [ "$2" = "$3" ] && ok "$1: $3" || fail "$1: expected '$2', got '$3'"; }
# status WHAT EXPECTED COMMAND…
status() {
  what=$1 expected=$2
  shift 2
  out=$(timeout 60 "$@" 2>$err </dev/null)
  got=$?
  [ "$got" = "$expected" ] || fail "$what: expected exit status $expected, got $got"
  ok "$what: exit status $got"
}

cgroup_mounts() { awk '$5 ~ "^/sys/fs/cgroup" { print $5 }' /proc/self/mountinfo; }
hierarchies() { awk '/ - cgroup2? / { print $5 }' /proc/self/mountinfo | sort -u; }

prepare() {
  case $1 in
    v1) writable ;;
    read-only) cgroup_mounts | sort -r | while read -r path; do mount -o remount,bind,ro "$path"; done ;;
    v2)
      cgroup_mounts | sort -r | while read -r path; do umount "$path"; done
      mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;
    delegated)
      shift
      delegate "$@" ;;
  esac
  echo "mounted" $(sed -n 's/.* - \(cgroup2\{0,1\}\) .*/\1/p' /proc/self/mountinfo | sort -u)
}

writable() { cgroup_mounts | while read -r path; do mount -o remount,bind,rw "$path"; done; }

delegate() {
  writable
  for path in $(hierarchies); do
    if [ -n "$*" ] && [ -e "$path/cgroup.subtree_control" ]; then
      mkdir "$path/rest" || fail "delegate"
      while read -r pid; do echo "$pid" >"$path/rest/cgroup.procs"; done <"$path/cgroup.procs"
      for controller in "$@"; do echo "+$controller" >"$path/cgroup.subtree_control" || fail "delegate $controller"; done
    fi
    mkdir "$path/part" || fail "delegate"
    [ ! -e "$path/cpuset.cpus" ] || [ -e "$path/cgroup.events" ] || for file in cpuset.cpus cpuset.mems; do cat "$path/$file" >"$path/part/$file"; done
    mount --bind "$path/part" "$path" || fail "delegate"
  done
  : >/tmp/delegated
}

# Of a v2 group that hands controllers on the processes are in init/ (src/cgroup/vacate.ts).
enter_part() {
  [ ! -e /tmp/delegated ] || for path in $(hierarchies); do
    [ ! -d "$path/init" ] || path=$path/init
    echo $$ >"$path/cgroup.procs" || fail "enter the part"
  done
}

# A group that is left in the part keeps it from going.
leave_part() {
  mkdir /tmp/aside
  for path in $(hierarchies); do
    # busybox would unmount what is below as well where the hierarchy's source is called as its place.
    mount --move "$path" /tmp/aside && umount /tmp/aside
    if [ -e "$path/rest" ]; then
      for controller in $(cat "$path/cgroup.subtree_control"); do echo "-$controller" >"$path/cgroup.subtree_control"; done
      while read -r pid; do echo "$pid" >"$path/cgroup.procs"; done <"$path/rest/cgroup.procs"
      rmdir "$path/rest" || fail "a process is left in $path/rest"
    fi
    echo $$ >"$path/cgroup.procs"
    # busybox's timeout leaves a watcher for a second.
    tries=0
    until rmdir "$path/part" 2>$err; do
      tries=$((tries + 1))
      [ $tries -lt 30 ] || fail "what was delegated is not empty"
      sleep 0.1
    done
  done
  rm /tmp/delegated
  ok "what was delegated is empty"
}

doctor() {
  enter_part
  mdk doctor --json
}

up() {
  enter_part
  image=$1/busybox
  status "pull" 0 mdk pull -q "$image"
  [ ! -s $err ] || echo "told: $(cat $err)"
  echo "store: $(mdk info | sed -n 's/^  Root Store: //p')"
  status "run --rm" 0 mdk run --rm "$image" sh -c 'echo x >/new && rm /bin/httpd && [ ! -e /bin/httpd ] && cat /new'
  case $2 in
    both) limits="--memory 64M --cpus 0.25" ;;
    cpu) limits="--cpus 0.25" ;;
    none) limits= ;;
  esac
  if [ "$2" != both ]; then
    status "a limit without its controller" 125 mdk run --rm --memory 64M "$image" true
    grep -q 'memory controller' $err || fail "it does not say why"
  fi
  status "run -d -p" 0 mdk run -d --name app -p 127.0.0.1::80 $limits "$image" httpd -f -p 80 -h /etc
  echo "id $out"
  port=$(mdk inspect -f '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}' app)
  tries=0
  until fetch 127.0.0.1 "$port" /passwd | grep -q root; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || fail "nothing is served at 127.0.0.1:$port"
    sleep 0.1
  done
  ok "served at a published port"
  status "exec" 0 mdk exec app echo executed
  is "exec's output" executed "$out"
}

down() {
  enter_part
  status "stop" 0 mdk stop -t 1 app
  status "rm" 0 mdk rm app
  status "clean" 0 mdk clean -f
  is "processes" "" "$(for pid in /proc/[0-9]*; do alive "${pid#/proc/}" && grep -l mdk-shim "$pid/comm"; done 2>/dev/null)"
  is "groups" "" "$(find /sys/fs/cgroup -type d -name mdk 2>/dev/null)"
  # A group that is not the machine's root: what was in it is in it again.
  [ ! -e /sys/fs/cgroup/cgroup.events ] || is "groups made for the job's own processes" "0 " "$(find /sys/fs/cgroup -mindepth 1 -type d | wc -l) $(cat /sys/fs/cgroup/cgroup.subtree_control)"
  # They go with namespaces that may still be on their way out.
  for look in $(seq 50); do ls /sys/class/net | grep -q mdk || break; sleep 0.1; done
  is "links" "" "$(ls /sys/class/net | grep mdk)"
  is "run root" "" "$(ls /run/mdk 2>/dev/null)"
  is "mounts of a store" "" "$(awk '$5 ~ "^/var/lib/mdk/" { print $5 }' /proc/self/mountinfo)"
  [ ! -e /tmp/delegated ] || leave_part
}

# A container of mdk's own as the job: its data root is on an overlay again, below which is the loop device of this job.
deeper() {
  status "pull of the job's image" 0 mdk pull -q "$1/debian"
  status "a privileged container" 0 mdk run -d --name deep --privileged --network host -v /usr/bin/mdk:/usr/bin/mdk:ro -v /usr/bin/busybox:/usr/bin/busybox:ro \
    -v "$here:$here:ro" "$1/debian" sleep 100000
  timeout 60 mdk exec deep sh "$here/job.sh" up "$1" both || fail "up"
  timeout 60 mdk exec deep sh "$here/job.sh" down || fail "down"
  status "rm -f of it" 0 mdk rm -f deep
}

"$@"
