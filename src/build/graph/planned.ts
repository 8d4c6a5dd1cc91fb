/** Stages and steps of a plan. */
import type { Platform } from "../../image/platform.ts";
import type { Instruction } from "../language/instructions/types.ts";
import type { Stage } from "../language/parse.ts";
import type { BuildSource } from "./sources.ts";

export interface PlannedStep {
  readonly instruction: Instruction;
  /** It comes from an ONBUILD of the base. */
  readonly isTrigger: boolean;
  /** COPY: where from, nothing for the build context. RUN: one for each of its mounts, null for the build context or nothing. */
  readonly sources: readonly (BuildSource | null)[];
}

export interface PlannedStage {
  readonly index: number;
  /** "stage-2" where it has none of its own. */
  readonly name: string;
  readonly stage: Stage;
  /** A named context of the stage's own name takes the place of all that the stage says. */
  readonly base: BuildSource;
  /** Of FROM --platform; null: the target's, or its base stage's. */
  readonly platform: Platform | null;
  readonly steps: readonly PlannedStep[];
  /** The stages that it takes from or stands on, in their order. */
  readonly needs: readonly number[];
}
