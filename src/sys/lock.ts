/**
 * Open-file-description locks (fcntl(2), F_OFD_*): they belong to the open file, not to the process. So they survive
 * their taker in an heir of the descriptor, are not lost when another descriptor of the file is closed, and are freed by
 * the kernel with the last descriptor, however the holder ends (kernel-traps 23).
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { monotonicMs } from "./clock.ts";
import { E } from "./errno.ts";
import { check, errno, libc, SysError } from "./ffi.ts";

const c = libc({ fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" } });

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** struct flock of 64-bit Linux, little-endian: l_type in the first two bytes, l_whence, l_start at 8, l_len at 16; a length of 0 reaches to the end of the file. */
const FLOCK_BYTES = 32;

function range(type: number, start: number, length: number): Buffer {
  const flock = Buffer.alloc(FLOCK_BYTES);
  flock.writeInt16LE(type, 0);
  flock.writeBigInt64LE(BigInt(start), 8);
  flock.writeBigInt64LE(BigInt(length), 16);
  return flock;
}

/** An exclusive lock on the whole file; `ps` asks for hundreds. */
function wholeFile(): Uint8Array {
  const flock = new Uint8Array(FLOCK_BYTES);
  flock[0] = F_WRLCK;
  return flock;
}

/** Takes a shared lock on bytes of the file, or returns false when somebody holds an exclusive one. */
export function tryLockShared(fd: number, start: number, length: number): boolean {
  return taken(c().fcntl(fd, F_OFD_SETLK, range(F_RDLCK, start, length)));
}

/** Takes the exclusive lock on the whole file, or returns false when it is held. `fd` must be open for writing. */
export function tryLock(fd: number): boolean {
  return taken(c().fcntl(fd, F_OFD_SETLK, wholeFile()));
}

function taken(result: number): boolean {
  if (result !== -1) return true;
  const code = errno();
  if (code === E.EAGAIN || code === E.EACCES) return false;
  throw new SysError("fcntl", code, "F_OFD_SETLK");
}

/** Whether somebody else holds the lock, without taking it. */
function isLocked(fd: number): boolean {
  const flock = wholeFile();
  check(c().fcntl(fd, F_OFD_GETLK, flock), "fcntl", "F_OFD_GETLK");
  return flock[0] !== F_UNLCK;
}

/**
 * Opens (0600, made when missing) and locks the file at `path`, which its holders unlink when they are done; null when
 * somebody holds it. Who gets the lock looks whether the name still leads to its file: the holder before may have
 * unlinked it in between, and then a third one may hold the new file.
 */
export function tryLockFile(path: string): number | null {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      if (!tryLock(fd)) {
        closeSync(fd);
        return null;
      }
      const mine = fstatSync(fd);
      const there = statSync(path, { throwIfNoEntry: false });
      if (there !== undefined && there.ino === mine.ino && there.dev === mine.dev) return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
  throw new SysError("lock", E.EAGAIN, path);
}

/** Whether anybody holds the lock of the file at `path`; a file that is not there is held by nobody. */
export function isPathLocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
  try {
    return isLocked(fd);
  } finally {
    closeSync(fd);
  }
}

const many = libc({
  openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  faccessat: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
});

/**
 * The same for many files below one directory, without an object or an error a file: a list of a thousand asks a thousand
 * times. Names end in NUL. Any failure is "not locked" or "not there": who needs to know why looks again with the others.
 */
export class LockProbe {
  readonly #directory: number;
  readonly #flock = new Uint8Array(FLOCK_BYTES);
  readonly #calls = many();

  /** A directory's descriptor, which stays the caller's. */
  constructor(directory: number) {
    this.#directory = directory;
  }

  isLocked(name: Uint8Array): boolean {
    const fd = this.#calls.openat(this.#directory, name, constants.O_RDWR | constants.O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd === -1) return false;
    this.#flock.fill(0);
    this.#flock[0] = F_WRLCK;
    const asked = this.#calls.fcntl(fd, F_OFD_GETLK, this.#flock);
    this.#calls.close(fd);
    return asked !== -1 && this.#flock[0] !== F_UNLCK;
  }

  exists(name: Uint8Array): boolean {
    return this.#calls.faccessat(this.#directory, name, 0, 0) === 0;
  }
}

const O_CLOEXEC = 0o2000000;

/** How long a waiter sleeps before it looks again: at first, and at most. */
const LOOK_MS = { least: 0.5, most: 10 } as const;

/**
 * As tryLockFile, but waits for the holder, `timeoutMs` at most ("held"); "gone" when the directory of `path` is. Looks
 * again and again: fcntl(2) has no wait with an end. Blocks the thread.
 */
export function lockFile(path: string, timeoutMs: number): number | "held" | "gone" {
  const until = monotonicMs() + timeoutMs;
  for (let pause: number = LOOK_MS.least; ; pause = Math.min(pause * 2, LOOK_MS.most)) {
    try {
      const fd = tryLockFile(path);
      if (fd !== null) return fd;
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return "gone";
      throw error;
    }
    if (monotonicMs() >= until) return "held";
    Bun.sleepSync(pause);
  }
}

/** Pids of those in whose descriptors the file's lock is (proc_pid_fdinfo(5): a line "lock:"), as far as this /proc shows them. */
export function lockHolders(path: string): number[] {
  const real = realPath(path);
  if (real === null) return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => holds(pid, real)).map(Number);
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function holds(pid: string, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === path && /^lock:/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"));
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch {
    return false; // ended meanwhile
  }
}

/** Opens a lock file for somebody else to lock: made (0600) when it is missing, nothing is taken. */
export function openLock(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}
