/** Sockets that hold a port: bound, later listening; never served, unless the container's monitor serves them. */
import { closeSync } from "node:fs";
import { check, errno, libc, ptr, SysError } from "./ffi.ts";

const symbols = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
});

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0o2000000;
const SOCK = { tcp: 1, udp: 2 } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ATTACH_FILTER = 26;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** "mdk": on packets that no served socket is to have (network/served.ts). */
export const UNWELCOME_MARK = 0x6d646b;
const IPV6_BYTES = 16;
/** The longer of the two: struct sockaddr_in6. */
const SOCKADDR_BYTES = 28;
const ON = new Int32Array([1]);
const OFF = new Int32Array([0]);

export interface PortAddress {
  readonly protocol: "tcp" | "udp";
  /** IPv4 or IPv6 address in network order: 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** 0: the kernel chooses one. */
  readonly port: number;
}

/**
 * Binds a socket; one that is not to be `served` receives nothing: a filter drops what would reach it, of others and the connections that they accept what has UNWELCOME_MARK. One of IPv6 holds nothing of IPv4. TCP is bound with SO_REUSEADDR, so that
 * connections of an earlier server in TIME_WAIT do not count; a listening socket of others is EADDRINUSE all the same. Returns
 * the descriptor (close-on-exec) and the port. Throws SysError.
 */
export function bindPort(wanted: PortAddress, served: boolean): { fd: number; port: number } {
  const fd = openPort(wanted, served ? dropUnwelcome : dropEverything);
  if (wanted.port !== 0) return { fd, port: wanted.port };
  try {
    return { fd, port: portOf(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The port that a socket of either family is bound to (getsockname(2)). Throws SysError. */
export function portOf(fd: number): number {
  const name = new Uint8Array(SOCKADDR_BYTES);
  check(symbols().getsockname(fd, name, new Uint32Array([SOCKADDR_BYTES])), "getsockname");
  return new DataView(name.buffer).getUint16(2);
}

/** Whether the port could be bound now; throws the SysError that says why not. */
export function checkPort(wanted: PortAddress): void {
  closeSync(openPort(wanted, () => {}));
}

/** A bound socket, `prepare`d before it is. */
function openPort({ protocol, address, port }: PortAddress, prepare: (fd: number) => void): number {
  const isIpv6 = address.length === IPV6_BYTES;
  const fd = check(symbols().socket(isIpv6 ? AF_INET6 : AF_INET, SOCK[protocol] | SOCK_CLOEXEC, 0), "socket", protocol);
  try {
    if (isIpv6) check(symbols().setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ON, 4), "setsockopt");
    if (protocol === "tcp") check(symbols().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON, 4), "setsockopt");
    prepare(fd);
    const name = isIpv6 ? sockaddrIn6(address, port) : Uint8Array.of(AF_INET, 0, port >>> 8, port, ...address, 0, 0, 0, 0, 0, 0, 0, 0);
    if (symbols().bind(fd, name, name.length) === -1) throw new SysError("bind", errno(), `port ${port}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** ipv6(7): family, port, flow information, address, scope. */
function sockaddrIn6(address: Uint8Array, port: number): Uint8Array {
  return Uint8Array.of(AF_INET6, 0, port >>> 8, port, 0, 0, 0, 0, ...address, 0, 0, 0, 0);
}

/** Makes a bound TCP socket the one listener of its port (`ss -l` shows it then); `backlog`: so many connections may wait. Throws SysError EADDRINUSE. */
export function listenPort(fd: number, backlog: number): void {
  if (symbols().listen(fd, backlog) === -1) throw new SysError("listen", errno(), "");
}

/**
 * The same without a listener, for a port whose clients are to be refused: whoever comes second gets EADDRINUSE when he listens, since this
 * one shares its address no more (inet_csk_bind_conflict).
 */
export function keepPort(fd: number): void {
  check(symbols().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, OFF, 4), "setsockopt");
}

/** One instruction, BPF_RET | BPF_K with 0: keep no byte of any packet. */
function dropEverything(fd: number): void {
  attachFilter(fd, [[0x06, 0, 0, 0]]);
}

/** BPF_LD | BPF_W | BPF_ABS of SKF_AD_MARK, BPF_JMP | BPF_JEQ | BPF_K, and what is kept of either (linux/filter.h). */
function dropUnwelcome(fd: number): void {
  attachFilter(fd, [[0x20, 0, 0, 0xffff_f000 + 20], [0x15, 0, 1, UNWELCOME_MARK], [0x06, 0, 0, 0], [0x06, 0, 0, 0xffff_ffff]]);
}

/** struct sock_fprog, of struct sock_filter each: code, jump if true, jump if false, operand (socket(7), SO_ATTACH_FILTER). */
function attachFilter(fd: number, instructions: readonly (readonly [code: number, jt: number, jf: number, k: number])[]): void {
  const filter = new Uint8Array(8 * instructions.length);
  const words = new DataView(filter.buffer);
  instructions.forEach(([code, jt, jf, k], index) => {
    words.setUint16(8 * index, code, true);
    filter.set([jt, jf], 8 * index + 2);
    words.setUint32(8 * index + 4, k, true);
  });
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, instructions.length, true);
  view.setBigUint64(8, BigInt(ptr(filter)), true);
  check(symbols().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length), "setsockopt", "SO_ATTACH_FILTER");
  // The kernel reads it through the address above: it must outlive the call.
  void filter.length;
}
