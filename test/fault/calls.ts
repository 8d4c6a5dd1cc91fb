/**
 * Which system calls change a state that outlives the call: of the file system, of mounts, cgroups, locks, sockets and
 * processes. `describeCall` says what a call is about, or null for one that changes nothing (an open that makes nothing, a
 * lock that is only looked at, a byte to a pipe, an option of a mount that is not made yet).
 */
import { closeSync, openSync, readlinkSync, readSync } from "node:fs";
import { syscallNumbers } from "../../src/runtime/syscalls.ts";

type Kind = "path0" | "path1" | "fd0" | "plain" | "open" | "openat" | "openat2" | "write" | "lock" | "clone" | "clone3" | "prctl";

const KINDS: Readonly<Record<Kind, string>> = {
  path0: "mkdir mknod unlink rmdir rename link symlink truncate chmod chown lchown setxattr lsetxattr mount umount2 execve creat fsopen",
  path1: "mkdirat mknodat unlinkat renameat renameat2 linkat symlinkat fchmodat fchmodat2 fchownat utimensat open_tree mount_setattr execveat",
  fd0: "ftruncate fallocate fchmod fchown fsetxattr fsync fdatasync syncfs fsmount move_mount bind listen connect sendto sendmsg sendmmsg setns copy_file_range",
  plain: "pivot_root unshare setsid fork vfork kill pidfd_send_signal keyctl bpf sethostname setdomainname capset seccomp setresuid setresgid setgroups exit_group",
  open: "open", openat: "openat", openat2: "openat2", write: "write pwrite64 writev pwritev", lock: "fcntl", clone: "clone", clone3: "clone3", prctl: "prctl",
};

interface Call {
  readonly name: string;
  readonly kind: Kind;
}

const byNumber = new Map<number, Call>();
for (const [kind, names] of Object.entries(KINDS) as [Kind, string][]) {
  for (const name of names.split(" ")) {
    const number = syscallNumbers("x86_64").get(name);
    if (number === undefined) throw new Error(`no such system call: ${name}`);
    byNumber.set(number, { name, kind });
  }
}

const MAKES = 0o100 | 0o1000; // O_CREAT, O_TRUNC
/** F_OFD_SETLK and F_OFD_SETLKW. SQLite's record locks are not looked at: they end with the process. */
const LOCKS = [37, 38];
const CLONE_THREAD = 0x10000n;
const PR_SET_PDEATHSIG = 1n;
const PR_SET_DUMPABLE = 4n;

/** Null for a call that leaves every state as it is. */
export function describeCall(pid: number, number: number, args: readonly bigint[]): { readonly name: string; readonly object: string } | null {
  const call = byNumber.get(number);
  if (call === undefined) return null;
  const object = objectOf(pid, call.kind, args);
  return object === null ? null : { name: call.name, object };
}

function objectOf(pid: number, kind: Kind, args: readonly bigint[]): string | null {
  const [first = 0n, second = 0n, third = 0n] = args;
  switch (kind) {
    case "path0":
      return text(pid, first);
    case "path1":
      return text(pid, second);
    case "fd0":
      return link(pid, first);
    case "plain":
      return "";
    case "open":
      return (Number(second) & MAKES) === 0 ? null : text(pid, first);
    case "openat":
      return (Number(third) & MAKES) === 0 ? null : text(pid, second);
    case "openat2":
      return (Number(word(pid, third)) & MAKES) === 0 ? null : text(pid, second);
    case "write": {
      const target = link(pid, first);
      return /^(\/(?!dev\/|memfd:)|socket:)/.test(target) ? target : null;
    }
    case "lock":
      return LOCKS.includes(Number(second)) ? link(pid, first) : null;
    case "clone":
      return (first & CLONE_THREAD) === 0n ? "" : null;
    case "clone3":
      return (word(pid, first) & CLONE_THREAD) === 0n ? "" : null;
    case "prctl":
      return first === PR_SET_PDEATHSIG || first === PR_SET_DUMPABLE ? `option ${first}` : null;
  }
}

/** Bytes of the tracee's memory; fewer when it is not mapped. */
function memory(pid: number, address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  try {
    const file = openSync(`/proc/${pid}/mem`, "r");
    try {
      // Up to the end of a page first: the next one may not be mapped.
      const page = 4096 - Number(address & 4095n);
      const got = readSync(file, bytes, 0, Math.min(length, page), Number(address));
      const rest = got === page && length > page ? readSync(file, bytes, got, length - got, Number(address) + got) : 0;
      return bytes.subarray(0, got + rest);
    } finally {
      closeSync(file);
    }
  } catch {
    return Buffer.alloc(0);
  }
}

function text(pid: number, address: bigint): string {
  const bytes = memory(pid, address, 200);
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString("utf8");
}

function word(pid: number, address: bigint): bigint {
  const bytes = memory(pid, address, 8);
  return bytes.length === 8 ? bytes.readBigUInt64LE(0) : 0n;
}

function link(pid: number, descriptor: bigint): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${Number(BigInt.asIntN(32, descriptor))}`);
  } catch {
    return "?";
  }
}
