/** A signal to a container, as Docker's kill means it: one that is to end it keeps its policy from starting it again. */
import { parseSignal } from "../../runtime/signals.ts";
import { markSignalled } from "../../store/container-life.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { giveUpRestart } from "../end/give-up.ts";
import { killNow, signalContainer } from "../end/end.ts";
import { thaw } from "../end/thaw.ts";

const SIGKILL = 9;

/** SIGKILL is waited for. False: the container does not run. Throws what awaitKilled throws. */
export function sendSignalTo(context: Context, container: Container, signal: number): boolean {
  if (giveUpRestart(context, container.id, "kill")) return true;
  if (container.phase !== "started") return false;
  const { StopSignal } = container.config;
  const stops = signal === SIGKILL || StopSignal === undefined || parseSignal(StopSignal) === signal;
  markSignalled(context.database(), container.id, signal, stops ? "kill" : null);
  if (signal === SIGKILL) return killNow(context, container, () => thaw(context, container));
  const sent = signalContainer(context, container, signal);
  if (stops) thaw(context, container);
  return sent;
}
