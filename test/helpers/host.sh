# What the host itself sees of a container: read from /proc and the cgroup files, never from mdk. Sourced; works with
# a POSIX shell and busybox alone, because the guest of test/vm has no more.

# cgroup_value PID CONTROLLER V1-FILE V2-FILE: content of the file in the process's group; controller as in /proc/PID/cgroup.
cgroup_value() {
  while IFS=: read -r _ controllers path; do
    case ",$controllers," in
      *",$2,"*) # v1: the hierarchy is mounted by its controllers' name, or by one of several that share it
        for mounted in "/sys/fs/cgroup/$controllers" "/sys/fs/cgroup/$2"; do
          [ -d "$mounted" ] && cat "$mounted$path/$3" && return
        done ;;
      ,,) [ ! -e "/sys/fs/cgroup$path/$4" ] || { cat "/sys/fs/cgroup$path/$4"; return; } ;;
    esac
  done <"/proc/$1/cgroup"
  return 1
}

# In bytes.
memory_limit() { cgroup_value "$1" memory memory.limit_in_bytes memory.max; }

# Bytes that are left to the container when memory runs short.
memory_reservation() { cgroup_value "$1" memory memory.soft_limit_in_bytes memory.low; }

# As "quota period" in microseconds.
cpu_limit() {
  quota=$(cgroup_value "$1" cpu cpu.cfs_quota_us cpu.max) || return
  case $quota in
    *' '*) echo "$quota" ;;
    *) echo "$quota $(cgroup_value "$1" cpu cpu.cfs_period_us cpu.max)" ;;
  esac
}

# Pid of the process in its innermost pid namespace.
inner_pid() { sed -n 's/^NSpid:.*[[:space:]]\([0-9]*\)$/\1/p' "/proc/$1/status"; }

parent_of() { sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status"; }

# The pids of a container's machinery: its PID 1, the cage above it, the monitor above that.
machinery() {
  echo "$1"
  above=$(parent_of "$1")
  for _ in cage monitor; do
    [ "${above:-1}" -gt 1 ] || return 0
    echo "$above"
    above=$(parent_of "$above")
  done
}

# A process that is there and no zombie.
alive() { grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

# A TCP port that nobody on this host listens on: hexadecimal in the second column of /proc/net/tcp.
free_port() {
  port=${1:-18080}
  while grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$port") " /proc/net/tcp /proc/net/tcp6 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# fetch ADDRESS PORT PATH: the body of an HTTP/1.0 answer.
fetch() {
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$3" "$1" | busybox nc -w 10 "$1" "$2" | tr -d '\r' | sed '1,/^$/d'
}
