/** Signals while nothing else can run: sigaction(2). */
import { check, libc } from "./ffi.ts";

const c = libc({ sigaction: { args: ["i32", "ptr", "ptr"], returns: "i32" } });

/** SIGHUP, SIGINT, SIGTERM: what a user ends a command by. */
const SIGNALS = [1, 2, 15];
/** libc's struct sigaction, of glibc and musl on both architectures; zeros are SIG_DFL. */
const BYTES = 152;
const DEFAULT = Buffer.alloc(BYTES);
const SIG_IGN = 1n;

/**
 * Signals that end a command do so at once while `work` does not let the event loop run: their handlers would be called when it is over, which may be hours. What is
 * left then is what a kill would leave. A signal that is ignored stays so. Returns what the work returns.
 */
export function interruptible<T>(work: () => T): T {
  const before = SIGNALS.map((signal) => {
    const old = Buffer.alloc(BYTES);
    check(c().sigaction(signal, DEFAULT, old), "sigaction");
    if (old.readBigUInt64LE(0) === SIG_IGN) check(c().sigaction(signal, old, null), "sigaction");
    return [signal, old] as const;
  });
  try {
    return work();
  } finally {
    for (const [signal, old] of before) check(c().sigaction(signal, old, null), "sigaction");
  }
}
