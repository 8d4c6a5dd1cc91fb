/** --change of `commit` and `import`: lines of a Dockerfile that change an image's config and nothing else (moby, daemon/commit.go and builder/dockerfile/builder.go). Pure. */
import { posix } from "node:path";
import { DockerfileError } from "../../build/language/error.ts";
import { Budget } from "../../build/language/expand/budget.ts";
import { expandInstruction } from "../../build/language/expand/instruction.ts";
import { parseInstruction } from "../../build/language/instructions/parse.ts";
import type { FromInstruction, Instruction } from "../../build/language/instructions/types.ts";
import { readStatements } from "../../build/language/statements.ts";
import { MdkError } from "../../error.ts";
import type { ContainerDefaults } from "../../image/config.ts";
import { changedConfig, isSaying } from "./config-change.ts";

const ALLOWED: ReadonlySet<string> = new Set(["cmd", "entrypoint", "env", "expose", "healthcheck", "label", "onbuild", "user", "volume", "workdir"]);

/** The config after all lines, in their order. Throws MdkError "invalid-change" in Docker's words. */
export function applyChanges(config: ContainerDefaults, changes: readonly string[]): ContainerDefaults {
  if (changes.length === 0) return config;
  try {
    const { directives: { escape }, statements } = readStatements(changes.join("\n"));
    const unknown = statements.find(({ keyword }) => !ALLOWED.has(keyword.toLowerCase()));
    if (unknown !== undefined) throw invalid(`${unknown.keyword.toLowerCase()} is not a valid change command`);
    const instructions = statements.map((statement) => parseInstruction(statement, { isTrigger: true }));
    return applied(config, instructions.map(withoutShell), escape);
  } catch (error) {
    throw error instanceof DockerfileError ? invalid(error.message, error) : error;
  }
}

/** A program without a word is none, and not an empty line for the shell. */
function withoutShell(instruction: FromInstruction | Instruction): Instruction {
  if (instruction.kind !== "cmd" && instruction.kind !== "entrypoint") return instruction as Instruction;
  const { words, isExecForm } = instruction.command;
  return { ...instruction, command: { words, isExecForm: isExecForm || words.length === 0 } };
}

function applied(config: ContainerDefaults, instructions: readonly Instruction[], escape: string): ContainerDefaults {
  let commandSet = false;
  const budget = new Budget();
  return instructions.reduce((before, written) => {
    const environment = new Map(before.Env.map((entry) => [entry.split("=", 1)[0]!, entry.slice(entry.indexOf("=") + 1)]));
    const instruction = expandInstruction(written, { lookup: (name) => environment.get(name), escape, budget });
    commandSet ||= instruction.kind === "cmd";
    if (instruction.kind === "workdir") return { ...before, WorkingDir: posix.resolve("/", before.WorkingDir, instruction.value) };
    if (instruction.kind === "env") {
      for (const { name, value } of instruction.pairs) environment.set(name, value);
      return { ...before, Env: [...environment].map(([name, value]) => `${name}=${value}`) };
    }
    if (!isSaying(instruction)) return before;
    const after = changedConfig(before, instruction, commandSet);
    return after.Entrypoint?.length === 0 ? { ...after, Entrypoint: null } : after;
  }, config);
}

function invalid(message: string, cause?: unknown): MdkError {
  return new MdkError("invalid", "invalid-change", message, { cause });
}
