/** The clock for patience: it never jumps, and says nothing about the date. */

/** Milliseconds since some moment of this process (CLOCK_MONOTONIC). */
export const monotonicMs = (): number => performance.now();
