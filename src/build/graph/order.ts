/** What may not be between stages: circles, and a stage that needs a later one. */
import { DockerfileError } from "../language/error.ts";
import type { Instruction } from "../language/instructions/types.ts";
import { mountFrom } from "../language/instructions/mount.ts";
import { quote } from "../language/text.ts";
import type { PlannedStage } from "./planned.ts";

interface Need {
  readonly index: number;
  readonly instruction: Instruction;
  /** Which of the instruction's sources it is. */
  readonly at: number;
}

/** By its instructions; what it stands on is always further up. */
function needsOf({ steps }: PlannedStage): Need[] {
  return steps.flatMap(({ instruction, sources }) => sources.flatMap((source, at) => (source?.kind === "stage" ? [{ index: source.index, instruction, at }] : [])));
}

/** Throws DockerfileError at the instruction that closes the circle, whether or not anybody needs its stage. */
export function refuseCircles(stages: readonly PlannedStage[]): void {
  const done = new Set<number>();
  for (const { index: root, name } of stages) {
    // The way from the root, each stage with the needs that are still to be followed.
    const way: { readonly index: number; readonly open: Need[] }[] = [];
    const onWay = new Set<number>();
    const enter = (index: number): void => {
      if (done.has(index)) return;
      done.add(index);
      onWay.add(index);
      way.push({ index, open: needsOf(stages[index]!) });
    };
    enter(root);
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const need = last.open.shift();
      if (need === undefined) onWay.delete(way.pop()!.index);
      else if (onWay.has(need.index)) throw new DockerfileError(`circular dependency detected on stage: ${name}`, need.instruction.span);
      else enter(need.index);
    }
  }
}

/** Throws DockerfileError for the first of the stages that takes from one further down. */
export function refuseLater(needed: readonly PlannedStage[], all: readonly PlannedStage[]): void {
  for (const stage of needed) {
    const later = needsOf(stage).find(({ index }) => index > stage.index);
    if (later === undefined) continue;
    const { instruction, at } = later;
    const source = instruction.kind === "run" ? mountFrom(instruction.mounts[at] ?? "") : instruction.kind === "copy" ? instruction.from : null;
    const from = quote(source ?? all[later.index]!.name);
    throw new DockerfileError(instruction.kind === "run"
      ? `cannot mount from stage ${from}, stage needs to be defined before current command`
      : `cannot copy from stage ${from}, it needs to be defined before current stage ${quote(stage.name)}`, instruction.span);
  }
}
