/** Making a monitor its container's resolver (shim/resolver.zig): it gets the sockets that are asked, and the container's view of names. */
import { closeSync, constants, openSync } from "node:fs";
import { monotonicMs } from "../sys/clock.ts";
import { O_PATH } from "../sys/at.ts";
import { pollReadable } from "../sys/poll.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "../sys/socket.ts";
import { viewPath } from "./names.ts";
import { MESSAGE_BYTES_MAX, parseTold } from "./protocol.ts";

/** Of the container's network namespace, on 127.0.0.11 (plan.ts, Created; netlink.ts). */
export interface ResolverSockets {
  readonly udp: number;
  /** Listening. */
  readonly tcp: number;
}

const MESSAGE = Buffer.from("n");

/**
 * To the monitor of a container that is being started, over its launcher's channel, between `created` and `go`. The view is written
 * (names.ts). The caller keeps its descriptors, and closes them soon: they keep the namespace alive. Throws SysError EPIPE when the monitor is gone.
 */
export function sendResolver(channel: number, runRoot: string, container: string, { udp, tcp }: ResolverSockets): void {
  const view = openSync(viewPath(runRoot, container), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    sendWithDescriptors(channel, MESSAGE, [udp, tcp, view]);
  } finally {
    closeSync(view);
  }
}

/** A monitor answers at once; an older mdk's does not know the question. */
const ANSWER_MS = 2000;

/**
 * The same to the monitor of a running container, over a connection to its attach socket that has said no hello. True: it is the resolver
 * now. False: it has one already, or the container has ended. Null: it is an older mdk's, and cannot be one. What else it says is passed over. Throws SysError.
 */
export function offerResolver(socket: number, runRoot: string, container: string, sockets: ResolverSockets): boolean | null {
  sendResolver(socket, runRoot, container, sockets);
  const end = monotonicMs() + ANSWER_MS;
  while (pollReadable([socket], Math.max(0, Math.ceil(end - monotonicMs()))) !== null) {
    const { bytes } = receiveWithDescriptors(socket, MESSAGE_BYTES_MAX, 0);
    if (bytes.length === 0) return false;
    const told = parseTold(bytes);
    if (told.kind === "resolver") return told.taken;
  }
  return null;
}
