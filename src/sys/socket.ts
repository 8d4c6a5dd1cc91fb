/**
 * Unix sockets of the kind the shim speaks: SOCK_SEQPACKET (one message a datagram, and an end of file), with
 * descriptors travelling along as SCM_RIGHTS (unix(7), cmsg(3)). Blocking; every descriptor made is close-on-exec.
 */
import { closeSync } from "node:fs";
import { E } from "./errno.ts";
import { check, cstr, errno, libc, ptr, SysError } from "./ffi.ts";

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
});
const address = libc({
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  chmod: { args: ["ptr", "u32"], returns: "i32" },
});

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_TRUNC = 0x20;
const MSG_CTRUNC = 0x08;
/** sizeof(struct msghdr) and sizeof(struct cmsghdr) on 64-bit Linux. */
const MSGHDR = 56;
const CMSGHDR = 16;
/** SCM_MAX_FD of net/scm.h: the kernel refuses more in one message. */
export const MAX_DESCRIPTORS = 253;

/** A connected pair. */
export function socketpair(): [number, number] {
  const pair = new Int32Array(2);
  check(c().socketpair(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, ptr(pair)), "socketpair");
  return [pair[0] as number, pair[1] as number];
}

/** What the kernel is pointed to during a call: the addresses in a header keep nothing from being collected. */
const inCall: { buffers: readonly (Uint8Array | null)[] } = { buffers: [] };

/** struct msghdr over one struct iovec. All that it points to stays referenced until the next message. */
function message(bytes: Uint8Array, control: Uint8Array | null): Buffer {
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(bytes.length === 0 ? 0n : BigInt(ptr(bytes)), 0);
  vector.writeBigUInt64LE(BigInt(bytes.length), 8);
  const header = Buffer.alloc(MSGHDR);
  header.writeBigUInt64LE(BigInt(ptr(vector)), 16);
  header.writeBigUInt64LE(1n, 24);
  if (control !== null) {
    header.writeBigUInt64LE(BigInt(ptr(control)), 32);
    header.writeBigUInt64LE(BigInt(control.length), 40);
  }
  inCall.buffers = [bytes, control, vector, header];
  return header;
}

/**
 * Sends one message, with copies of the descriptors (the caller keeps its own). At most MAX_DESCRIPTORS.
 * Throws SysError EPIPE when the peer is gone; no signal is raised.
 */
export function sendWithDescriptors(fd: number, bytes: Uint8Array, fds: readonly number[]): void {
  let control: Buffer | null = null;
  if (fds.length > 0) {
    control = Buffer.alloc(CMSGHDR + Math.ceil((fds.length * 4) / 8) * 8);
    control.writeBigUInt64LE(BigInt(CMSGHDR + fds.length * 4), 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    fds.forEach((descriptor, index) => control?.writeInt32LE(descriptor, CMSGHDR + index * 4));
  }
  const header = message(bytes, control);
  while (Number(c().sendmsg(fd, header, MSG_NOSIGNAL)) === -1) {
    const code = errno();
    if (code !== E.EINTR) throw new SysError("sendmsg", code, "");
  }
}

/**
 * Waits for one message. Zero bytes and no descriptors mean that the peer has closed. The descriptors belong to the
 * caller. A message longer than `maxBytes`, or with more than `maxFds` descriptors, is an error (EMSGSIZE) and leaves
 * none of its descriptors open.
 */
export function receiveWithDescriptors(
  fd: number,
  maxBytes: number,
  maxFds: number,
): { bytes: Uint8Array; descriptors: number[] } {
  const bytes = Buffer.alloc(Math.max(maxBytes, 1));
  const control = Buffer.alloc(CMSGHDR + Math.ceil((Math.max(maxFds, 1) * 4) / 8) * 8);
  const header = message(bytes, control);
  let length = -1;
  while (length === -1) {
    header.writeBigUInt64LE(BigInt(control.length), 40);
    length = Number(c().recvmsg(fd, header, MSG_CMSG_CLOEXEC));
    if (length !== -1) break;
    const code = errno();
    if (code !== E.EINTR) throw new SysError("recvmsg", code, "");
  }
  const descriptors = received(control.subarray(0, Number(header.readBigUInt64LE(40))));
  if ((header.readInt32LE(48) & (MSG_TRUNC | MSG_CTRUNC)) !== 0 || descriptors.length > maxFds) {
    for (const descriptor of descriptors) closeSync(descriptor);
    throw new SysError("recvmsg", E.EMSGSIZE, "");
  }
  return { bytes: bytes.subarray(0, length), descriptors };
}

function received(control: Buffer): number[] {
  const descriptors: number[] = [];
  for (let offset = 0; offset + CMSGHDR <= control.length; ) {
    const length = Number(control.readBigUInt64LE(offset));
    if (length < CMSGHDR) break;
    if (control.readInt32LE(offset + 8) === SOL_SOCKET && control.readInt32LE(offset + 12) === SCM_RIGHTS) {
      for (let at = offset + CMSGHDR; at + 4 <= offset + length; at += 4) descriptors.push(control.readInt32LE(at));
    }
    offset += Math.ceil(length / 8) * 8;
  }
  return descriptors;
}

/**
 * struct sockaddr_un of a name below a directory descriptor. By /proc/self/fd, because sun_path ends at 108 bytes and
 * a state directory may lie deep.
 */
function addressOf(dirFd: number, name: string): { path: Buffer; bytes: Buffer } {
  const path = cstr(`/proc/self/fd/${dirFd}/${name}`);
  const bytes = Buffer.alloc(2 + path.length);
  if (path.length > 108) throw new SysError("bind", E.ENAMETOOLONG, name);
  bytes.writeUInt16LE(AF_UNIX, 0);
  path.copy(bytes, 2);
  return { path, bytes };
}

/**
 * A listening socket at `name` in the directory, reachable by its owner only; accept(2) on it does not block: a client can
 * be gone again before its monitor looks. Throws SysError EADDRINUSE if it exists.
 */
export function listenUnix(dirFd: number, name: string): number {
  const { path, bytes } = addressOf(dirFd, name);
  const fd = check(c().socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC | SOCK_NONBLOCK, 0), "socket", name);
  try {
    check(address().bind(fd, bytes, bytes.length), "bind", name);
    // Nobody can connect before listen: the mode is right from the first moment.
    check(address().chmod(path, 0o600), "chmod", name);
    check(address().listen(fd, 64), "listen", name);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/**
 * Connects to a socket that listenUnix made. Throws SysError ENOENT, ECONNREFUSED (its monitor is gone), EAGAIN (nobody was
 * accepted for `timeoutMs`, and many wait). Sending on it fails with EAGAIN, too, when it takes longer.
 */
export function connectUnix(dirFd: number, name: string, timeoutMs: number): number {
  const { bytes } = addressOf(dirFd, name);
  const fd = check(c().socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0), "socket", name);
  try {
    const timeout = new BigInt64Array([BigInt(Math.floor(timeoutMs / 1000)), BigInt((timeoutMs % 1000) * 1000)]);
    check(address().setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, timeout.byteLength), "setsockopt", name);
    check(address().connect(fd, bytes, bytes.length), "connect", name);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/**
 * Takes an abstract name of the caller's network namespace (unix(7)), which is held as long as the descriptor is open: a lock
 * among those who share the network and perhaps no file. Null: somebody has it.
 */
export function takeAbstractName(name: string): number | null {
  const bytes = Buffer.concat([Uint8Array.of(AF_UNIX, 0, 0), Buffer.from(name)]);
  const fd = check(c().socket(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0), "socket", name);
  if (address().bind(fd, bytes, bytes.length) === 0) return fd;
  const code = errno();
  closeSync(fd);
  if (code === E.EADDRINUSE) return null;
  throw new SysError("bind", code, name);
}
