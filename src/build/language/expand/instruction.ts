/** Which words of an instruction variables are replaced in (Dockerfile reference, "Environment replacement"), done when its stage's environment is known. */
import { DockerfileError } from "../error.ts";
import { parseRunMount, type RunMount } from "../instructions/mount.ts";
import { Budget } from "./budget.ts";
import { checkExposed } from "./ports.ts";
import type { Instruction, RunInstruction } from "../instructions/types.ts";
import { expandWord, type Lookup } from "./word.ts";

export interface Scope {
  readonly lookup: Lookup;
  /** What `# escape=` says. */
  readonly escape: string;
  /** Told of each variable that is not there. */
  readonly onUnset?: (name: string) => void;
  /** Of the whole Dockerfile; without it, of one instruction. */
  readonly budget?: Budget;
}

/**
 * The instruction with variables replaced and quotes taken away, where that is done at all: CMD, ENTRYPOINT, HEALTHCHECK, SHELL, ONBUILD and MAINTAINER
 * come out as they are, and so does RUN, whose variables are the shell's (its mounts: `mountsOf`). ARG comes out as it is too: what it declares depends on
 * --build-arg (build/graph/scope.ts). Throws DockerfileError at the instruction's place.
 */
export function expandInstruction<T extends Instruction>(instruction: T, scope: Scope): T {
  return located(instruction, () => expanded(instruction, { budget: new Budget(), ...scope }) as T);
}

/** The mounts of a RUN, in their order. Throws DockerfileError. */
export function mountsOf(run: RunInstruction, scope: Scope): RunMount[] {
  return located(run, () => run.mounts.map((text) => parseRunMount(text, (value) => word(value, scope))));
}

/** One word of an instruction by its scope. Throws an Error in BuildKit's words. */
export function word(text: string, { lookup, escape, onUnset, ...budget }: Scope): string {
  const { text: result, unmatched } = expandWord(text, lookup, { escape, ...budget });
  if (onUnset !== undefined) unmatched.forEach(onUnset);
  return result;
}

function located<T>({ span }: Instruction, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof DockerfileError ? error : new DockerfileError((error as Error).message, span, error);
  }
}

function expanded(instruction: Instruction, scope: Scope): Instruction {
  const one = (text: string): string => word(text, scope);
  const maybe = (text: string | null): string | null => (text === null ? null : one(text));
  switch (instruction.kind) {
    case "env": case "label":
      return { ...instruction, pairs: instruction.pairs.map(({ name, value, isLegacy }) => ({ name: one(name), value: one(value), isLegacy })) };
    case "copy": case "add": {
      const { chown, chmod, sources, destination, inline } = instruction;
      const files = {
        chown: maybe(chown), chmod: maybe(chmod), sources: sources.map(one), destination: one(destination),
        inline: inline.map((file) => (file.expands ? { ...file, content: document(file.content, scope) } : file)),
      };
      return instruction.kind === "copy" ? { ...instruction, ...files } : { ...instruction, ...files, checksum: maybe(instruction.checksum) };
    }
    case "expose":
      return { ...instruction, ports: checkExposed(instruction.ports.flatMap((text) => expandWord(text, scope.lookup, scope).words)) };
    case "volume": {
      const paths = instruction.paths.map(one);
      if (paths.includes("")) throw new Error("VOLUME specified can not be an empty string");
      return { ...instruction, paths };
    }
    case "user": case "workdir": case "stopsignal":
      return { ...instruction, value: one(instruction.value) };
    default:
      return instruction;
  }
}

/** A heredoc's escapes are always "\", and its quotes are text. */
function document(text: string, { lookup, onUnset, budget }: Scope): string {
  const { text: result, unmatched } = expandWord(text, lookup, { ignoreQuotes: true, ...(budget === undefined ? {} : { budget }) });
  if (onUnset !== undefined) unmatched.forEach(onUnset);
  return result;
}
