/**
 * A `failed` report of the shim as a sentence: what was tried, on what, why it failed, what to try. Docker's words where
 * scripts look for them; the kind says whether the program is not there, cannot be executed, or nothing could be set up.
 */
import { MdkError, type ErrorKind } from "../error.ts";
import type { Failed, Step } from "./plan.ts";

/** Of include/uapi/asm-generic/errno-base.h and errno.h; `sys/errno.ts` has the words, which pure code is handed. */
const EPERM = 1;
const ENOENT = 2;
const ENOEXEC = 8;
const EAGAIN = 11;
const ENOMEM = 12;
const EACCES = 13;
const EBUSY = 16;
const ENOTDIR = 20;
const EISDIR = 21;
const EINVAL = 22;
const ENOSPC = 28;
const EROFS = 30;
const ENOSYS = 38;
const ELOOP = 40;

export interface FailureContext {
  /** A start or an exec: their first words differ. */
  readonly operation: "run" | "exec";
  /** argv of the process. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** Steps of the plan, to say more about the one that failed. */
  readonly steps: readonly Step[];
  /** Host path of what is mounted at a place of the container; null where it is none of the user's mounts. */
  readonly sourceOf: (destination: string) => string | null;
  /** strerror(3) in Go's words (`sys/errno.ts`, errnoText). */
  readonly text: (errno: number) => string;
}

interface Told {
  readonly reason: string;
  readonly kind: ErrorKind;
  readonly hint?: string;
}

/** The error of a container or process that could not be started. */
export function failureError(failed: Failed, context: FailureContext): MdkError {
  const told = tell(failed, context);
  const prefix =
    context.operation === "exec"
      ? "OCI runtime exec failed: exec failed: unable to start container process: "
      : "failed to create task for container: OCI runtime create failed: unable to start container process: ";
  return new MdkError(told.kind, `${failed.step.replaceAll("_", "-")}-failed`, `${prefix}${told.reason}: unknown`, {
    ...(told.hint === undefined ? {} : { hint: told.hint }),
  });
}

function tell(failed: Failed, context: FailureContext): Told {
  if (failed.step === "execve") return tellExecve(failed, context);
  if (failed.step === "chdir") return tellChdir(failed, context);
  const step = context.steps[failed.index];
  if (step !== undefined) {
    const target = mountTarget(step);
    if (target !== null) return tellMount(failed, target, context);
  }
  return tellStep(failed, context);
}

/** What Go's LookPath and runc say of a program that cannot be run. */
function tellExecve({ errno }: Failed, { args, text }: FailureContext): Told {
  const name = args[0] ?? "";
  const quoted = `exec: "${name}"`;
  if (errno === ENOENT) {
    if (!name.includes("/")) return { reason: `${quoted}: executable file not found in $PATH`, kind: "no-program" };
    return {
      reason: `${quoted}: stat ${name}: no such file or directory`,
      kind: "no-program",
      hint: "if the file is there, its interpreter (first line, or dynamic loader) is missing from the image",
    };
  }
  if (errno === ENOTDIR) return { reason: `${quoted}: stat ${name}: not a directory`, kind: "no-program" };
  if (errno === ENOEXEC) {
    return {
      reason: `exec ${name}: exec format error`,
      kind: "not-executable",
      hint: "the program is for another processor, or a script without its #! line",
    };
  }
  return { reason: `${quoted}: ${errno === EISDIR ? "is a directory" : text(errno)}`, kind: "not-executable" };
}

function tellChdir({ errno }: Failed, { cwd, text }: FailureContext): Told {
  const kind: ErrorKind = errno === ENOENT ? "no-program" : errno === EACCES ? "not-executable" : "start-failed";
  const told = { reason: `chdir to cwd ("${cwd}") set in config.json failed: ${text(errno)}`, kind };
  return errno === ELOOP || errno === EPERM ? { ...told, hint: "the working directory must be a place within the container's root" } : told;
}

/** Where a step mounts; null for a step that mounts nothing. */
function mountTarget(step: Step): string | null {
  if ("fsmount" in step) return step.fsmount.target;
  if ("move_mount" in step) return step.move_mount.target;
  if ("open_tree" in step) return step.open_tree.target;
  if ("borrow_tree" in step) return step.borrow_tree.target;
  return null;
}

function tellMount({ errno, call }: Failed, target: string, { sourceOf, text }: FailureContext): Told {
  const source = sourceOf(target);
  const what = source === null ? `error mounting ${target}` : `error mounting "${source}" to rootfs at "${target}"`;
  const reason = `${what}: ${call}: ${text(errno)}`;
  if (call === "fstatfs") return { reason: `${what}: "${target}" cannot be mounted because it is inside /proc`, kind: "start-failed", hint: "a link of the image leads there" };
  // A detached mount of the other kind is EINVAL (fs/namespace.c, do_move_mount).
  if (errno === ENOTDIR || errno === EISDIR || (call === "move_mount" && errno === EINVAL)) {
    return {
      reason: `${what}: ${call}: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
      kind: "start-failed",
    };
  }
  const hint =
    errno === ELOOP ? `${target} is or lies behind a symbolic link in the image, which is refused: it could point anywhere`
    : errno === ENOENT ? "the mount point is missing: the image may be read-only there, or a mount above it hides it"
    : errno === EPERM || errno === EACCES ? "mounting needs real root with CAP_SYS_ADMIN; another sandbox around mdk may forbid it"
    : errno === ENOSYS || errno === EINVAL ? "the kernel may be too old or lack the file system: mdk needs Linux 5.10 or later"
    : errno === EBUSY ? "something is mounted there already"
    : undefined;
  return { reason, kind: "start-failed", ...(hint === undefined ? {} : { hint }) };
}

/** Hints for the other steps; the general sentence names step, call and object. */
function tellStep({ step, call, errno, object }: Failed, { text }: FailureContext): Told {
  const about = object === "" ? "" : ` ${object}`;
  const reason = `${step}: ${call === step ? "" : `${call}`}${about}`.replace(/: $/, "").replace(/:  /, ": ");
  const hint = hintFor(step, errno);
  return { reason: `${reason}: ${text(errno)}`, kind: "start-failed", ...(hint === null ? {} : { hint }) };
}

function hintFor(step: string, errno: number): string | null {
  if (step === "write" && (errno === ENOSPC || errno === EINVAL)) return "a cgroup without cpus or mems takes no process: look at --cpuset-cpus and the parent group";
  if (step === "clone_inside" && errno === EAGAIN) return "the container is at its limit of processes: an exec needs two for a moment";
  if (step === "setrlimit") return "raising a limit above that of mdk's own process needs CAP_SYS_RESOURCE";
  if (step === "seccomp") return "the kernel needs CONFIG_SECCOMP_FILTER; --privileged does without";
  if (step === "write_proc" && errno === ENOENT) return "this kernel lacks the setting";
  if (step === "write_proc" && errno === EROFS) return "/proc/sys is read-only here";
  if (step === "keyctl_join" && errno !== ENOMEM) return "another sandbox around mdk may forbid keyrings";
  if (step === "mkdir" || step === "mknod") return errno === EROFS ? "the root file system is read-only there" : null;
  if (errno === ENOMEM) return "the host, or the container's memory limit, leaves no room for the set-up";
  if (errno === EPERM) return "mdk needs real root with all of root's capabilities; another sandbox around it may forbid this";
  return null;
}
