/**
 * From root in a finished set of mounts to the user's program: limits, streams, privileges, execve. `run` and `exec` share it.
 *
 * Order, and why. The working directory is entered as root (as runc does: an image's WORKDIR may be closed to its
 * USER). Without no_new_privs a filter needs CAP_SYS_ADMIN, so it goes in before capabilities fall (kernel-traps 28); Docker's
 * list lets everything pass that follows. With no_new_privs it comes last. The bounding set is cut while CAP_SETPCAP is
 * still there; groups before ids, since setresuid ends CAP_SETGID.
 */
import { capabilityMask } from "../spec/capabilities.ts";
import type { PosixRlimit, Process } from "../spec/types.ts";
import { MdkError } from "../error.ts";
import { PR, rlimitNumber } from "../sys/linux.ts";
import type { Seccomp, Step } from "./plan.ts";

/** RLIM_INFINITY; as a JavaScript number it is 2^64. */
const RLIM_INFINITY = "18446744073709551615";

/** Window of the terminal, characters. */
export interface Window {
  readonly rows: number;
  readonly columns: number;
}

/** 0, 1, 2: the container's own terminal, or the monitor's pipes. `console`: bind the terminal over /dev/console. */
export function streamSteps(process: Process, window: Window | null, console: boolean): Step[] {
  const { uid, gid } = process.user;
  if (!process.terminal) return [{ dup_streams: { uid, gid } }];
  const size = window ?? { rows: process.consoleSize?.height ?? 0, columns: process.consoleSize?.width ?? 0 };
  return [{ terminal: { uid, rows: size.rows & 0xffff, columns: size.columns & 0xffff, console } }];
}

/** Everything from rlimits to the last step before `ready`. */
export function privilegeSteps(process: Process, filter: Seccomp | null): Step[] {
  const { uid, gid, additionalGids } = process.user;
  const { bounding, effective, permitted, inheritable } = process.capabilities;
  const seccomp: Step[] = filter === null ? [] : [{ seccomp: filter }];
  const early = process.noNewPrivileges ? [] : seccomp;
  const late = process.noNewPrivileges ? seccomp : [];
  const keep = uid !== 0 && permitted.length > 0;
  return [
    ...process.rlimits.map(rlimit),
    { chdir: { path: process.cwd } },
    ...(process.noNewPrivileges ? [prctl(PR.SET_NO_NEW_PRIVS, 1)] : []),
    ...early,
    { drop_bounding: { keep: String(capabilityMask(bounding)) } },
    { setgroups: { gids: additionalGids } },
    { setresgid: { id: gid } },
    ...(keep ? [prctl(PR.SET_KEEPCAPS, 1)] : []),
    { setresuid: { id: uid } },
    {
      capset: {
        effective: String(capabilityMask(effective)),
        permitted: String(capabilityMask(permitted)),
        inheritable: String(capabilityMask(inheritable)),
      },
    },
    prctl(PR.CAP_AMBIENT, PR.CAP_AMBIENT_CLEAR_ALL),
    ...late,
  ];
}

/** The last step. */
export function execveStep(process: Process): Step {
  return { execve: { paths: executablePaths(process.args, process.env), argv: process.args, envp: process.env } };
}

/**
 * Where execve looks: a name with a slash is itself; another is sought in PATH of the process's own environment. As Go's
 * exec.LookPath, which Docker uses: directories that are not absolute do not count.
 */
function executablePaths(args: readonly string[], env: readonly string[]): string[] {
  const name = args[0];
  if (name === undefined) throw new MdkError("invalid", "no-command", "no command specified");
  if (name.includes("/")) return [name];
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5) ?? "";
  const directories = path.split(":").filter((directory) => directory.startsWith("/"));
  return name === "" ? [] : [...new Set(directories.map((directory) => `${directory.replace(/\/+$/, "")}/${name}`))];
}

function rlimit({ type, soft, hard }: PosixRlimit): Step {
  const resource = rlimitNumber(type);
  if (resource === null) throw new MdkError("invalid", "invalid-ulimit", `invalid ulimit type: ${type.replace(/^RLIMIT_/, "").toLowerCase()}`);
  return { setrlimit: { resource, soft: limitText(soft), hard: limitText(hard) } };
}

function limitText(limit: number): string {
  return limit < 0 || limit >= 2 ** 64 ? RLIM_INFINITY : BigInt(Math.trunc(limit)).toString();
}

function prctl(option: number, arg2: number): Step {
  return { prctl: { option, arg2: String(arg2), arg3: "0", arg4: "0", arg5: "0" } };
}
