/** A signal to a container, as Docker's kill means it: one that is to end it keeps its policy from starting it again. */
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { giveUpRestart } from "../end/give-up.ts";
import { killNow, signalContainer } from "../end/end.ts";
import { settle } from "../end/settle.ts";
import { isLast, noteSignal } from "../end/signalled.ts";
import { thaw } from "../end/thaw.ts";

const SIGKILL = 9;

/** SIGKILL is waited for. False: the container does not run. Throws what awaitKilled throws. */
export function sendSignalTo(context: Context, container: Container, signal: number): boolean {
  const { id, host } = container;
  const stops = isLast(container, signal);
  for (let noted = false; ; noted = true) {
    if (giveUpRestart(context, id, "kill")) return true;
    // One that has ended of itself since it was told: its policy has heard of it, too.
    if (readContainer(context.database(), id)?.phase !== "started") return noted && stops && host.RestartPolicy.Name !== "no";
    if (!noted) noteSignal(context, container, signal);
    if (deliver(context, container, signal, stops)) return true;
    // It has ended, or is being started: whoever does that holds the op lock.
    settle(context, id);
  }
}

function deliver(context: Context, container: Container, signal: number, stops: boolean): boolean {
  if (signal === SIGKILL) return killNow(context, container, () => thaw(context, container));
  const sent = signalContainer(context, container, signal);
  if (stops) thaw(context, container);
  return sent;
}
