/** Telling a monitor that its container is on its network: the published ports that its plan names lead there now (shim/proxy.zig). */
import { sendWithDescriptors } from "../sys/socket.ts";

const MESSAGE = Buffer.from("p");

/**
 * Over its launcher's channel, between `created` and `go`; the TCP ports listen. `namespace`: of the container's network, where clients come as
 * themselves; null: they come as the host. The caller keeps its descriptor. Throws SysError EPIPE when the monitor is gone.
 */
export function sendProxy(channel: number, namespace: number | null): void {
  sendWithDescriptors(channel, MESSAGE, namespace === null ? [] : [namespace]);
}
