#!/bin/sh
# The smoke test of a host: `sh test/smoke.sh MDK REGISTRY [FOLDER]`, as root. Shared by `npm run demo`, the virtual machine
# (test/vm) and Vagrant's provisioning (vagrant/). MDK is the executable, REGISTRY a host:port that holds the images
# busybox and debian of test/helpers/fixtures.sh. State goes to FOLDER (else a temporary one), never to a real installation.
# Prints "ok - …" for each thing shown and ends with status 1 at the first wrong value. Needs a POSIX shell and busybox.
set -u
mdk_file=$1 registry=$2
here=$(dirname "$0")
. "$here/helpers/host.sh"

folder=${3:-} temporary=
[ -n "$folder" ] || folder=$(mktemp -d) temporary=$folder
mdk() { timeout 120 "$mdk_file" --root "$folder/root" --run-root "$folder/run" "$@"; }

cleanup() {
  mdk clean -f >/dev/null 2>&1
  [ -z "$temporary" ] || rm -rf "$temporary"
}
trap 'cleanup' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() { echo "ok - $*"; }
fail() {
  echo "not ok - $*"
  [ ! -s "$folder/err" ] || sed 's/^/#   /' "$folder/err"
  exit 1
}

# is WHAT EXPECTED ACTUAL
is() { [ "$2" = "$3" ] && ok "$1: $3" || fail "$1: expected '$2', got '$3'"; }

# status WHAT EXPECTED COMMAND…: exit status; its standard output is left in $out, its standard error in FOLDER/err.
status() {
  what=$1 expected=$2
  shift 2
  "$@" >"$folder/out" 2>"$folder/err" </dev/null # a file: a pipe that somebody kept open would be waited for
  got=$?
  out=$(cat "$folder/out")
  [ "$got" = "$expected" ] || fail "$what: expected exit status $expected, got $got"
  ok "$what: exit status $got"
}

# within SECONDS COMMAND…: until it succeeds.
within() {
  tries=$(($1 * 5))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.2
  done
}

dead() { ! alive "$1"; }
all_dead() { for process; do within 5 dead "$process" || fail "process $process is still there"; done; }

busybox_image=$registry/busybox debian_image=$registry/debian
mkdir -p "$folder"
mounts() { grep -cF "$folder" /proc/self/mountinfo; }
before_mounts=$(mounts)
before_hostname=$(cat /proc/sys/kernel/hostname)

# --- pull
status "pull busybox" 0 mdk pull -q "$busybox_image"
is "pull -q prints the reference" "$busybox_image:latest" "$out"
status "pull debian" 0 mdk pull -q "$debian_image"
status "images" 0 mdk images -q
is "images listed" 2 "$(printf '%s\n' "$out" | sort -u | wc -l)"

# --- exit statuses and streams
status "run --rm echo" 0 mdk run --rm "$busybox_image" echo hello
is "its output" hello "$out"
status "a program's own status" 7 mdk run --rm "$busybox_image" sh -c 'exit 7'
status "a command that is not there" 127 mdk run --rm "$busybox_image" no-such-command
status "a file that is no program" 126 mdk run --rm "$busybox_image" /etc/passwd
status "an unknown flag" 125 mdk run --no-such-flag "$busybox_image"
status "an image that is not there" 125 mdk run --rm "$registry/no-such-image"
is "stdin reaches the program" through "$(echo through | mdk run -i --rm "$busybox_image" cat 2>"$folder/err")"

# --- both limits, seen by the host
status "run -d with both limits" 0 mdk run -d --name limited --cpus 0.25 --memory 100M "$debian_image" sleep 600
id=$out
pid=$(mdk inspect -f '{{.State.Pid}}' limited)
machinery=$(machinery "$pid" | tr '\n' ' ')
is "PID inside" 1 "$(inner_pid "$pid")"
is "memory limit" 104857600 "$(memory_limit "$pid")"
is "CPU limit" "25000 100000" "$(cpu_limit "$pid")"
is "host name inside" "$(printf %s "$id" | cut -c1-12)" "$(mdk exec limited hostname 2>"$folder/err")"
is "host name outside" "$before_hostname" "$(cat /proc/sys/kernel/hostname)"
is "ps lists it" limited "$(mdk ps --format '{{.Names}}' 2>"$folder/err")"
link=$(mdk exec limited cat /sys/class/net/eth0/iflink 2>"$folder/err")
linked() { busybox ip link | grep -q "^$link: "; }
linked || fail "no link of the host has the index $link"
ok "its link outside has index $link"
status "a name that is taken" 125 mdk run -d --name limited "$busybox_image" true
status "exec's own status" 3 mdk exec limited sh -c 'exit 3'
is "exec -i" fed "$(echo fed | mdk exec -i limited cat 2>"$folder/err")"

# --- settings of the kernel, on whichever cgroup version this is
status "run -d with a soft limit and a period" 0 mdk run -d --name soft --memory-reservation 32M --cpu-period 50000 --cpu-quota 20000 "$busybox_image" sleep 600
pid=$(mdk inspect -f '{{.State.Pid}}' soft)
is "memory reservation" 33554432 "$(memory_reservation "$pid")"
is "quota and period" "20000 50000" "$(cpu_limit "$pid")"
status "rm -f of it" 0 mdk rm -f soft
status "run with settings of its own" 0 mdk run --rm --oom-score-adj 500 --group-add 4242 --ulimit nofile=100:200 --annotation a=b \
  --sysctl net.core.somaxconn=77 --tmpfs /scratch:size=64k --security-opt no-new-privileges "$busybox_image" \
  sh -c 'cat /proc/self/oom_score_adj; id -G | grep -ow 4242; ulimit -Hn; cat /proc/sys/net/core/somaxconn; grep -c " /scratch " /proc/mounts; grep -o "NoNewPrivs.*1" /proc/self/status | tr -d "[:space:]"'
is "what it saw" "500 4242 200 77 1 NoNewPrivs:1" "$(printf '%s\n' "$out" | tr '\n' ' ' | sed 's/ $//')"

# --- volumes, and parts of them
status "a new volume over what the image has" 0 mdk run --rm -v kept:/etc "$busybox_image" sh -c 'echo mine >/etc/mine'
status "the next one with it" 0 mdk run --rm --mount source=kept,target=/v,readonly "$busybox_image" sh -c 'cat /v/mine; ls /v/passwd; touch /v/x 2>/dev/null || echo fixed'
is "what it saw" "mine /v/passwd fixed" "$(printf '%s\n' "$out" | tr '\n' ' ' | sed 's/ $//')"
status "a file of it" 0 mdk run --rm --mount source=kept,target=/v,volume-subpath=mine "$busybox_image" cat /v
is "it" mine "$out"
status "an image" 0 mdk run --rm --mount "type=image,source=$debian_image,target=/i" "$busybox_image" ls -d /i/usr
is "it" /i/usr "$out"
status "volume rm" 0 mdk volume rm kept
is "the volumes" "" "$(mdk volume ls -q)"

# --- devices, disks and namespaces, on whichever cgroup version this is
made='mknod /made c 1 11; (exec 3>/made) 2>/dev/null && echo opened || echo refused'
status "a device without a rule" 0 mdk run --rm "$busybox_image" sh -c "$made"
is "it" refused "$out"
status "a device with a rule" 0 mdk run --rm --device-cgroup-rule 'c 1:11 w' "$busybox_image" sh -c "$made"
is "it" opened "$out"
status "a device for reading only" 0 mdk run --rm --cap-add SYSLOG --device /dev/kmsg:/dev/mine:r "$busybox_image" sh -c 'exec 4</dev/mine && sh -c "exec 3>/dev/mine" 2>/dev/null || echo "not written to"'
is "it" "not written to" "$out"
if [ -b /dev/vda ]; then
  status "a disk's rate" 0 mdk run --rm --device-write-bps /dev/vda:1mb "$debian_image" sh -c \
    'dd if=/dev/zero of=/file bs=64k count=48 oflag=direct 2>&1 | sed -n "s/.*, \([0-9]*\)[.0-9]* s, .*/\1/p"'
  [ "$out" -ge 2 ] || fail "3 MiB at 1 MiB a second took $out seconds"
  ok "3 MiB at 1 MiB a second took $out seconds"
fi
status "swappiness and the killer of memory" 0 mdk run --rm --memory 64M --memory-swappiness 7 --oom-kill-disable "$busybox_image" true
if [ -e /sys/fs/cgroup/cgroup.controllers ] && grep -q memory /sys/fs/cgroup/cgroup.controllers; then
  is "Docker's warnings that v2 has neither" 2 "$(grep -c 'swappiness discarded\|OomKillDisable discarded' "$folder/err")"
fi
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
  status "an AppArmor profile that is not loaded" 125 mdk run --rm --security-opt apparmor=no-such-profile "$busybox_image" true
else
  status "an AppArmor profile where there is no AppArmor" 0 mdk run --rm --security-opt apparmor=no-such-profile "$busybox_image" true
fi
status "run -d --ipc shareable" 0 mdk run -d --name donor --ipc shareable "$busybox_image" sleep 600
status "run -d in its namespaces" 0 mdk run -d --name joined --pid container:donor --ipc container:donor --uts host --cgroupns host --cgroup-parent /mdk-smoke "$busybox_image" sleep 601
donor=$(mdk inspect -f '{{.State.Pid}}' donor) joined=$(mdk inspect -f '{{.State.Pid}}' joined)
for namespace in pid ipc; do is "its $namespace namespace" "$(readlink "/proc/$donor/ns/$namespace")" "$(readlink "/proc/$joined/ns/$namespace")"; done
for namespace in uts cgroup; do is "its $namespace namespace" "$(readlink "/proc/self/ns/$namespace")" "$(readlink "/proc/$joined/ns/$namespace")"; done
is "its group" "/mdk-smoke/$(mdk inspect -f '{{.Id}}' joined)" "$(sed -n 's/^0:://p; s/^[0-9]*:pids://p' "/proc/$joined/cgroup" | sort -u)"
mdk exec donor sh -c 'echo shared >/dev/shm/file'
is "shared memory" shared "$(mdk exec joined cat /dev/shm/file 2>"$folder/err")"
status "run -d --pid host" 0 mdk run -d --name hosted --pid host "$busybox_image" sh -c 'setsid sleep 602 & exec sleep 603'
hosted=$(mdk inspect -f '{{.State.Pid}}' hosted)
is "its pid namespace" "$(readlink /proc/self/ns/pid)" "$(readlink "/proc/$hosted/ns/pid")"
below() { # the parent of a process
  sed -n 's/^PPid:.//p' "/proc/$1/status"
}
orphans() { # their command lines; what cat thinks of a process that just ended is not asked
  cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -oE 'sleep 60[23]'
}
orphans >/dev/null || fail "its processes are not found"
kill -9 "$(below "$(below "$hosted")")"
gone() { ! orphans >/dev/null; }
within 5 gone || fail "of a container whose monitor was killed there is still: $(orphans)"
ok "with its monitor all of it is gone"
status "rm -f of them" 0 mdk rm -f donor joined hosted
find /sys/fs/cgroup -depth -type d -name mdk-smoke -exec rmdir {} + 2>/dev/null

# --- stop, wait, rm
status "stop -t 1" 0 mdk stop -t 1 limited
is "state after stop" exited "$(mdk inspect -f '{{.State.Status}}' limited)"
status "wait" 0 mdk wait limited
is "wait prints SIGKILL's status (sleep as PID 1 ignores SIGTERM)" 137 "$out"
all_dead $machinery
ok "its processes are gone: $machinery"
status "rm" 0 mdk rm limited
is "ps -a lists nothing" "" "$(mdk ps -aq)"
unlinked() { ! linked; }
within 5 unlinked || fail "the link $link is still there"
ok "its link is gone"

# --- out of memory
status "PID 1 beyond the memory limit" 137 mdk run --name hog --memory 64M --memory-swap 64M "$debian_image" \
  perl -e '$hog = "x" x (300 << 20); print length $hog'
is "OOMKilled" true "$(mdk inspect -f '{{.State.OOMKilled}}' hog)"
status "a child beyond the memory limit" 1 mdk run --name stressed --memory 64M --memory-swap 64M "$debian_image" \
  stress --quiet --vm 1 --vm-bytes 300M --vm-hang 0
is "OOMKilled" true "$(mdk inspect -f '{{.State.OOMKilled}}' stressed)"
status "rm of both" 0 mdk rm hog stressed

# --- a published port
port=$(free_port)
status "run -d -p $port:80 nginx" 0 mdk run -d --name web -p "$port:80" "$debian_image" nginx -g 'daemon off;'
pid=$(mdk inspect -f '{{.State.Pid}}' web)
machinery=$(machinery "$pid" | tr '\n' ' ')
address=$(mdk inspect -f '{{.NetworkSettings.IPAddress}}' web)
served() { fetch "$1" "$2" / 2>/dev/null | grep -q 'Served by nginx'; }
within 20 served "$address" 80 || fail "nothing is served at $address:80"
ok "served at its own address $address:80"
served 127.0.0.1 "$port" || fail "nothing is served at 127.0.0.1:$port"
ok "served at 127.0.0.1:$port"
status "a port that is taken" 125 mdk run -d --name second -p "$port:80" "$busybox_image" sleep 600
mdk rm -f second >/dev/null 2>&1
status "run in the background for the log" 0 mdk run --name talker "$busybox_image" sh -c 'echo one; echo two >&2'
is "logs" "one two" "$(mdk logs talker 2>&1 | sort | tr '\n' ' ' | sed 's/ $//')"
status "rm -f of a running one" 0 mdk rm -f web talker
if served 127.0.0.1 "$port"; then fail "127.0.0.1:$port still answers"; fi
ok "127.0.0.1:$port answers no more"

# --- files: of one that runs, of one at rest with a mount, and an image of what one has changed
mkdir -p "$folder/bound"
echo of the host >"$folder/file"
status "run -d for its files" 0 mdk run -d --name files -v "$folder/bound:/bound" "$busybox_image" sh -c 'rm -r /home /root; sleep 600'
status "cp into a running one" 0 mdk cp "$folder/file" files:/tmp/in
is "seen there" "of the host" "$(mdk exec files cat /tmp/in)"
status "commit" 0 mdk commit files committed
is "it runs on" true "$(mdk inspect -f '{{.State.Running}}' files)"
status "stop" 0 mdk stop -t 0 files
status "cp into a mount of one at rest" 0 mdk cp "$folder/file" files:/bound/in
is "seen on the host" "of the host" "$(cat "$folder/bound/in")"
status "cp out of it" 0 mdk cp files:/tmp/in "$folder/out-file"
is "its content" "of the host" "$(cat "$folder/out-file")"
is "diff" "A /bound D /home D /root C /tmp A /tmp/in" "$(mdk diff files | tr '\n' ' ' | sed 's/ $//')"
is "a container of the image" "of the host" "$(mdk run --rm committed sh -c 'ls -d /home /root; cat /tmp/in' 2>/dev/null)"
status "rm" 0 mdk rm files
status "rmi" 0 mdk rmi committed

# --- nothing is left
status "run -d once more" 0 mdk run -d --name last "$busybox_image" sleep 600
machinery="$machinery$(machinery "$(mdk inspect -f '{{.State.Pid}}' last)" | tr '\n' ' ')"
status "clean -f" 0 mdk clean -f
all_dead $machinery
ok "no process is left: $machinery"
is "mounts below its folder, as before" "$before_mounts" "$(mounts)"
is "groups left" "" "$(find /sys/fs/cgroup -type d -name "$id*" 2>/dev/null)"
is "containers left" "" "$(mdk ps -aq)"
status "images stay" 0 mdk images -q
is "images listed" 2 "$(printf '%s\n' "$out" | sort -u | wc -l)"
echo "smoke test passed on $(uname -r)"
