/** A Dockerfile as statements: keyword, flags, words and heredocs of each instruction; whether they make sense is said in instructions/. */
import { DockerfileError, spanAt, type Span } from "./error.ts";
import type { Directives } from "./directives.ts";
import { splitFlags, type FlagWord } from "./flags.ts";
import { heredocsOf, type Heredoc } from "./heredoc.ts";
import { LogicalLineReader, type LogicalLine } from "./lines.ts";
import { isSpace, trim } from "./text.ts";
import { BLANKS, parseExecForm, splitBlanks, splitPairs, splitQuoted, type Pair } from "./words.ts";

export interface Statement {
  /** As it is written. */
  readonly keyword: string;
  readonly flags: readonly FlagWord[];
  /** What the instruction's way of splitting makes of its arguments. */
  readonly words: readonly FlagWord[];
  /** ENV and LABEL: instead of words. */
  readonly pairs: readonly Pair[];
  /** The arguments were a JSON array. */
  readonly isExecForm: boolean;
  /** ONBUILD: what it holds back. */
  readonly trigger: Statement | null;
  readonly heredocs: readonly Heredoc[];
  readonly line: LogicalLine;
  /** The line without blanks around it, as the history of images shows it. */
  readonly source: string;
  /** Where the keyword is in the line. */
  readonly at: number;
}

export interface Statements {
  readonly directives: Directives;
  readonly statements: readonly Statement[];
}

const TAKES_HEREDOCS: ReadonlySet<string> = new Set(["run", "copy", "add"]);

/** Throws DockerfileError for what no instruction can be read from: directives, JSON of other things than strings, heredocs without an end. */
export function readStatements(text: string): Statements {
  const reader = new LogicalLineReader(text);
  const statements: Statement[] = [];
  for (let line = reader.next(); line !== null; line = reader.next()) {
    const bare = parse(line, 0, reader.directives.escape);
    const heredocs = takesHeredocs(bare) ? readHeredocs(reader, line) : [];
    statements.push({ ...bare, heredocs });
  }
  if (statements.length === 0) throw new DockerfileError("file with no instructions", spanAt({ line: Math.max(reader.line, 1), column: 1 }));
  return { directives: reader.directives, statements };
}

/** What stands before everything else. Throws DockerfileError for directives that are wrong, and for lines that are too long. */
export function readDirectives(text: string): Directives {
  const reader = new LogicalLineReader(text);
  reader.next();
  return reader.directives;
}

/** From where a word of the statement begins to the end of the statement. */
export function spanFrom({ line }: Statement, at: number): Span {
  return line.span(at);
}

function takesHeredocs({ keyword, isExecForm, trigger }: Statement): boolean {
  if (trigger !== null) return takesHeredocs({ ...trigger, trigger: null });
  return TAKES_HEREDOCS.has(keyword.toLowerCase()) && !isExecForm;
}

function readHeredocs(reader: LogicalLineReader, line: LogicalLine): Heredoc[] {
  const found = guarded(line, line.text.indexOf("<<"), () => heredocsOf(line.text));
  return found.map((heredoc) => {
    const content = reader.until((end) => (heredoc.stripsTabs ? end.replace(/^\t+/, "") : end) === heredoc.name);
    line.last = reader.line;
    if (content === null) throw new DockerfileError("unterminated heredoc", line.span(Math.max(0, line.text.indexOf("<<"))));
    return { ...heredoc, content };
  });
}

/** Errors of what knows no positions get one. */
function guarded<T>(line: LogicalLine, at: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof DockerfileError ? error : new DockerfileError((error as Error).message, line.span(at), error);
  }
}

function parse(line: LogicalLine, from: number, escape: string, isTrigger = false): Statement {
  const { text } = line;
  let at = from;
  while (at < text.length && isSpace(text[at]!)) at++;
  const source = trim(text.slice(at));
  const end = at + source.length;
  const blank = source.matchAll(BLANKS).next().value;
  const keyword = blank === undefined ? source : source.slice(0, blank.index);
  const { flags, end: begin } = splitFlags(text.slice(0, end), Math.min(end, at + keyword.length), escape);
  const rest = trim(text.slice(begin, end));
  const argumentsAt = begin + Math.max(0, text.slice(begin, end).indexOf(rest));
  const bare: Statement = { keyword, flags, words: [], pairs: [], isExecForm: false, trigger: null, heredocs: [], line, source, at };
  return { ...bare, ...guarded(line, argumentsAt, () => split(keyword.toLowerCase(), rest, { at: argumentsAt, escape, line, isTrigger })) };
}

type Parts = Partial<Pick<Statement, "words" | "pairs" | "isExecForm" | "trigger">>;

interface Place {
  readonly at: number;
  readonly escape: string;
  readonly line: LogicalLine;
  readonly isTrigger: boolean;
}

function split(keyword: string, rest: string, { at, escape, line, isTrigger }: Place): Parts {
  if (rest === "") return {};
  switch (keyword) {
    case "from": case "expose":
      return { words: splitBlanks(rest, at) };
    case "add": case "copy": case "volume":
      return execForm(rest, at) ?? { words: splitBlanks(rest, at) };
    case "run": case "cmd": case "entrypoint": case "shell":
      return execForm(rest, at) ?? { words: [{ text: rest, at }] };
    case "env": case "label":
      return { pairs: splitPairs(rest, keyword.toUpperCase(), escape) };
    case "arg":
      return { words: splitQuoted(rest, at, escape) };
    case "maintainer": case "stopsignal": case "user": case "workdir":
      return { words: [{ text: rest, at }] };
    case "onbuild":
      // One in another is refused later: it is not gone into.
      return isTrigger ? {} : { trigger: parse(line, at, escape, true) };
    case "healthcheck":
      return splitProbe(rest, at);
    default:
      return {};
  }
}

function execForm(rest: string, at: number): Parts | null {
  const words = parseExecForm(rest);
  return words === null ? null : { words: words.map((text) => ({ text, at })), isExecForm: true };
}

/** The kind of a health check, and its command in either form. */
function splitProbe(rest: string, at: number): Parts {
  let end = 0;
  while (end < rest.length && !isSpace(rest[end]!)) end++;
  const kind = { text: rest.slice(0, end), at };
  const command = trim(rest.slice(end));
  if (command === "") return { words: [kind] };
  const begin = at + rest.indexOf(command, end);
  const { words = [], isExecForm = false } = execForm(command, begin) ?? { words: [{ text: command, at: begin }] };
  return { words: [kind, ...words], isExecForm };
}
