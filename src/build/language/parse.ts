/** A Dockerfile, read whole: directives, the arguments before the first FROM, stages. */
import { DockerfileError, spanAt } from "./error.ts";
import { parseInstruction } from "./instructions/parse.ts";
import { readStatements, spanFrom } from "./statements.ts";
import type { Directives } from "./directives.ts";
import type { Span } from "./error.ts";
import type { ArgInstruction, FromInstruction, Instruction } from "./instructions/types.ts";

export interface Stage {
  readonly from: FromInstruction;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  readonly directives: Directives;
  /** Before the first FROM: the global scope. */
  readonly arguments: readonly ArgInstruction[];
  /** At least one. */
  readonly stages: readonly Stage[];
}

/** Is told of what there is while it is read, before what comes later is found to be wrong. */
export interface ParseObserver {
  /** Last lines of instructions that have empty lines between continued ones. */
  readonly emptyLines: (lines: readonly number[]) => void;
  readonly instruction: (instruction: FromInstruction | Instruction) => void;
}

/**
 * Throws DockerfileError, in BuildKit's words, for the first thing that is wrong: what no instruction can be read from goes before what makes no sense
 * within one, wherever it stands. `text`: a byte order mark in front is none of it.
 */
export function parseDockerfile(text: string, observer?: ParseObserver): Dockerfile {
  if (text === "") throw new DockerfileError("the Dockerfile cannot be empty", spanAt({ line: 1, column: 1 }));
  const { directives, statements } = readStatements(text);
  observer?.emptyLines(statements.filter(({ line }) => line.hasEmptyLine).map(({ line }) => line.last));
  const globals: ArgInstruction[] = [];
  const stages: { from: FromInstruction; instructions: Instruction[] }[] = [];
  for (const statement of statements) {
    const instruction = parseInstruction(statement);
    observer?.instruction(instruction);
    const stage = stages.at(-1);
    if (instruction.kind === "from") stages.push({ from: instruction, instructions: [] });
    else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === "arg") globals.push(instruction);
    else throw new DockerfileError("no build stage in current context", spanFrom(statement, statement.at));
  }
  if (stages.length === 0) throw new DockerfileError("dockerfile contains no stages to build", spanAt({ line: 1, column: 1 }));
  return { directives, arguments: globals, stages };
}

/**
 * One instruction that an image holds back for those who build on it (its config's OnBuild). `span`: of the FROM that brings it, to which its errors
 * are laid. Throws DockerfileError.
 */
export function parseTrigger(text: string, span: Span): Instruction {
  try {
    const { statements } = readStatements(text);
    const [statement] = statements;
    if (statement === undefined || statements.length !== 1) throw new DockerfileError("onbuild trigger should be a single expression", span);
    const instruction = parseInstruction(statement, { isTrigger: true });
    if (instruction.kind === "from") throw new DockerfileError("FROM isn't allowed as an ONBUILD trigger", span);
    return { ...instruction, span };
  } catch (error) {
    throw error instanceof DockerfileError ? new DockerfileError(error.message, span, error) : error;
  }
}
