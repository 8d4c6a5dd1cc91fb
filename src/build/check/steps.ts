/** Checks of the instructions of a stage, one after the other, with the variables that each one sees. */
import { posix } from "node:path";
import type { IgnoreRules } from "../context/ignore.ts";
import { SCANNER_ARGUMENTS, withArguments, withEnvironment, type BuildArguments, type GlobalScope, type StageScope } from "../graph/scope.ts";
import type { PlannedStage } from "../graph/planned.ts";
import { expandInstruction, mountsOf, type Scope } from "../language/expand/instruction.ts";
import { parseExposed } from "../language/expand/ports.ts";
import type { AddInstruction, CopyInstruction, ExposeInstruction, HealthcheckInstruction, Instruction, PairsInstruction, ProgramInstruction } from "../language/instructions/types.ts";
import { suggestion } from "../language/text.ts";
import type { CheckReport } from "./report.ts";

/** What a stage leaves to those that stand on it. */
export interface StageState {
  readonly scope: StageScope;
  /** False: the environment of the image below is not known, and so a variable may be there that nobody declares. */
  readonly isKnown: boolean;
  readonly hasShell: boolean;
  readonly hasWorkdir: boolean;
}

export interface CheckContext {
  readonly report: CheckReport;
  readonly globals: GlobalScope;
  readonly buildArguments: BuildArguments;
  readonly escape: string;
  /** Of the build context; null: it has none. */
  readonly ignore: IgnoreRules | null;
}

/** Begun with the state of what the stage stands on. Throws DockerfileError for what the build would refuse. */
export function checkSteps(stage: PlannedStage, base: StageState, context: CheckContext): StageState {
  const once = new Map<string, Instruction>();
  let state = base;
  for (const { instruction } of stage.steps) state = checkStep(instruction, state, once, context);
  return state;
}

/** Variables and quotes of it are replaced first: what they hide is checked as well. */
function checkStep(written: Instruction, state: StageState, once: Map<string, Instruction>, context: CheckContext): StageState {
  const { report } = context;
  const onUnset = unsetReporter(written, state, context);
  const scope: Scope = { lookup: (name) => state.scope.variables.get(name), escape: context.escape, onUnset, budget: context.globals.budget };
  const instruction = expandInstruction(written, scope);
  switch (instruction.kind) {
    case "arg":
      for (const { name } of instruction.declared) checkSecret(report, instruction, "ARG", name);
      return { ...state, scope: withArguments(state.scope, instruction, { ...context, onUnset }) };
    case "env":
      checkPairs(report, instruction);
      return { ...state, scope: withEnvironment(state.scope, instruction.pairs) };
    case "label":
      checkPairs(report, instruction);
      return state;
    case "run":
      mountsOf(instruction, scope);
      return state;
    case "copy": case "add":
      checkSources(report, instruction, context.ignore);
      return state;
    case "expose":
      checkPorts(report, instruction);
      return state;
    case "cmd": case "entrypoint": case "healthcheck":
      checkProgram(report, instruction, state, once);
      return state;
    case "shell":
      return { ...state, hasShell: true };
    case "workdir":
      if (!state.hasWorkdir && !instruction.value.startsWith("/")) report.warnOf("WorkdirRelativePath", instruction, instruction.value);
      return { ...state, hasWorkdir: true };
    default:
      return state;
  }
}

function unsetReporter(instruction: Instruction, { scope, isKnown }: StageState, { report }: CheckContext): (name: string) => void {
  // Declared without a value it is no mistake. What is declared by this very instruction is not declared yet.
  return (name) => {
    if (!isKnown || scope.declared.has(name) || SCANNER_ARGUMENTS.has(name)) return;
    report.warnOf("UndefinedVar", instruction, name, suggestion(name, scope.variables.keys(), { form: (meant) => ` (did you mean $${meant}?)` }));
  };
}

function checkPairs(report: CheckReport, instruction: PairsInstruction): void {
  for (const { name, isLegacy } of instruction.pairs) {
    if (isLegacy) report.warnOf("LegacyKeyValueFormat", instruction, instruction.keyword);
    if (instruction.kind === "env") checkSecret(report, instruction, "ENV", name);
  }
}

/** Words of a name, between "_" or its ends, that say what its value is; and those that say that it is none. */
const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i;

function checkSecret(report: CheckReport, instruction: Instruction, keyword: string, name: string): void {
  if (SECRET.test(name) && !HARMLESS.test(name)) report.warnOf("SecretsUsedInArgOrEnv", instruction, keyword, name);
}

/** With "!" patterns nothing can be said without the files. */
function checkSources(report: CheckReport, instruction: CopyInstruction | AddInstruction, ignore: IgnoreRules | null): void {
  if (ignore === null || ignore.hasInclusions || (instruction.kind === "copy" && instruction.from !== null)) return;
  for (const source of instruction.sources) {
    if (/^(https?|git|ssh):\/\/|^git@/.test(source)) continue;
    const path = posix.normalize(source).replace(/(?<=.)\/$/, "");
    // "." is the context itself, which only a pattern for everything leaves out.
    if ((path === "." || path === "/") && !ignore.ignoresEverything) continue;
    if (ignore.at(path, null).isIgnored) report.warnOf("CopyIgnoredFile", instruction, instruction.kind === "add" ? "Add" : "Copy", path);
  }
}

function checkPorts(report: CheckReport, instruction: ExposeInstruction): void {
  for (const port of instruction.ports) {
    const { protocol, namesHost } = parseExposed(port);
    if (protocol !== protocol.toLowerCase()) report.warnOf("ExposeProtoCasing", instruction, port);
    if (namesHost) report.warnOf("ExposeInvalidFormat", instruction, port);
  }
}

/** Of several the last one counts, and the others are told of. */
function checkProgram(report: CheckReport, instruction: ProgramInstruction | HealthcheckInstruction, { hasShell }: StageState, once: Map<string, Instruction>): void {
  const before = once.get(instruction.kind);
  if (before !== undefined) report.warnOf("MultipleInstructionsDisallowed", { span: before.span, comments: instruction.comments }, instruction.keyword);
  once.set(instruction.kind, instruction);
  if (instruction.kind !== "healthcheck" && !instruction.command.isExecForm && !hasShell) report.warnOf("JSONArgsRecommended", instruction, instruction.keyword);
}
