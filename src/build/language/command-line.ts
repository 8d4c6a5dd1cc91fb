/** What is executed: the words of RUN, CMD and ENTRYPOINT with the stage's shell, and the file that a heredoc of RUN becomes. */
import { heredocText, parseHeredoc } from "./heredoc.ts";
import type { CommandLine, RunInstruction } from "./instructions/types.ts";

export const DEFAULT_SHELL: readonly string[] = ["/bin/sh", "-c"];
/** Where a RUN sees the scripts of its heredocs. */
const SCRIPTS = "/dev/pipes/";

/** Of CMD and ENTRYPOINT. `shell`: what SHELL has said, or DEFAULT_SHELL. An empty list: nothing is executed, whatever was inherited. */
export function programWords({ words, isExecForm }: CommandLine, shell: readonly string[]): readonly string[] {
  return isExecForm ? words : [...shell, words.join(" ")];
}

export interface Executed {
  readonly words: readonly string[];
  /** Executable by all (0755), and there for this RUN only; null: there is none. */
  readonly script: { readonly path: string; readonly content: string } | null;
}

/**
 * Of RUN. A heredoc that is the whole line is what the shell executes, or a program of its own where it begins with "#!". One within a line is the
 * shell's: it gets line and documents as they stand, and expands and strips them itself.
 */
export function executedBy({ command, heredocs }: RunInstruction, shell: readonly string[]): Executed {
  const [first] = heredocs;
  const line = command.words.join(" ");
  if (first === undefined) return { words: programWords(command, shell), script: null };
  if (parseHeredoc(line) === null) {
    const documents = heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { words: [...shell, `${line}${documents.join("")}`], script: null };
  }
  const content = heredocText(first);
  if (!content.startsWith("#!")) return { words: [...shell, content], script: null };
  const path = `${SCRIPTS}${first.name}`;
  return { words: [...shell, path], script: { path, content } };
}
