/** A descriptor read to its end, whatever it is: a file, a pipe, or a pipe that is not ready. */
import { readSync } from "node:fs";

const CHUNK = 1 << 20;
/** What is not ready is looked at again. */
const POLL_MS = 1;

/** The descriptor stays the caller's. Throws node's errors. */
export async function* readStream(fd: number): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let count: number;
    try {
      count = readSync(fd, chunk);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
      await Bun.sleep(POLL_MS);
      continue;
    }
    if (count === 0) return;
    yield chunk.subarray(0, count);
  }
}
