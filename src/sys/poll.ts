/** poll(2): waiting for descriptors with a time limit, without the event loop. */
import { E } from "./errno.ts";
import { errno, libc, SysError } from "./ffi.ts";

const c = libc({ poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });

const POLLIN = 1;
/** poll(2) takes an int. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/**
 * The first descriptor that has something to read, or an end of file; null after `timeoutMs` (-1: no limit; 24 days at most). A signal
 * starts the wait anew: handlers of JavaScript do not run meanwhile.
 */
export function pollReadable(descriptors: readonly number[], timeoutMs: number): number | null {
  const set = Buffer.alloc(8 * descriptors.length);
  descriptors.forEach((descriptor, index) => {
    set.writeInt32LE(descriptor, index * 8);
    set.writeInt16LE(POLLIN, index * 8 + 4);
  });
  for (;;) {
    const ready = c().poll(set, BigInt(descriptors.length), Math.min(timeoutMs, TIMEOUT_MAX_MS));
    if (ready === 0) return null;
    if (ready > 0) return descriptors.find((_, index) => set.readInt16LE(index * 8 + 6) !== 0) ?? null;
    const code = errno();
    if (code !== E.EINTR) throw new SysError("poll", code, "");
  }
}
