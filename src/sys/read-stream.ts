/** A descriptor read to its end, whatever it is: a file, a pipe, or a pipe that is not ready. Others of this process have their turn meanwhile: an interrupt, a progress line. */
import { openSync, readSync } from "node:fs";
import { pollReadable } from "./poll.ts";
import { Turns } from "./turns.ts";

const CHUNK = 1 << 20;
/** What is not ready is looked at again, after others had their turn. */
const WAIT_MS = 20;

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
export async function* readStream(fd: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const turns = new Turns(signal);
  for (;;) {
    const isReady = pollReadable([fd], WAIT_MS) !== null;
    const turn = turns.give();
    if (turn !== null) await turn;
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
