/**
 * What a container is, in Docker's word: one table of what its row says (the phase) and, where a start was begun, of what its run
 * directory says (the condition). Paused, restarting and dead get their rows and columns here. Pure.
 *
 *     phase     │ starting   running   ended    lost      aborted
 *     ──────────┼──────────────────────────────────────────────────
 *     created   │ created: the run directory says nothing
 *     started   │ created    running   exited¹  exited*   created*
 *     exited    │ exited: the same
 *     removing  │ removing*
 *
 *     * something is left of it that nobody dealt with yet      ¹ so it is once its monitor has let go
 */
import type { Condition } from "../../runtime/state.ts";
import type { Phase } from "../../store/containers.ts";

/** Docker's `State.Status`. */
export type Word = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

export interface Verdict {
  readonly word: Word;
  /** Something is left of an end that nobody dealt with yet (engine/end/settle.ts). */
  readonly unsettled: boolean;
}

/** Phases that the row alone decides. */
const AT_REST: Readonly<Record<Exclude<Phase, "started">, Verdict>> = {
  created: { word: "created", unsettled: false },
  exited: { word: "exited", unsettled: false },
  removing: { word: "removing", unsettled: true },
};

/** Of the phase `started`. */
const BEGUN: Readonly<Record<Condition["kind"], Word>> = { starting: "created", running: "running", ended: "exited", lost: "exited", aborted: "created" };

/** `condition` is read only where a start was begun. */
export function judge(phase: Phase, condition: () => Pick<Condition, "kind"> & { readonly held?: boolean }): Verdict {
  if (phase !== "started") return AT_REST[phase];
  const seen = condition();
  const unsettled = seen.kind === "ended" ? seen.held !== true : seen.kind === "lost" || seen.kind === "aborted";
  return { word: BEGUN[seen.kind], unsettled };
}
