/** What a signal of a container's user means for its policy. */
import { MdkError } from "../../error.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { markSignalled } from "../../store/container-life.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";

const SIGKILL = 9;

/** No policy starts it again after this one (moby daemon/kill.go, killWithSignal): any, unless it has a stop signal of its own. */
export function isLast({ config: { StopSignal } }: Pick<Container, "config">, signal: number): boolean {
  return signal === SIGKILL || StopSignal === undefined || parseSignal(StopSignal) === signal;
}

/** Before it is sent. On a full disk nothing can be noted: it is sent all the same. */
export function noteSignal(context: Context, container: Pick<Container, "id" | "config">, signal: number): void {
  try {
    markSignalled(context.database(), container.id, signal, isLast(container, signal) ? "kill" : null);
  } catch (error) {
    if (!(error instanceof MdkError && error.code === "store-full")) throw error;
  }
}
