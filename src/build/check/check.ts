/** `build --check`: everything that is wrong or doubtful in a Dockerfile, without building. */
import { DockerfileError } from "../language/error.ts";
import { parseDockerfile, type Dockerfile } from "../language/parse.ts";
import { readDirectives } from "../language/statements.ts";
import { refuseLater } from "../graph/order.ts";
import { planBuild, type BuildPlan, type PlanOptions } from "../graph/plan.ts";
import { globalScope, predefinedArguments, stageScope } from "../graph/scope.ts";
import type { BuildSource } from "../graph/sources.ts";
import type { IgnoreRules } from "../context/ignore.ts";
import { checkDefaults, checkFromWords } from "./bases.ts";
import { checkInstruction, checkStages } from "./form.ts";
import { CheckReport, type CheckWarning } from "./report.ts";
import { parseCheckSettings, type CheckSettings } from "./settings.ts";
import { checkSteps, type CheckContext, type StageState } from "./steps.ts";

/** What an image brings. */
export interface BaseFacts {
  /** "NAME=VALUE". */
  readonly environment: readonly string[];
  readonly hasShell: boolean;
  /** Its ONBUILD. */
  readonly triggers: readonly string[];
}

export interface CheckOptions extends Omit<PlanOptions, "triggersOf"> {
  /** Null: nobody knows it here, so nothing is said about variables above it. */
  readonly factsOf: (base: BuildSource) => BaseFacts | null;
  readonly ignore: IgnoreRules | null;
}

export interface CheckResult {
  /** In the order of their lines. */
  readonly warnings: readonly CheckWarning[];
  /** What the build would be refused for; the warnings are those up to there. Without a span: the warnings themselves, where the file says so. */
  readonly error: { readonly message: string; readonly span: DockerfileError["span"] | null } | null;
}

/** Without a target all stages are checked, with one those that it needs. */
export function checkDockerfile(text: string, options: CheckOptions): CheckResult {
  let report: CheckReport | null = null;
  const result = (error: CheckResult["error"]): CheckResult => ({ warnings: (report?.warnings ?? []).toSorted((a, b) => a.span.start.line - b.span.start.line), error });
  try {
    report = new CheckReport(settingsOf(text, options.buildArguments.get("BUILDKIT_DOCKERFILE_CHECK") ?? null));
    checkAll(text, report, options);
    return result(report.violation === null ? null : { message: report.violation, span: null });
  } catch (error) {
    if (error instanceof DockerfileError) return result({ message: error.message, span: error.span });
    throw error;
  }
}

/** What a build argument says takes the place of what the file says. */
function settingsOf(text: string, said: string | null): CheckSettings {
  try {
    return parseCheckSettings(said ?? readDirectives(text).check);
  } catch (error) {
    throw error instanceof DockerfileError ? error : new DockerfileError(`failed to parse check options: ${(error as Error).message}`, { start: { line: 1, column: 1 }, end: { line: 1, column: 1 } });
  }
}

function checkAll(text: string, report: CheckReport, options: CheckOptions): void {
  const dockerfile = parseDockerfile(text, {
    emptyLines: (lines) => {
      for (const line of lines) report.warn("NoEmptyContinuation", { start: { line, column: 1 }, end: { line, column: 1 } });
    },
    instruction: (instruction) => checkInstruction(report, instruction),
  });
  checkStages(report, dockerfile);
  const { escape } = dockerfile.directives;
  const predefined = predefinedArguments(options.platforms, options.target ?? dockerfile.stages.at(-1)!.from.name ?? "", options.buildArguments);
  checkDefaults(report, dockerfile, predefined);
  const globals = globalScope(dockerfile.arguments, predefined, options.buildArguments, escape);
  checkBases(report, dockerfile, globals, options);
  const plan = planBuild(dockerfile, { ...options, triggersOf: (base) => options.factsOf(base)?.triggers ?? [] });
  checkPlanned(plan, { report, globals, buildArguments: options.buildArguments, escape, ignore: options.ignore }, options);
}

function checkBases(report: CheckReport, { stages, directives: { escape } }: Dockerfile, globals: CheckContext["globals"], { platforms }: CheckOptions): void {
  for (const { from } of stages) {
    try {
      checkFromWords(report, from, globals, { escape, host: platforms.build });
    } catch {
      return; // the plan refuses it in its turn
    }
  }
}

function checkPlanned(plan: BuildPlan, context: CheckContext, { target, factsOf }: CheckOptions): void {
  const wanted = target === null ? plan.stages.map(({ index }) => index) : plan.needed;
  const states = new Map<number, StageState>();
  for (const index of wanted) {
    const stage = plan.stages[index]!;
    refuseLater([stage], plan.stages);
    const below = stage.base.kind === "stage" ? states.get(stage.base.index) : undefined;
    states.set(index, checkSteps(stage, below ?? stateOf(stage.base, factsOf), context));
  }
}

function stateOf(base: BuildSource, factsOf: CheckOptions["factsOf"]): StageState {
  const facts = base.kind === "scratch" ? { environment: [], hasShell: false, triggers: [] } : factsOf(base);
  return { scope: stageScope(facts?.environment ?? []), isKnown: facts !== null, hasShell: facts?.hasShell ?? false, hasWorkdir: false };
}
