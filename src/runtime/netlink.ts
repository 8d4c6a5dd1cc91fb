/** Sockets and settings of a network namespace that this process is not in: the shim enters it, this process never does (shim/netlink.zig). */
import { closeSync } from "node:fs";
import { SysError } from "../sys/ffi.ts";
import { spawnDescriptor } from "../sys/process.ts";
import { receiveWithDescriptors, socketpair } from "../sys/socket.ts";
import { openShim } from "./shim.ts";

/**
 * What is wanted of a namespace: a netlink socket; the UDP and the TCP socket of a resolver on 127.0.0.11, bound to a port (0: any); a
 * setting below net, by its name of sysctl(8), written.
 */
export type SocketWish = "route" | "netfilter" | { readonly resolverPort: number } | { readonly sysctl: string; readonly value: string };

/** The shim takes no more sockets. */
const SOCKETS_MAX = 16;

/**
 * Carries the wishes out, in their order, in the namespace behind the descriptor. The sockets in the order of the wishes, the caller's to
 * close; null where the namespace cannot be entered. Throws the SysError of the first wish that fails (EADDRINUSE of a resolver's port, EPROTONOSUPPORT
 * of a protocol that the kernel lacks, ENOENT of a setting): what came before it is done, and no socket is left.
 */
export function enterNamespace(runRoot: string, namespace: number, wishes: readonly SocketWish[]): number[] | null {
  const [channel, theirs] = socketpair();
  try {
    try {
      spawnDescriptor(openShim(runRoot), ["mdk-shim", "netlink", ...wishes.map(wordOf)], ["ignore", "ignore", "ignore", theirs, namespace]).unref();
    } finally {
      closeSync(theirs);
    }
    const { bytes, descriptors } = receiveWithDescriptors(channel, 3, SOCKETS_MAX);
    const [kind, index, errno] = bytes;
    if (kind === 0x66) throw failure(wishes[index ?? 0] ?? "route", errno ?? 0);
    return kind === 0x6e ? descriptors : null;
  } finally {
    closeSync(channel);
  }
}

function wordOf(wish: SocketWish): string {
  if (typeof wish === "string") return wish;
  return "sysctl" in wish ? `${wish.sysctl}=${wish.value}` : `resolver:${wish.resolverPort}`;
}

function failure(wish: SocketWish, errno: number): SysError {
  if (typeof wish === "string") return new SysError("socket", errno, wish);
  return "sysctl" in wish ? new SysError("sysctl", errno, `${wish.sysctl}=${wish.value}`) : new SysError("bind", errno, `127.0.0.11:${wish.resolverPort}`);
}

/** A NETLINK_NETFILTER socket of the namespace behind the descriptor; null where it cannot be entered, or has none. The caller closes it. */
export function openNetfilterIn(runRoot: string, namespace: number): number | null {
  try {
    return enterNamespace(runRoot, namespace, ["netfilter"])?.[0] ?? null;
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  }
}
