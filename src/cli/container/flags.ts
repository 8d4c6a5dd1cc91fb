/** The flags of `run` and `create`: Docker's table, with what mdk does not carry out yet marked as such. */
import { parseLink } from "../../spec/endpoint.ts";
import { parseMount } from "../../spec/mount-flag.ts";
import { parseAttachment } from "../../spec/network-flag.ts";
import { checkUlimit, parseUlimit } from "../../spec/limits.ts";
import { isAddress } from "../../network/resolv.ts";
import { messageOf } from "../../error.ts";
import { parseThrottleDevice, parseWeightDevice } from "../../spec/block-io.ts";
import { deviceRuleProblem } from "../../spec/devices.ts";
import type { Flag } from "../grammar/flags.ts";
import { HEALTH_FLAGS } from "./health.ts";

/** As opts.ValidateExtraHost: "name:address", "name=address", or host-gateway for the address. */
function extraHostProblem(value: string): string | null {
  const at = value.search(/[:=]/);
  if (at < 1 || at === value.length - 1) return `bad format for add-host: ${JSON.stringify(value)}`;
  const address = value.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  return address === "host-gateway" || isAddress(address) ? null : `invalid IP address in add-host: ${JSON.stringify(address)}`;
}

/** opts.ValidateEnv, opts.ValidateLabel: a name has to be there. */
const variableProblem = (value: string): string | null => (/^(=|$)/.test(value) ? `invalid environment variable: ${value}` : null);
const labelProblem = (value: string): string | null => (/^(=|$)/.test(value) ? `invalid label '${value}': empty name` : null);

/** A parser's refusal as a flag's. */
function problemOf(parse: (value: string) => unknown): (value: string) => string | null {
  return (value) => {
    try {
      parse(value);
      return null;
    } catch (error) {
      return messageOf(error);
    }
  };
}
const mountProblem = problemOf(parseMount);
const networkProblem = problemOf(parseAttachment);
const linkProblem = problemOf(parseLink);
const ulimitProblem = problemOf((value) => checkUlimit(parseUlimit(value)));
const rateProblem = (flag: string): ((value: string) => string | null) => problemOf((value) => parseThrottleDevice(value, flag));

/** Docker's, with the words of Docker's help: parsed, and refused by name. */
const missing = (flags: Readonly<Record<string, readonly [type: Flag["type"], help: string]>>): readonly Flag[] =>
  Object.entries(flags).map(([name, [type, help]]) => ({ name, type, help: `${help} (refused: not in this version)`, missing: true }));

export const CONTAINER_FLAGS: readonly Flag[] = [
  { name: "add-host", type: "list", check: extraHostProblem, help: "Add a custom host-to-IP mapping (host:ip)" },
  { name: "annotation", type: "map", help: "Add an annotation to the container (passed through to the OCI runtime)" },
  { name: "attach", short: "a", type: "list", help: "Attach to STDIN, STDOUT or STDERR" },
  { name: "blkio-weight", type: "uint16", help: "Block IO (relative weight), between 10 and 1000, or 0 to disable" },
  { name: "blkio-weight-device", type: "list", check: problemOf(parseWeightDevice), help: "Block IO weight (relative device weight)" },
  { name: "cap-add", type: "list", help: "Add Linux capabilities" },
  { name: "cap-drop", type: "list", help: "Drop Linux capabilities" },
  { name: "cgroup-parent", type: "string", help: "Optional parent cgroup for the container" },
  { name: "cgroupns", type: "string", help: "Cgroup namespace to use (host, private)" },
  { name: "cidfile", type: "string", help: "Write the container ID to the file" },
  { name: "cpu-period", type: "int", help: "Limit CPU CFS (Completely Fair Scheduler) period" },
  { name: "cpu-quota", type: "int", help: "Limit CPU CFS (Completely Fair Scheduler) quota" },
  { name: "cpu-rt-period", type: "int", help: "Limit CPU real-time period in microseconds" },
  { name: "cpu-rt-runtime", type: "int", help: "Limit CPU real-time runtime in microseconds" },
  { name: "cpu-shares", short: "c", type: "int", help: "CPU shares (relative weight)" },
  { name: "cpus", type: "decimal", help: "Number of CPUs" },
  { name: "cpuset-cpus", type: "string", help: "CPUs in which to allow execution (0-3, 0,1)" },
  { name: "cpuset-mems", type: "string", help: "MEMs in which to allow execution (0-3, 0,1)" },
  { name: "device", type: "list", help: "Add a host device to the container" },
  { name: "device-cgroup-rule", type: "list", check: deviceRuleProblem, help: "Add a rule to the cgroup allowed devices list" },
  { name: "device-read-bps", type: "list", check: rateProblem("device-read-bps"), help: "Limit read rate (bytes per second) from a device" },
  { name: "device-read-iops", type: "list", check: rateProblem("device-read-iops"), help: "Limit read rate (IO per second) from a device" },
  { name: "device-write-bps", type: "list", check: rateProblem("device-write-bps"), help: "Limit write rate (bytes per second) to a device" },
  { name: "device-write-iops", type: "list", check: rateProblem("device-write-iops"), help: "Limit write rate (IO per second) to a device" },
  { name: "dns", type: "list", check: (value) => (isAddress(value) ? null : `IP address is not correctly formatted: ${value}`), help: "Set custom DNS servers" },
  { name: "dns-option", type: "list", help: "Set DNS options" },
  { name: "dns-opt", type: "list", hidden: true, help: "Set DNS options" },
  { name: "dns-search", type: "list", help: "Set custom DNS search domains" },
  { name: "domainname", type: "string", help: "Container NIS domain name" },
  { name: "entrypoint", type: "string", help: "Overwrite the default ENTRYPOINT of the image" },
  { name: "env", short: "e", type: "list", check: variableProblem, help: "Set environment variables" },
  { name: "env-file", type: "list", help: "Read in a file of environment variables" },
  { name: "expose", type: "list", help: "Expose a port or a range of ports" },
  { name: "group-add", type: "list", help: "Add additional groups to join" },
  { name: "hostname", short: "h", type: "string", help: "Container host name" },
  { name: "init", type: "bool", help: "Run an init inside the container that forwards signals and reaps processes" },
  { name: "insecure-registry", type: "list", help: "Registry that may be pulled from without TLS" },
  { name: "interactive", short: "i", type: "bool", help: "Keep STDIN open even if not attached" },
  { name: "ip", type: "string", help: "IPv4 address (e.g., 172.30.100.104)" },
  { name: "ip6", type: "string", help: "IPv6 address (e.g., 2001:db8::33)" },
  { name: "ipc", type: "string", help: "IPC mode to use (private, shareable, none, host, container:NAME)" },
  { name: "label", short: "l", type: "list", check: labelProblem, help: "Set meta data on a container" },
  { name: "label-file", type: "list", help: "Read in a line delimited file of labels" },
  { name: "link", type: "list", check: linkProblem, help: "Add link to another container" },
  { name: "log-driver", type: "string", help: "Logging driver for the container (json-file, local, none)" },
  { name: "log-opt", type: "list", help: "Log driver options (max-size, max-file, compress)" },
  { name: "mac-address", type: "string", help: "Container MAC address (e.g., 92:d0:c6:0a:29:33)" },
  { name: "memory", short: "m", type: "bytes", help: "Memory limit" },
  { name: "memory-reservation", type: "bytes", help: "Memory soft limit" },
  { name: "memory-swap", type: "bytes", help: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap" },
  { name: "memory-swappiness", type: "int", help: "Tune container memory swappiness (0 to 100)" },
  { name: "mount", type: "list", check: mountProblem, help: "Attach a filesystem mount to the container" },
  { name: "name", type: "string", help: "Assign a name to the container" },
  { name: "network", type: "list", check: networkProblem, help: "Connect a container to a network (NAME, bridge, none, host, container:NAME; name=NAME,KEY=VALUE…)" },
  { name: "net", type: "list", hidden: true, check: networkProblem, help: "Connect a container to a network" },
  { name: "network-alias", type: "list", help: "Add network-scoped alias for the container" },
  { name: "net-alias", type: "list", hidden: true, help: "Add network-scoped alias for the container" },
  { name: "oom-kill-disable", type: "bool", help: "Disable OOM Killer" },
  { name: "oom-score-adj", type: "int", help: "Tune host's OOM preferences (-1000 to 1000)" },
  { name: "pid", type: "string", help: "PID namespace to use (host, container:NAME)" },
  { name: "pids-limit", type: "int", help: "Tune container pids limit (set -1 for unlimited)" },
  { name: "platform", type: "string", help: "Set platform if the image is multi-platform capable" },
  { name: "privileged", type: "bool", help: "Give extended privileges to this container" },
  { name: "publish", short: "p", type: "list", help: "Publish a container's port(s) to the host" },
  { name: "publish-all", short: "P", type: "bool", help: "Publish all exposed ports to random ports" },
  { name: "pull", type: "string", help: "Pull image before running (always, missing, never); oci:DIR[:TAG], oci-archive:FILE[:TAG] and docker-archive:FILE[:REF] are run as they lie there" },
  { name: "quiet", short: "q", type: "bool", help: "Suppress the pull output" },
  { name: "read-only", type: "bool", help: "Mount the container's root filesystem as read only" },
  { name: "restart", type: "string", help: "Restart policy to apply when a container exits (no, on-failure[:N], always, unless-stopped)" },
  { name: "rootfs", type: "bool", help: "IMAGE is a directory of the host: it becomes the root, read through an overlay and never written to; leave it unchanged while containers have it" },
  { name: "rm", type: "bool", help: "Automatically remove the container when it exits" },
  { name: "security-opt", type: "list", help: "Security Options" },
  { name: "shm-size", type: "bytes", help: "Size of /dev/shm" },
  { name: "stop-signal", type: "string", help: "Signal to stop the container" },
  { name: "stop-timeout", type: "int", help: "Timeout (in seconds) to stop a container" },
  { name: "sysctl", type: "map", help: "Sysctl options" },
  { name: "tmpfs", type: "list", help: "Mount a tmpfs directory" },
  { name: "tty", short: "t", type: "bool", help: "Allocate a pseudo-TTY" },
  { name: "ulimit", type: "list", check: ulimitProblem, help: "Ulimit options" },
  { name: "user", short: "u", type: "string", help: "Username or UID (format: <name|uid>[:<group|gid>])" },
  { name: "uts", type: "string", help: "UTS namespace to use (host)" },
  { name: "volume", short: "v", type: "list", help: "Bind mount a volume or a path of the host ([SOURCE:]/container[:OPTIONS])" },
  { name: "volume-driver", type: "string", help: "Optional volume driver for the container (local)" },
  { name: "volumes-from", type: "list", help: "Mount volumes from the specified container(s)" },
  { name: "workdir", short: "w", type: "string", help: "Working directory inside the container" },
  ...HEALTH_FLAGS,
  ...missing({
    "cpu-count": ["int", "CPU count (Windows only)"],
    "cpu-percent": ["int", "CPU percent (Windows only)"],
    gpus: ["string", "GPU devices to add to the container ('all' to pass all GPUs)"],
    "io-maxbandwidth": ["bytes", "Maximum IO bandwidth limit for the system drive (Windows only)"],
    "io-maxiops": ["int", "Maximum IOps limit for the system drive (Windows only)"],
    isolation: ["string", "Container isolation technology"],
    "kernel-memory": ["bytes", "Kernel memory limit"],
    "link-local-ip": ["list", "Container IPv4/IPv6 link-local addresses"],
    runtime: ["string", "Runtime to use for this container"],
    "storage-opt": ["list", "Storage driver options for the container"],
    "use-api-socket": ["bool", "Bind mount Docker API socket and required auth"],
    userns: ["string", "User namespace to use"],
  }),
  { name: "disable-content-trust", type: "bool", hidden: true, help: "Skip image verification (default true)" },
];

/** What `run` has beyond `create`. */
export const RUN_FLAGS: readonly Flag[] = [
  ...CONTAINER_FLAGS,
  { name: "detach", short: "d", type: "bool", help: "Run container in background and print container ID" },
  { name: "detach-keys", type: "string", help: "Override the key sequence for detaching a container" },
  { name: "wait", type: "duration", bare: "60s", help: "With -d: return when it is healthy, or its published ports answer, --wait=TIME at most (60s); mdk's own" },
  { name: "sig-proxy", type: "bool", help: "Proxy received signals to the process (default true)" },
];
