/** The stages of a build: each begins when those that it needs are there, so that independent ones run at once; an instruction at a time within one. */
import { withoutPasswords } from "../../build/context/remote.ts";
import type { PlannedStage, PlannedStep } from "../../build/graph/planned.ts";
import { locatedAt } from "../../build/language/error.ts";
import { expandInstruction } from "../../build/language/expand/instruction.ts";
import type { AddInstruction, CopyInstruction, Instruction, RunInstruction, SingleInstruction } from "../../build/language/instructions/types.ts";
import { platformName } from "../../image/platform.ts";
import type { Building, Staged, StepContext } from "./building.ts";
import { copyStep, workdirStep } from "./file-step.ts";
import { runStep } from "./run-step.ts";
import { baseImage } from "./sources.ts";
import { applySetting, type Setting } from "./settings.ts";
import type { StageImage } from "./stage-image.ts";

/** The image of the target stage. Throws the first error; the other stages are given up then. */
export async function buildStages(building: Building, plan: Staged["plan"]): Promise<StageImage> {
  const begun = new Map<number, Promise<StageImage>>();
  const staged: Staged = {
    ...building, plan,
    stage(index) {
      const known = begun.get(index);
      if (known !== undefined) return known;
      const made = buildStage(staged, plan.stages[index]!);
      begun.set(index, made);
      // Whoever needs it hears of its failure; before anybody does, it is no unhandled one.
      made.catch((error: unknown) => building.abort.abort(error));
      return made;
    },
  };
  const all = plan.needed.map((index) => staged.stage(index));
  // All have ended before anybody is told: nothing is left behind that still works.
  const ends = await Promise.allSettled(all);
  const failure = ends.find(({ status }) => status === "rejected");
  if (failure !== undefined) throw building.abort.signal.aborted ? building.abort.signal.reason : (failure as PromiseRejectedResult).reason;
  return staged.stage(plan.target);
}

async function buildStage(staged: Staged, stage: PlannedStage): Promise<StageImage> {
  let image = await baseImage(staged, stage.base, stage);
  const counted = stage.steps.filter(({ instruction }) => makesFiles(instruction)).length + 1;
  let number = 1;
  if (stage.base.kind === "image") staged.progress.step(`[${labelOf(staged, stage)}1/${counted}] FROM ${stage.base.reference}`).cached();
  for (const step of stage.steps) {
    staged.abort.signal.throwIfAborted();
    if (makesFiles(step.instruction)) number++;
    image = await applyStep(staged, image, step, { stage, label: `${labelOf(staged, stage)}${number}/${counted}` });
  }
  return image;
}

type FileInstruction = RunInstruction | CopyInstruction | AddInstruction | (SingleInstruction & { readonly kind: "workdir" });

const makesFiles = (instruction: Instruction): instruction is FileInstruction => ["run", "copy", "add", "workdir"].includes(instruction.kind);

/** "build " before the numbers, where there is more than one stage, or the only one has a name; of several platforms the stage's own and what it is for. */
function labelOf({ plan, platform: target, request }: Pick<Staged, "plan" | "platform" | "request">, { name, stage, platform }: PlannedStage): string {
  const [own, wanted] = [platformName(platform ?? target), platformName(target)];
  const platforms = request.platforms.length === 1 ? "" : own === wanted ? `${own} ` : `${own}->${wanted} `;
  return `${platforms}${plan.stages.length > 1 || stage.from.name !== null ? `${name} ` : ""}`;
}

interface Placed {
  readonly stage: PlannedStage;
  /** "build 2/3". */
  readonly label: string;
}

async function applyStep(staged: Staged, image: StageImage, step: PlannedStep, { stage, label }: Placed): Promise<StageImage> {
  const { escape, request, plan, progress } = staged;
  const scope = { lookup: (name: string) => image.scope.variables.get(name), escape, budget: plan.globals.budget };
  const instruction = expandInstruction(step.instruction, scope);
  if (!makesFiles(instruction)) return at(step, () => applySetting(image, instruction as Setting, { globals: plan.globals, buildArguments: request.buildArguments, escape }));
  const description = `[${label}] ${withoutPasswords(step.instruction.source)}`;
  const shown = progress.step(description);
  const anew = request.noCache === true || (request.noCache !== false && request.noCache.includes(stage.name));
  const doing: StepContext = { step, shown, description, anew };
  try {
    switch (instruction.kind) {
      case "run":
        return await runStep(staged, image, instruction, doing);
      case "copy": case "add":
        return await copyStep(staged, image, instruction, doing);
      default:
        return await workdirStep(staged, image, instruction.value, doing);
    }
  } catch (error) {
    shown.failed(error);
    throw locatedAt(step.instruction.span, error);
  }
}

function at<T>({ instruction: { span } }: PlannedStep, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw locatedAt(span, error);
  }
}
