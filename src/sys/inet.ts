/** IPv4 sockets that hold a port: bound, later listening, never served. */
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
const SOCK_CLOEXEC = 0o2000000;
const SOCK = { tcp: 1, udp: 2 } as const;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ATTACH_FILTER = 26;
const SOCKADDR_IN = 16;
const ON = new Int32Array([1]);

export interface PortAddress {
  readonly protocol: "tcp" | "udp";
  /** IPv4 address in network order. */
  readonly address: Uint8Array;
  /** 0: the kernel chooses one. */
  readonly port: number;
}

/**
 * Binds a socket that receives nothing: a filter drops what would reach it. TCP is bound with SO_REUSEADDR, so that
 * connections of an earlier server in TIME_WAIT do not count; a listening socket of others is EADDRINUSE all the same. Returns
 * the descriptor (close-on-exec) and the port. Throws SysError.
 */
export function bindPort(wanted: PortAddress): { fd: number; port: number } {
  const fd = openPort(wanted, dropEverything);
  if (wanted.port !== 0) return { fd, port: wanted.port };
  try {
    return { fd, port: portOf(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The port that an IPv4 socket is bound to (getsockname(2)). Throws SysError. */
export function portOf(fd: number): number {
  const name = new Uint8Array(SOCKADDR_IN);
  check(symbols().getsockname(fd, name, new Uint32Array([SOCKADDR_IN])), "getsockname");
  return new DataView(name.buffer).getUint16(2);
}

/** Whether the port could be bound now; throws the SysError that says why not. */
export function checkPort(wanted: PortAddress): void {
  closeSync(openPort(wanted, () => {}));
}

/** A bound socket, `prepare`d before it is. */
function openPort({ protocol, address, port }: PortAddress, prepare: (fd: number) => void): number {
  const fd = check(symbols().socket(AF_INET, SOCK[protocol] | SOCK_CLOEXEC, 0), "socket", protocol);
  try {
    if (protocol === "tcp") check(symbols().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON, 4), "setsockopt");
    prepare(fd);
    const name = Uint8Array.of(AF_INET, 0, port >>> 8, port, ...address, 0, 0, 0, 0, 0, 0, 0, 0);
    if (symbols().bind(fd, name, name.length) === -1) throw new SysError("bind", errno(), `${address.join(".")}:${port}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Makes a bound TCP socket the one listener of its port (`ss -l` shows it then). Throws SysError EADDRINUSE. */
export function listenPort(fd: number): void {
  if (symbols().listen(fd, 0) === -1) throw new SysError("listen", errno(), "");
}

/** struct sock_fprog of one instruction, BPF_RET | BPF_K with 0: keep no byte of any packet (socket(7), SO_ATTACH_FILTER). */
function dropEverything(fd: number): void {
  const instruction = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, 1, true);
  view.setBigUint64(8, BigInt(ptr(instruction)), true);
  check(symbols().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length), "setsockopt", "SO_ATTACH_FILTER");
  // The kernel reads it through the address above: it must outlive the call.
  void instruction.length;
}
