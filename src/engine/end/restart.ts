/** Restart policies: whether a container that has ended is started again, and when (moby's daemon/restartmanager). Pure. */
import type { RestartPolicy } from "../../spec/restart-policy.ts";

const FIRST_MS = 100;
const LONGEST_MS = 60_000;
/** Who ran so long begins anew with the shortest wait. */
const STEADY_MS = 10_000;

/** A wait is FIRST_MS doubled so often, LONGEST_MS at most: what a monitor takes as its cleanup's status (shim/ending.zig). */
export interface Wait {
  readonly doublings: number;
  readonly ms: number;
}

export interface EndedRun {
  readonly policy: RestartPolicy;
  readonly code: number;
  /** By its user. */
  readonly stopped: boolean;
  /** How often its policy has started it so far. */
  readonly restarts: number;
  /** Doublings of the wait before this run; -1: its user started it. */
  readonly lastDoublings: number;
  readonly ranMs: number;
}

/** Null: it stays ended. */
export function decideRestart(run: EndedRun): Wait | null {
  if (!isDue(run)) return null;
  const doublings = run.ranMs >= STEADY_MS ? 0 : Math.min(run.lastDoublings + 1, DOUBLINGS_MAX);
  return { doublings, ms: waitMs(doublings) };
}

export const waitMs = (doublings: number): number => Math.min(FIRST_MS * 2 ** doublings, LONGEST_MS);

const DOUBLINGS_MAX = Math.ceil(Math.log2(LONGEST_MS / FIRST_MS));

function isDue({ policy, code, stopped, restarts }: EndedRun): boolean {
  if (stopped) return false;
  switch (policy.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return code !== 0 && (policy.MaximumRetryCount === 0 || restarts < policy.MaximumRetryCount);
    case "no":
      return false;
  }
}

/** Whether it is started when the host has booted: `code` of its last run, 255 for one that the reboot ended. */
export function isDueAtBoot({ policy, code, stopped, ran }: { readonly policy: RestartPolicy; readonly code: number; readonly stopped: boolean; /** It ran when the host went down. */ readonly ran: boolean }): boolean {
  switch (policy.Name) {
    case "always":
      return true;
    case "unless-stopped":
      return !stopped;
    case "on-failure":
      return ran && !stopped && code !== 0;
    case "no":
      return false;
  }
}
