/** Inputs that planner tests share: a usual image, request, host and monitor, changed one thing at a time. */
import type { CgroupLayout } from "../../src/runtime/mount-steps.ts";
import type { RunInput } from "../../src/runtime/planner.ts";
import type { Monitor } from "../../src/runtime/plan.ts";
import type { ContainerConfig, HostConfig } from "../../src/spec/container.ts";
import { decodeConfig, decodeHostConfig } from "../../src/spec/decode.ts";
import { generateSpec, type HostFacts, type Placement } from "../../src/spec/generate.ts";
import { UNLIMITED } from "../../src/spec/limits.ts";
import { resolveMounts } from "../../src/spec/mount-words.ts";
import type { Spec } from "../../src/spec/types.ts";

export const ID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

export const HOST: HostFacts = {
  capabilities: (1n << 41n) - 1n,
  hardLimits: { RLIMIT_NOFILE: 1048576, RLIMIT_NPROC: UNLIMITED, RLIMIT_CORE: UNLIMITED },
  devices: [
    { path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
    { path: "/dev/net/tun", type: "c", major: 10, minor: 200, fileMode: 0o666, uid: 0, gid: 0 },
    { path: "/dev/vda", type: "b", major: 254, minor: 0, fileMode: 0o660, uid: 0, gid: 6 },
    { path: "/dev/ptmx", type: "c", major: 5, minor: 2, fileMode: 0o666, uid: 0, gid: 5 },
  ],
  mapped: [],
  numbers: new Map(),
  thermalThrottle: ["/sys/devices/system/cpu/cpu0/thermal_throttle"],
  ipv6: true,
  apparmor: false,
  oomScore: null,
};

/** Members of config, host config and placement alike: their names do not collide. */
export type Changes = Partial<ContainerConfig> & Partial<HostConfig> & Partial<Placement>;

/** Config of `docker run debian`, joined with its image. */
export const CONFIG: ContainerConfig = decodeConfig({ Hostname: "0123456789ab", Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"], Cmd: ["bash"] });

const PLACEMENT: Placement = {
  user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" }, window: null, ipv6: false, seccomp: null, joined: { pid: null, ipc: null, network: null }, init: null,
  files: { hosts: "/c/hosts", hostname: "/c/hostname", resolvConf: "/c/resolv.conf" }, cgroupsPath: `/mdk/${ID}`, rootPath: "/c/rootfs",
};

export function goldenSpec(changes: Changes = {}, facts = HOST): Spec {
  const host = decodeHostConfig(changes);
  return generateSpec({ config: { ...CONFIG, ...changes }, host, mounts: resolveMounts(host) }, { ...PLACEMENT, ...changes }, facts);
}

export const MONITOR: Monitor = {
  cgroup: null, tasks: [3, 4], listener: 5, client: 6, client_streams: 6,
  streams: { terminal: false, open_stdin: false, stdin_once: false, handed_stdin: null, handed_stdout: 7, handed_stderr: 8, reader_ms: 60_000 },
  log: { directory: 9, name: `${ID}-json.log`, max_size: "104857600", max_files: 3 },
  record: 10, oom: 11, procs: null, kill: null, hold: [13], proxied: [{ socket: 13, datagrams: false, address: "172.17.0.2", port: 80, gateway: "172.17.0.1" }], client_cleans: true, ends_with_client: false,
  cleanup: ["/usr/local/bin/mdk", "container", "cleanup", ID], cleanup_env: ["PATH=/usr/bin:/bin"], tell_after_cleanup: true,
  health: { interval_ms: 30_000, timeout_ms: 10_000, start_period_ms: 0, start_interval_ms: 5_000, retries: 3, freezer: 12, action: ["/usr/local/bin/mdk", "container", "unhealthy", ID] },
};

/** Kinds of kernel files as a usual kernel has them. */
export const KINDS: RunInput["kinds"] = new Map([
  ["/proc/acpi", "directory"], ["/proc/interrupts", "file"], ["/proc/kcore", "file"], ["/proc/keys", "file"],
  ["/proc/timer_list", "file"], ["/proc/scsi", "directory"], ["/sys/firmware", "directory"],
  ["/sys/devices/system/cpu/cpu0/thermal_throttle", "directory"], ["/proc/bus", "directory"], ["/proc/fs", "directory"],
  ["/proc/irq", "directory"], ["/proc/sys", "directory"], ["/proc/sysrq-trigger", "file"],
]);

export const V1: Extract<CgroupLayout, { version: 1 }> = {
  version: 1,
  hierarchies: [
    { directory: "cpu,cpuacct", options: ["cpu", "cpuacct"] },
    { directory: "memory", options: ["memory"] },
    { directory: "systemd", options: ["none", "xattr", "name=systemd"] },
  ],
  unified: false,
};

/** The planner's input for a spec: binds get descriptors from 40 on. */
export function runInput(spec: Spec, changes: Partial<RunInput> = {}): RunInput {
  const binds = new Map(spec.mounts.filter((mount) => mount.type === "bind").map((mount, index) => {
    const kind: "file" | "directory" = /\.conf$|hosts$|hostname$|docker-init$|\.sock$/.test(mount.destination) ? "file" : "directory";
    return [mount.destination, { fd: 40 + index, kind }] as const;
  }));
  return {
    spec, binds, kinds: KINDS, cgroups: { version: 2 }, id: ID, monitor: MONITOR, runLock: 0, opLock: 1, report: 2, holdMounts: false,
    root: 12, inChroot: false, cgroup: { v2: 14, tasks: [] }, namespaces: new Map(), groups: new Map(), shm: null, resolverPort: null, filter: "BgAAAAAA/38=", window: null,
    ...changes,
  };
}
