/**
 * What a build needs: each stage with what it stands on and what its instructions take from elsewhere, resolved, and which of the stages the target needs.
 * Pure: images are named here, not looked for.
 */
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { parsePlatform, type Platform } from "../../image/platform.ts";
import { DockerfileError, spanAt, type Span } from "../language/error.ts";
import { expandWord } from "../language/expand/word.ts";
import { mountsOf } from "../language/expand/instruction.ts";
import { parseTrigger, type Dockerfile, type Stage } from "../language/parse.ts";
import { quote, suggestion } from "../language/text.ts";
import type { Instruction } from "../language/instructions/types.ts";
import { globalScope, predefinedArguments, type BuildArguments, type BuildPlatforms, type GlobalScope } from "./scope.ts";
import { contextNames, sourcesOf, type BuildSource, type Names } from "./sources.ts";
import { refuseCircles, refuseLater } from "./order.ts";
import type { PlannedStage, PlannedStep } from "./planned.ts";

export interface BuildPlan {
  readonly stages: readonly PlannedStage[];
  readonly target: number;
  /** What is to be run, each after what it needs: with the target, which is the last one. */
  readonly needed: readonly number[];
  readonly globals: GlobalScope;
}

export interface PlanOptions {
  readonly buildArguments: BuildArguments;
  /** --target; null: the last stage. */
  readonly target: string | null;
  readonly platforms: BuildPlatforms;
  /** Names of --build-context. */
  readonly contexts: Iterable<string>;
  /** Config.OnBuild of what a stage stands on: known after the images are, so that a plan may be made twice. Never asked for a stage. */
  readonly triggersOf?: (base: BuildSource, platform: Platform | null) => readonly string[];
}

/**
 * Throws DockerfileError in BuildKit's words: names and platforms of FROM that are none, a target, a stage or an index that there is not, stages in a
 * circle, one that needs a later one, and mounts that are wrong whatever their variables are.
 */
export function planBuild(dockerfile: Dockerfile, options: PlanOptions): BuildPlan {
  const { escape } = dockerfile.directives;
  const predefined = predefinedArguments(options.platforms, options.target ?? dockerfile.stages.at(-1)!.from.name ?? "", options.buildArguments);
  const globals = globalScope(dockerfile.arguments, predefined, options.buildArguments, escape);
  const names: Names = { contexts: contextNames(options.contexts), stages: new Map(), count: dockerfile.stages.length };
  const bases = dockerfile.stages.map((stage, index) => {
    const base = baseOf(stage, { names, globals, escape, host: options.platforms.build });
    // Only stages further down see the name; of two with one name they see the later one.
    if (stage.from.name !== null) names.stages.set(stage.from.name, index);
    return base;
  });
  const target = targetOf(dockerfile, options.target, names.stages);
  const drafts = dockerfile.stages.map((stage, index): PlannedStage => {
    const steps = bases[index]!.isReplaced ? [] : stage.instructions.map((instruction) => stepOf(instruction, names, escape));
    return withNeeds({ index, name: stage.from.name ?? `stage-${index}`, stage, base: bases[index]!.base, platform: bases[index]!.platform, steps, needs: [] });
  });
  refuseCircles(drafts);
  const { stages, needed } = withTriggers(drafts, target, { names, escape, triggersOf: options.triggersOf ?? (() => []) });
  refuseCircles(stages); // what a trigger takes may be of its own stage
  const order = [...needed].sort((a, b) => a - b);
  refuseLater(order.map((index) => stages[index]!), stages);
  for (const index of order) for (const { instruction } of stages[index]!.steps) checkMounts(instruction, escape);
  return { stages, target, needed: order, globals };
}

interface BaseContext {
  readonly names: Names;
  readonly globals: GlobalScope;
  readonly escape: string;
  readonly host: Platform;
}

interface ResolvedBase {
  readonly base: BuildSource;
  readonly platform: Platform | null;
  /** By a named context. */
  readonly isReplaced: boolean;
}

function baseOf({ from }: Stage, { names, globals, escape, host }: BaseContext): ResolvedBase {
  const expand = (text: string): ReturnType<typeof expandWord> => located(from.span, () => expandWord(text, (name) => globals.values.get(name), { escape, budget: globals.budget }));
  const { text } = expand(from.base);
  if (text === "") throw new DockerfileError(`base name (${from.base}) should not be blank`, from.span);
  const platform = from.platform === null ? null : platformOf(from.platform, expand(from.platform), { globals, host, span: from.span });
  if (from.name !== null && names.contexts.has(from.name)) return { base: { kind: "context", name: from.name }, platform, isReplaced: true };
  // The name of a stage is in lower case, and here that is how it must be written.
  const stage = names.stages.get(text);
  if (stage !== undefined) return { base: { kind: "stage", index: stage }, platform, isReplaced: false };
  return { base: elsewhere(text, names, from.span), platform, isReplaced: false };
}

function platformOf(written: string, { text, unmatched }: ReturnType<typeof expandWord>, { globals, host, span }: { globals: GlobalScope; host: Platform; span: Span }): Platform {
  const hint = [...unmatched].map((name) => suggestion(name, globals.values.keys())).find((found) => found !== "") ?? "";
  if (text === "") throw new DockerfileError(`empty platform value from expression ${written}${hint}`, span);
  try {
    return parsePlatform(text, host);
  } catch (error) {
    throw new DockerfileError(`failed to parse platform ${written}: ${(error as Error).message}${hint}`, span, error);
  }
}

/** What is no stage: nothing, a named context or an image. */
function elsewhere(text: string, { contexts }: Pick<Names, "contexts">, span: Span): BuildSource {
  if (text === "scratch") return { kind: "scratch" };
  let reference: string;
  try {
    reference = canonicalName(withDefaultTag(parseReference(text)));
  } catch (error) {
    throw new DockerfileError(`failed to parse stage name ${quote(text)}: ${(error as Error).message}`, span, error);
  }
  const [name] = contextNames([text]);
  return name !== undefined && contexts.has(name) ? { kind: "context", name } : { kind: "image", reference, written: text };
}

function located<T>(span: Span, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof DockerfileError ? error : new DockerfileError((error as Error).message, span, error);
  }
}

function targetOf({ stages }: Dockerfile, target: string | null, names: ReadonlyMap<string, number>): number {
  if (target === null) return stages.length - 1;
  const index = names.get(target.toLowerCase());
  if (index !== undefined) return index;
  throw new DockerfileError(`target stage ${quote(target)} could not be found${suggestion(target, names.keys())}`, spanAt({ line: 1, column: 1 }));
}

function stepOf(instruction: Instruction, names: Names, escape: string, isTrigger = false): PlannedStep {
  const find = (text: string): BuildSource => elsewhere(text, names, instruction.span);
  return { instruction, isTrigger, sources: located(instruction.span, () => sourcesOf(instruction, { names, escape, elsewhere: find })) };
}

function withNeeds(stage: PlannedStage): PlannedStage {
  const found = [stage.base, ...stage.steps.flatMap(({ sources }) => sources)].flatMap((source) => (source?.kind === "stage" ? [source.index] : []));
  return { ...stage, needs: [...new Set(found)].sort((a, b) => a - b) };
}

interface TriggerContext {
  readonly names: Names;
  readonly escape: string;
  readonly triggersOf: NonNullable<PlanOptions["triggersOf"]>;
}

/** ONBUILD's of what the needed stages stand on go before their own; with them more stages may be needed. */
function withTriggers(drafts: readonly PlannedStage[], target: number, { names, escape, triggersOf }: TriggerContext): { readonly stages: PlannedStage[]; readonly needed: ReadonlySet<number> } {
  const stages = [...drafts];
  const needed = new Set<number>();
  const waiting = [target];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    if (needed.has(index)) continue;
    needed.add(index);
    const { base, stage: { from }, platform, steps } = stages[index]!;
    const texts = base.kind === "stage" ? drafts[base.index]!.steps.flatMap(({ instruction }) => (instruction.kind === "onbuild" ? [instruction.expression] : [])) : triggersOf(base, platform);
    const triggers = texts.map((text) => stepOf(parseTrigger(text, from.span), names, escape, true));
    const whole = withNeeds({ ...stages[index]!, steps: [...triggers, ...steps] });
    stages[index] = whole;
    waiting.push(...whole.needs);
  }
  return { stages, needed };
}

/** Before anything runs: what no variable can make right. */
function checkMounts(instruction: Instruction, escape: string): void {
  if (instruction.kind !== "run") return;
  const plain = instruction.mounts.filter((text) => !text.includes("$"));
  mountsOf({ ...instruction, mounts: plain }, { lookup: () => undefined, escape });
}
