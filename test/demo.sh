#!/bin/sh
# Shows mdk on this machine: `npm run demo`. Installs what is missing (no service is started), builds, fills a real
# local registry with busybox and a Debian 12 image of six layers, pulls both, runs them with limits and with a published
# port, shows what the host itself sees of each, cleans up and compares the host before and after. Every value is read
# when it is printed. Everything of mdk lives in a temporary folder: a real installation is not touched.
set -eu
cd "$(dirname "$0")/.."
. test/helpers/common.sh
. test/helpers/packages.sh
. test/helpers/registry.sh
. test/helpers/host.sh

# row WHAT VALUE
row() { printf '  %-26s %s\n' "$1" "$2"; }

# shown COMMAND…: the command line as a user would type it, then the command.
shown() {
  printf '\n$ mdk'
  for word; do case $word in *[!A-Za-z0-9_./:=%+,-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac done
  printf '\n'
  mdk "$@"
}

mib() { echo "$1" | awk '{ if ($1 ~ /^[0-9]+$/) printf "%.0f MiB", $1 / 1048576; else print "none" }'; }
cpus() { echo "$1" | awk '{ if ($1 + 0 > 0) printf "%.2f CPUs (%s of %s µs)", $1 / $2, $1, $2; else print "none" }'; }

# What the host sees of a container.
show_container() {
  pid=$(mdk inspect -f '{{.State.Pid}}' "$1")
  echo
  row "pid on the host" "$pid ($(tr '\0' ' ' <"/proc/$pid/cmdline"))"
  row "pid inside" "$(inner_pid "$pid")"
  row "host name inside" "$(mdk exec "$1" cat /proc/sys/kernel/hostname)"
  row "host name of the host" "$(cat /proc/sys/kernel/hostname)"
  row "address" "$(nsenter -t "$pid" -n ip -o -4 address show scope global | awk '{ print $4 " on " $2 }')"
  row "link on the host" "$(mdk exec "$1" cat /sys/class/net/eth0/iflink | xargs -I{} sh -c "ip -o link | sed -n 's/^{}: \([^@:]*\).*/\1/p'")"
  row "memory limit" "$(mib "$(memory_limit "$pid")")"
  row "CPU limit" "$(cpus "$(cpu_limit "$pid")")"
  row "seccomp, capabilities" "$(sed -n 's/^Seccomp:\t*//p' "/proc/$pid/status"), $(sed -n 's/^CapEff:\t*//p' "/proc/$pid/status")"
  for process in $(machinery "$pid" | sed 1d); do
    row "above it" "$(cat "/proc/$process/comm") ($process), $(awk '/^Private/ { sum += $2 } END { print sum }' "/proc/$process/smaps_rollup") KiB private"
  done
}

# The state of the host that containers change, as "NAME<tab>VALUE" lines.
host_state() {
  printf 'mounts below the folder\t%s\n' "$(grep -cF "$folder" /proc/self/mountinfo || true)"
  printf 'veth links\t%s\n' "$(ip -o link show type veth | wc -l)"
  printf 'bridges\t%s\n' "$(ip -o link show type bridge | wc -l)"
  printf 'network namespaces\t%s\n' "$(find /proc/[0-9]*/ns/net -maxdepth 0 -printf '%l\n' 2>/dev/null | sort -u | wc -l)"
  printf 'cgroups named mdk\t%s\n' "$(find /sys/fs/cgroup -type d -path '*/mdk*' 2>/dev/null | wc -l)"
  printf 'processes mdk-shim\t%s\n' "$(cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^mdk-shim' || true)"
  printf 'nft tables named mdk\t%s\n' "$(nft list tables 2>/dev/null | grep -c mdk || true)"
  printf 'listening sockets\t%s\n' "$(ss -Hltn | wc -l)"
  printf 'unix sockets of the folder\t%s\n' "$(grep -cF "$folder" /proc/net/unix || true)"
  printf 'files in the run root\t%s\n' "$(find "$folder/run" -type f 2>/dev/null | wc -l)"
  printf 'containers kept\t%s\n' "$(find "$folder/root/containers" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)"
}

need_root
say "1. what the demonstration needs"
ensure_packages "$base_packages"
row "installed" "nothing is missing"

say "2. build"
sh shim/zig.sh build
row "dist/mdk" "$(du -h dist/mdk | cut -f1), $(dist/mdk --version)"

folder=$(mktemp -d "${TMPDIR:-/tmp}/mdk-demo.XXXXXX")
mdk() { dist/mdk --root "$folder/root" --run-root "$folder/run" "$@"; }
finish() {
  mdk clean -f >/dev/null 2>&1 || true
  registry_stop
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "3. a registry with two images"
images=$(sh test/helpers/fixtures.sh)
registry_start "$folder/registry"
for image in busybox debian; do
  registry_push "$images/$image:latest" $image:latest
  row "$registry/$image" "$(skopeo inspect --tls-verify=false --format '{{len .Layers}}' "docker://$registry/$image:latest") layer(s)"
done
mkdir -p "$folder/root" "$folder/run"
host_state >"$folder/before"

say "4. pull"
shown pull "$registry/busybox"
shown pull "$registry/debian"
shown images

say "5. a program with limits"
shown run --cpus 0.25 --memory 100M "$registry/debian" bash -c \
  'echo "I am PID $$ of $(hostname), on $(. /etc/os-release; echo $PRETTY_NAME), with $(ls /proc | grep -c "^[0-9]") processes in sight."'
shown run -d --name limited --cpus 0.25 --memory 100M "$registry/debian" bash -c 'while :; do :; done'
show_container limited
used() { cgroup_value "$pid" cpuacct cpuacct.usage cpu.stat | awk '/^[0-9]+$/ { print int($1 / 1000) } /^usage_usec/ { print $2 }'; }
first=$(used) && sleep 4 && second=$(used)
row "CPU time in 4 s" "$(awk -v used=$((second - first)) 'BEGIN { printf "%.2f s: %.0f %% of a core", used / 1e6, used / 4e4 }')"

say "6. a program that wants more memory than it may have"
shown run --rm --memory 64M --memory-swap 64M "$registry/debian" perl -e '$hog = "x" x (300 << 20)' && status=0 || status=$?
row "exit status" "$status"

say "7. nginx on a published port"
port=$(free_port)
shown run -d --name web -p "$port:80" --cpus 0.25 --memory 100M "$registry/debian" nginx -g 'daemon off;'
show_container web
tries=0
until page=$(fetch 127.0.0.1 "$port" / 2>/dev/null) && [ -n "$page" ]; do
  tries=$((tries + 1))
  [ $tries -lt 50 ] || die "nothing is served at 127.0.0.1:$port"
  sleep 0.2
done
row "http://127.0.0.1:$port/" "$page"
address=$(mdk inspect -f '{{.NetworkSettings.IPAddress}}' web)
row "http://$address/" "$(fetch "$address" 80 /)"
shown ps
host_state >"$folder/during"

say "8. clean"
shown clean -f
sleep 0.5
host_state >"$folder/after"
echo
printf '  %-28s %8s %8s %8s\n' "the host" before during after
awk -F '\t' 'FNR == 1 { file++ } { value[file, $1] = $2 } file == 1 { name[FNR] = $1; count = FNR }
  END { for (i = 1; i <= count; i++) printf "  %-28s %8s %8s %8s\n", name[i], value[1, name[i]], value[2, name[i]], value[3, name[i]] }' \
  "$folder/before" "$folder/during" "$folder/after"

say "9. the smoke test"
sh test/smoke.sh dist/mdk "$registry" "$folder"
