/**
 * From lines to logical lines: continuations joined, comments and empty lines between them left out, and for each place of what comes out the
 * place in the file. What a line says is not looked at here.
 */
import { DockerfileError, spanAt, type Position, type Span } from "./error.ts";
import { DirectiveReader, type Directives } from "./directives.ts";
import { trim, trimStart } from "./text.ts";

/** Bytes of one line, as Go's bufio.Scanner has them: longer ones BuildKit refuses. */
const LINE_BYTES_MAX = 65_535;

/** A part of a logical line: where it begins there, and where in the file. */
interface Piece {
  readonly at: number;
  /** 0-based. */
  readonly line: number;
  /** UTF-16 units from the beginning of that line. */
  readonly offset: number;
}

/** One instruction's line, continuations joined. */
export class LogicalLine {
  readonly text: string;
  /** 1-based, the first and the last line that belong to it. */
  readonly first: number;
  last: number;
  /** The comments directly above. */
  readonly comments: readonly string[];
  /** Empty lines stand between continued ones. */
  readonly hasEmptyLine: boolean;
  readonly #pieces: readonly Piece[];
  readonly #lines: readonly string[];

  constructor(parts: { text: string; pieces: readonly Piece[]; lines: readonly string[]; last: number; comments: readonly string[]; hasEmptyLine: boolean; first: number }) {
    this.text = parts.text;
    this.first = parts.first;
    this.last = parts.last;
    this.comments = parts.comments;
    this.hasEmptyLine = parts.hasEmptyLine;
    this.#pieces = parts.pieces;
    this.#lines = parts.lines;
  }

  /** Where in the file the character at `at` of the text is. */
  position(at: number): Position {
    const piece = this.#pieces.findLast((one) => one.at <= at) ?? this.#pieces[0];
    if (piece === undefined) return { line: this.first, column: 1 };
    const before = (this.#lines[piece.line] ?? "").slice(0, piece.offset + at - piece.at);
    return { line: piece.line + 1, column: [...before].length + 1 };
  }

  /** From `at` to the end of the instruction. */
  span(at: number): Span {
    const column = Math.max(1, [...(this.#lines[this.last - 1] ?? "").trimEnd()].length);
    return { start: this.position(at), end: { line: this.last, column } };
  }
}

/** Reads a Dockerfile from its first line to its last. */
export class LogicalLineReader {
  readonly #lines: readonly string[];
  readonly #directives = new DirectiveReader();
  #at = 0;
  #comments: string[] = [];

  /** `text`: the file; a byte order mark in front is none of it. */
  constructor(text: string) {
    const lines = text.replace(/^\ufeff/, "").split("\n");
    // What follows the last newline is no line when it is empty.
    this.#lines = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  }

  /** As far as they have been read: all, once a logical line came out. */
  get directives(): Directives {
    return this.#directives.result();
  }

  /** The number of lines that have been read. */
  get line(): number {
    return this.#at;
  }

  /** The next instruction's line, null at the end. Throws DockerfileError for a line that is too long, and for directives. */
  next(): LogicalLine | null {
    for (let raw = this.#take(); raw !== null; raw = this.#take()) {
      const line = trimStart(raw);
      this.#note(raw, line);
      if (line === "" || line.startsWith("#")) continue;
      const logical = this.#join(line, raw.length - line.length);
      this.#comments = [];
      return logical;
    }
    return null;
  }

  /** Lines as they stand, each with what ends it, up to one that `isEnd` (of the line without its end); null: there is none. */
  until(isEnd: (line: string) => boolean): string | null {
    const content: string[] = [];
    for (;;) {
      const index = this.#at;
      const line = this.#take({ whole: true });
      if (line === null) return null;
      if (isEnd(withoutReturns(line))) return content.join("");
      // The last line of the file may have no newline.
      content.push(index === this.#lines.length - 1 ? line : `${line}\n`);
    }
  }

  /** The next line without what ends it; `whole`: with carriage returns. */
  #take({ whole = false } = {}): string | null {
    const line = this.#lines[this.#at];
    if (line === undefined) return null;
    this.#at++;
    if (line.length * 3 > LINE_BYTES_MAX && Buffer.byteLength(line) > LINE_BYTES_MAX) {
      throw new DockerfileError(`dockerfile line greater than max allowed size of ${LINE_BYTES_MAX}`, spanAt({ line: this.#at, column: 1 }));
    }
    return whole ? line : withoutReturns(line);
  }

  /** Comments are kept for the instruction below them, until an empty one; directives are none. */
  #note(raw: string, line: string): void {
    let isDirective: boolean;
    try {
      isDirective = this.#directives.take(line);
    } catch (error) {
      throw new DockerfileError((error as Error).message, spanAt({ line: this.#at, column: 1 }), error);
    }
    if (isDirective || !line.startsWith("#")) return;
    const comment = trim(raw.slice(1));
    if (comment === "") this.#comments = [];
    else this.#comments.push(comment);
  }

  #join(first: string, offset: number): LogicalLine {
    const escape = this.#directives.escape;
    const begin = this.#at;
    const pieces: Piece[] = [];
    const parts: string[] = [];
    let [at, hasEmptyLine] = [0, false];
    const add = (line: string, from: number): boolean => {
      const kept = beforeContinuation(line, escape);
      pieces.push({ at, line: this.#at - 1, offset: from });
      parts.push(kept ?? line);
      at += (kept ?? line).length;
      return kept !== null;
    };
    let continues = add(first, offset);
    while (continues) {
      const line = this.#take();
      if (line === null) break;
      const bare = trimStart(line);
      if (bare.startsWith("#")) continue;
      if (bare === "") hasEmptyLine = true;
      else continues = add(line, 0);
    }
    return new LogicalLine({ text: parts.join(""), pieces, lines: this.#lines, first: begin, last: this.#at, comments: this.#comments, hasEmptyLine });
  }
}

function withoutReturns(line: string): string {
  let end = line.length;
  while (line[end - 1] === "\r") end--;
  return line.slice(0, end);
}

/** The line without the escape that ends it, null where it does not go on: two escapes are one that is escaped. */
function beforeContinuation(line: string, escape: string): string | null {
  let end = line.length;
  while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end--;
  if (line[end - 1] !== escape || line[end - 2] === escape) return null;
  return line.slice(0, end - 1);
}
