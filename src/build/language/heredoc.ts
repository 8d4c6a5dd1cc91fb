/** Here-documents: "<<EOF" in a line of RUN, COPY or ADD, and the lines up to the one that says EOF (Dockerfile reference, "Here-Documents"). */
import { expandWord } from "./expand/word.ts";

export interface Heredoc {
  /** What ends it, and the name of the file that it makes. */
  readonly name: string;
  /** The name is not quoted: variables in the content are expanded, where the instruction does that. */
  readonly expands: boolean;
  /** "<<-": tabs at the beginning of lines are none of the content. */
  readonly stripsTabs: boolean;
  /** As it stands in the file, tabs too: `heredocText` takes them away. */
  readonly content: string;
}

const HEREDOC = /^\d*<<(-?)\s*([^<]*)$/;
const nothing = (): undefined => undefined;

/** The heredoc that a word begins, its content still to be read; null: it begins none. Throws an Error for quotes without an end. */
export function parseHeredoc(word: string): Heredoc | null {
  const [, dash = "", rest = ""] = HEREDOC.exec(word) ?? [];
  if (rest === "") return null;
  const { words } = expandWord(rest, nothing, { keepUnset: true });
  const [name] = words;
  if (name === undefined || words.length !== 1) return null;
  const [raw = ""] = expandWord(rest, nothing, { keepUnset: true, keepQuotes: true }).words;
  return { name, expands: quotesIn(raw) === quotesIn(name), stripsTabs: dash === "-", content: "" };
}

function quotesIn(text: string): number {
  return text.split(/['"]/).length - 1;
}

/** Those that a line begins, in their order. Throws as parseHeredoc does. */
export function heredocsOf(line: string): Heredoc[] {
  if (!line.includes("<<")) return [];
  let words: readonly string[] = [];
  try {
    ({ words } = expandWord(line, nothing, { keepUnset: true, keepQuotes: true, keepEscapes: true }));
  } catch {
    // A line for the shell may have quotes that only the shell understands: then it has no heredocs.
  }
  return words.map(parseHeredoc).filter((heredoc) => heredoc !== null);
}

/** The content as whoever reads it gets it. */
export function heredocText({ content, stripsTabs }: Heredoc): string {
  return stripsTabs ? content.replace(/^\t+/gm, "") : content;
}
