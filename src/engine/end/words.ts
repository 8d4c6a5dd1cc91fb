/**
 * What a container is, in Docker's word: one table of what its row says (the phase) and, where a start was begun, of what its run
 * directory says (the condition). Pure.
 *
 *     phase      │ starting   running    ended    lost      aborted
 *     ───────────┼───────────────────────────────────────────────────
 *     created    │ created: the run directory says nothing
 *     started    │ created    running²   exited¹  exited*   created*
 *     exited     │ exited: the same
 *     restarting │ restarting³: the same
 *     removing   │ removing*
 *
 *     * something is left of it that nobody dealt with yet      ¹ so it is once its monitor has let go
 *     ² paused, where the row says so                           ³ long after its time, so it is: nobody is left who would start it
 */
import { MdkError } from "../../error.ts";
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
  restarting: { word: "restarting", unsettled: false },
  removing: { word: "removing", unsettled: true },
};

/** Of the phase `started`. */
const BEGUN: Readonly<Record<Condition["kind"], Word>> = { starting: "created", running: "running", ended: "exited", lost: "exited", aborted: "created" };

/** `condition` is read only where a start was begun. */
export function judge({ phase, paused }: { readonly phase: Phase; readonly paused: boolean }, condition: () => Pick<Condition, "kind"> & { readonly held?: boolean }): Verdict {
  if (phase !== "started") return AT_REST[phase];
  const seen = condition();
  const unsettled = seen.kind === "ended" ? seen.held !== true : seen.kind === "lost" || seen.kind === "aborted";
  const word = BEGUN[seen.kind];
  return { word: word === "running" && paused ? "paused" : word, unsettled };
}

/** Its processes are there. */
export const lives = (word: Word): boolean => word === "running" || word === "paused";

/** What Docker calls running: its processes are there, or will be again without its user's doing. */
export const isUp = (word: Word): boolean => lives(word) || word === "restarting";

/** Docker's sentence for a word that means none, and for one that is gone or goes; there is nothing left to be done with it. */
export const noSuchContainer = (word: string): MdkError => new MdkError("not-found", "no-such-container", `No such container: ${word}`);

/** For what needs its processes. */
export const restarting = (id: string): MdkError => new MdkError("conflict", "restarting", `Container ${id} is restarting, wait until the container is running`);
