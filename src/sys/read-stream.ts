/** A descriptor read to its end, whatever it is: a file, a pipe, or a pipe that is not ready. Others of this process have their turn meanwhile: an interrupt, a progress line. */
import { openSync, readSync } from "node:fs";
import { monotonicMs } from "./clock.ts";
import { pollReadable } from "./poll.ts";

const CHUNK = 1 << 20;
/** How long others wait. */
const TURN_MS = 20;

/** Standard input as a descriptor of its own; where it is a socket, as Node.js gives to its children, which cannot be opened anew, itself. Throws node's errors. */
export function openStdin(): number {
  try {
    return openSync("/dev/stdin", "r");
  } catch (error) {
    if ((error as { code?: string }).code !== "ENXIO") throw error;
    return 0;
  }
}

/** The descriptor stays the caller's. Throws node's errors, and the signal's reason. */
export async function* readStream(fd: number, signal: AbortSignal | null): AsyncGenerator<Uint8Array, void> {
  for (let since = monotonicMs(); ; ) {
    const isReady = pollReadable([fd], TURN_MS) !== null;
    if (!isReady || monotonicMs() - since > TURN_MS) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      since = monotonicMs();
      signal?.throwIfAborted();
    }
    if (!isReady) continue;
    const chunk = Buffer.allocUnsafe(CHUNK);
    let count: number;
    try {
      count = readSync(fd, chunk);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
      continue; // somebody else has read it
    }
    if (count === 0) return;
    yield chunk.subarray(0, count);
  }
}
