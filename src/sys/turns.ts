/** The event loop's turn within long work that never waits by itself. */
import { monotonicMs } from "./clock.ts";

/** How long others of this process wait: an interrupt, a progress line, another step. */
const TURN_MS = 50;

/** For loops of short system calls, which are made one after the other: gives others their turn now and then, and ends with the signal. */
export class Turns {
  readonly #signal: AbortSignal;
  #since = monotonicMs();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Null: it is not time yet, and there is nothing to wait for. */
  give(): Promise<void> | null {
    if (monotonicMs() - this.#since < TURN_MS) return null;
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#since = monotonicMs();
      this.#signal.throwIfAborted();
    });
  }
}
