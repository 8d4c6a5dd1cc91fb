/** Bringing a running container's end about, and dealing with it: its monitor need not start anybody who does. */
import { parseSignal } from "../runtime/signals.ts";
import type { Container } from "../store/containers.ts";
import type { Context } from "./context.ts";
import { signalContainer, watchEnd, type EndWatch } from "./end.ts";
import { settle } from "./settle.ts";

const SIGKILL = 9;
const DEFAULT_STOP_SECONDS = 10;

export interface StopOptions {
  /** Null: the container's own, else SIGTERM. */
  readonly signal: string | null;
  /** Seconds until SIGKILL; -1: never. Null: the container's own, else 10. */
  readonly seconds: number | null;
}

/** Docker's stop: the stop signal, then SIGKILL. Returns when the container has ended; one that does not run is no error. */
export function stopContainer(context: Context, container: Container, options: StopOptions): void {
  const signal = parseSignal(options.signal ?? container.config.StopSignal ?? "SIGTERM");
  const seconds = options.seconds ?? container.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
  const watch = watchEnd(context, container, { cleans: true });
  if (watch === null) return;
  try {
    signalContainer(context, container, signal);
    if (watch.wait(seconds < 0 ? -1 : seconds * 1000) === null) {
      signalContainer(context, container, SIGKILL);
      watch.wait(-1);
    }
    finish(context, container, watch);
  } finally {
    watch.close();
  }
}

function finish(context: Context, container: Container, watch: EndWatch): void {
  settle(context, container.id);
  watch.cleaned();
}

/** Kills a running container and waits for its end. */
export function killContainer(context: Context, container: Container): void {
  stopContainer(context, container, { signal: "SIGKILL", seconds: -1 });
}
