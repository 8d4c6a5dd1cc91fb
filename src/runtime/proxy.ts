/** Telling a monitor where its container is: the published ports that its plan names lead there now (shim/proxy.zig). */
import { monotonicMs } from "../sys/clock.ts";
import { pollReadable } from "../sys/poll.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "../sys/socket.ts";
import { MESSAGE_BYTES_MAX, parseTold } from "./protocol.ts";

const MESSAGE = Buffer.from("p");

/**
 * Over its launcher's channel, between `created` and `go`; the TCP ports listen. `namespace`: of the container's network, where clients come as
 * themselves; null: they come as the host. The caller keeps its descriptor. Throws SysError EPIPE when the monitor is gone.
 */
export function sendProxy(channel: number, namespace: number | null): void {
  sendWithDescriptors(channel, MESSAGE, namespace === null ? [] : [namespace]);
}

/** A monitor answers at once; an older mdk's does not know the message, and serves nothing beside the kernel. */
const ANSWER_MS = 2000;

/**
 * The same to the monitor of a running container, over a connection to its attach socket that has said no hello, when its networks have changed: all ports that it serves
 * lead to that address of the container's. Null: nowhere, for a while. They do when this returns, or it has ended. Throws SysError.
 */
export function turnProxy(socket: number, address: string | null): void {
  sendWithDescriptors(socket, Buffer.from(`p${address ?? ""}`), []);
  const end = monotonicMs() + ANSWER_MS;
  while (pollReadable([socket], Math.max(0, Math.ceil(end - monotonicMs()))) !== null) {
    const { bytes } = receiveWithDescriptors(socket, MESSAGE_BYTES_MAX, 0);
    if (bytes.length === 0 || parseTold(bytes).kind === "turned") return;
  }
}
