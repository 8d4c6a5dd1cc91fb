/**
 * From an OCI spec and the descriptors that the engine opened to a Plan: pure, the one place that knows the order of a
 * container's steps. What each step does stands in `plan.ts`; why the order is what it is, beside the steps.
 */
import { MdkError } from "../error.ts";
import type { LinuxNamespaceType, Process, Spec } from "../spec/types.ts";
import { CLONE, MS } from "../sys/linux.ts";
import { fileSystemSteps, type MountContext } from "./mount-steps.ts";
import type { Exec, Fd, Monitor, Run, Seccomp, Step } from "./plan.ts";
import { execveStep, privilegeSteps, streamSteps, type Window } from "./process-steps.ts";

const NAMESPACES: Readonly<Record<LinuxNamespaceType, number>> = {
  pid: CLONE.NEWPID, network: CLONE.NEWNET, mount: CLONE.NEWNS, ipc: CLONE.NEWIPC, uts: CLONE.NEWUTS,
  user: CLONE.NEWUSER, cgroup: CLONE.NEWCGROUP, time: CLONE.NEWTIME,
};

/** Where the process joins its cgroups. */
export interface CgroupDescriptors {
  /** Directory in the v2 hierarchy, entered by CLONE_INTO_CGROUP; null without one. */
  readonly v2: Fd | null;
  /** `tasks` of each v1 hierarchy. */
  readonly tasks: readonly Fd[];
}

export interface RunInput extends MountContext {
  readonly id: string;
  readonly monitor: Monitor;
  readonly runLock: Fd;
  readonly opLock: Fd | null;
  readonly report: Fd;
  readonly holdMounts: boolean;
  /** The detached root's mount. */
  readonly root: Fd;
  /** mdk's own `/` is no mount point, as in a chroot: pivot_root(2) refuses it. */
  readonly inChroot: boolean;
  readonly cgroup: CgroupDescriptors;
  /** Descriptors of the namespaces that the spec joins by path, or of processes in them. */
  readonly namespaces: ReadonlyMap<LinuxNamespaceType, Fd>;
  /** Port of the sockets for a resolver in the new network namespace (plan.ts, Created); null: none are made. */
  readonly resolverPort: number | null;
  /** Seccomp filter in base64 (`seccompFilter`); null: none. */
  readonly filter: string | null;
  /** Size of the client's window; null: the spec's consoleSize. */
  readonly window: Window | null;
}

export interface ExecInput {
  /** Id of the exec. */
  readonly id: string;
  /** The container's spec: its namespaces. */
  readonly spec: Spec;
  /** What runs (`spec/exec.ts`). */
  readonly process: Process;
  readonly monitor: Monitor;
  /** pidfds. */
  readonly cage: Fd;
  readonly init: Fd;
  readonly runLock: Fd;
  readonly report: Fd;
  readonly cgroup: CgroupDescriptors;
  /** This kernel has keyrings (/proc/keys is there). */
  readonly keyrings: boolean;
  readonly filter: string | null;
  readonly window: Window | null;
}

/** The plan of a container's start. Errors: MdkError for what plans cannot say (NUL bytes, a spec without a mount namespace). */
export function planRun(input: RunInput): Run {
  const { spec, cgroup } = input;
  refuseNul(spec.process, spec);
  const own = spec.linux.namespaces.filter((namespace) => namespace.path === undefined);
  const types = new Set(own.map((namespace) => namespace.type));
  // A pid namespace is only entered by being born in it, and somebody else's as late as can be: when the host is out of sight.
  const others = spec.linux.namespaces.filter((namespace) => namespace.type !== "pid");
  if (!types.has("mount")) throw new MdkError("unsupported", "unsupported-namespaces", "a container needs a mount namespace of its own");
  if (!types.has("pid") && input.monitor.procs === null) {
    throw new MdkError("unsupported", "unsupported-namespaces", "a container without a pid namespace of its own needs a cgroup: nothing else tells its processes");
  }
  // A cgroup namespace shows as its root what its maker is in: on v1 it is made after the last join (kernel-traps 2).
  const lateCgroup = types.has("cgroup") && cgroup.tasks.length > 0;
  let namespaces = 0;
  for (const type of types) if (!(type === "cgroup" && lateCgroup)) namespaces |= NAMESPACES[type];
  const steps: Step[] = [
    ...joinSteps(cgroup),
    ...others.flatMap((namespace) => joinNamespace(namespace.type, namespace.path, input.namespaces)),
    ...(lateCgroup ? [{ unshare: { flags: CLONE.NEWCGROUP } }] : []),
    // As early as can be: the command configures the network while the rest goes on.
    { created: { network: types.has("network"), resolver_port: types.has("network") ? input.resolverPort : null } },
    { umask: { mask: spec.process.user.umask ?? 0o022 } },
    ...(types.has("uts") ? nameSteps(spec) : []),
    ...rootSteps(spec, input),
    ...bornElsewhere(input.namespaces.get("pid")),
    ...fileSystemSteps(input),
    ...(input.kinds.has("/proc/keys") ? [{ keyctl_join: { name: `_ses.${input.id}` } }] : []),
    ...scoreSteps(spec.process),
    ...profileSteps(spec.process),
    ...streamSteps(spec.process, input.window, true),
    ...privilegeSteps(spec.process, filterOf(spec, input.filter)),
    // As late as can be: all of the above overlaps with the network's configuration.
    { wait_go: {} },
    { ready: {} },
    execveStep(spec.process),
  ];
  return {
    id: input.id,
    monitor: input.monitor,
    run_lock: input.runLock,
    op_lock: input.opLock,
    namespaces,
    cgroup: cgroup.v2,
    report: input.report,
    hold_mounts: input.holdMounts,
    steps,
  };
}

/** The plan of one more process. It is born outside of the container's pid namespace, and in it by `clone_inside` only. */
export function planExec(input: ExecInput): Exec {
  const { spec, process, cgroup } = input;
  refuseNul(process, spec);
  let flags = 0;
  for (const { type } of spec.linux.namespaces) if (type !== "user") flags |= NAMESPACES[type];
  const steps: Step[] = [
    ...joinSteps(cgroup),
    { created: { network: false, resolver_port: null } },
    // The container's /proc knows no /proc/self for one that is not in its pid namespace.
    ...scoreSteps(process),
    ...profileSteps(process),
    { setns: { fd: input.init, flags } },
    { umask: { mask: process.user.umask ?? 0o022 } },
    ...(input.keyrings ? [{ keyctl_join: { name: `_ses.${input.id}` } }] : []),
    ...streamSteps(process, input.window, false),
    ...privilegeSteps(process, filterOf(spec, input.filter)),
    { clone_inside: { terminal: process.terminal } },
    { ready: {} },
    execveStep(process),
  ];
  return {
    id: input.id,
    monitor: input.monitor,
    cage: input.cage,
    init: input.init,
    run_lock: input.runLock,
    cgroup: cgroup.v2,
    report: input.report,
    steps,
  };
}

/** v1 cgroups: the single-threaded child writes 0 to `tasks` itself (kernel-traps 2, 26). */
function joinSteps(cgroup: CgroupDescriptors): Step[] {
  return cgroup.tasks.map((fd) => ({ write: { fd, text: "0" } }));
}

const bornElsewhere = (process: Fd | undefined): Step[] => (process === undefined ? [] : [{ clone_into: { fd: process } }]);

function joinNamespace(type: LinuxNamespaceType, path: string | undefined, given: RunInput["namespaces"]): Step[] {
  if (path === undefined) return [];
  const fd = given.get(type);
  if (fd === undefined) throw new Error(`no descriptor for the ${type} namespace at ${path}`);
  return [{ setns: { fd, flags: NAMESPACES[type] } }];
}

function nameSteps(spec: Spec): Step[] {
  const steps: Step[] = [{ sethostname: { name: spec.hostname } }];
  if (spec.domainname !== undefined) steps.push({ setdomainname: { name: spec.domainname } });
  return steps;
}

/**
 * Nothing that is mounted from here on reaches the host; unmounts of the host still arrive until the old root is gone. A chroot is
 * left first, in the namespace that is the container's already: what runc does there (MS_MOVE and chroot, --no-pivot) leaves the
 * host's files where a program with CAP_SYS_CHROOT finds them.
 */
function rootSteps(spec: Spec, { root, inChroot }: Pick<RunInput, "root" | "inChroot">): Step[] {
  const steps: Step[] = [
    ...(inChroot ? [{ setns_path: { path: "/proc/self/ns/mnt", flags: CLONE.NEWNS } }] : []),
    { mount: { source: null, target: "/", type: null, flags: MS.REC | MS.SLAVE, data: null } },
    { pivot_root: { root } },
  ];
  if (spec.linux.rootfsPropagation === "shared") {
    steps.push({ mount: { source: null, target: "/", type: null, flags: MS.SHARED, data: null } });
  }
  return steps;
}

function scoreSteps(process: Process): Step[] {
  if (process.oomScoreAdj === undefined) return [];
  return [{ write_proc: { path: "/proc/self/oom_score_adj", text: String(process.oomScoreAdj) } }];
}

/** AppArmor's profile takes over with execve (libapparmor, aa_change_onexec; the file is there since Linux 5.8). */
function profileSteps({ apparmorProfile }: Process): Step[] {
  return apparmorProfile === undefined ? [] : [{ write_proc: { path: "/proc/self/attr/apparmor/exec", text: `exec ${apparmorProfile}` } }];
}

/** include/uapi/linux/seccomp.h, SECCOMP_FILTER_FLAG_*. */
const FILTER_FLAGS: Readonly<Record<string, number>> = { SECCOMP_FILTER_FLAG_TSYNC: 1, SECCOMP_FILTER_FLAG_LOG: 2, SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4 };

function filterOf(spec: Spec, filter: string | null): Seccomp | null {
  const flags = (spec.linux.seccomp?.flags ?? []).reduce((sum, name) => sum | (FILTER_FLAGS[name] ?? 0), 0);
  return filter === null ? null : { filter, flags };
}

/** Refuses NUL bytes in what users and images write: the kernel would see a shorter string than the one that was checked. */
function refuseNul(process: Process, spec: Spec): void {
  const texts = [
    process.cwd, spec.hostname, spec.domainname ?? "", ...process.args, ...process.env, ...Object.entries(spec.linux.sysctl).flat(),
    ...spec.mounts.flatMap((mount) => [mount.destination, mount.source, ...mount.options]), ...spec.linux.devices.map((device) => device.path),
  ];
  if (!texts.some((text) => text.includes("\0"))) return;
  throw new MdkError("invalid", "nul-in-plan", "invalid argument: a NUL byte in arguments, environment, names or paths", {
    hint: "the kernel ends strings there: leave it out",
  });
}
