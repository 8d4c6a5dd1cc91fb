/** A Go template cut into tokens (text/template/parse, lex.go): text, delimiters, and the words between them. Pure. */

/** Kinds of tokens; the words of Go's grammar are kinds of their own ("if", "range" …). */
export type Kind =
  | "text" | "left" | "right" | "space" | "assign" | "declare" | "pipe" | "(" | ")" | "char" | "number" | "rune" | "complex"
  | "string" | "raw" | "variable" | "field" | "dot" | "identifier" | "bool" | "end of file" | "error" | Keyword;

const WORDS = ["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"] as const;
type Keyword = (typeof WORDS)[number];
export const KEYWORDS: ReadonlySet<string> = new Set(WORDS);

export interface Token {
  readonly kind: Kind;
  /** As written; of "error" what is wrong. */
  readonly text: string;
  /** Of its first character. */
  readonly position: number;
}

const COMMENT = /\/\*[^]*?\*\//y;
/** White space of templates, no other: " \t\r\n". */
const BLANKS = /[ \t\r\n]+/y;
const NUMBER = /[+-]?(?:0[xX][\da-fA-F_]*(?:\.[\da-fA-F_]*)?(?:[pP][+-]?[\d_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?[\d_]*)?)i?/y;
const WORD = /[\p{L}\p{Nd}_]+/yu;
const QUOTED = /"(?:[^"\\\n]|\\[^\n])*"/y;
const RAW = /`[^`]*`/y;
const RUNE = /'(?:[^'\\\n]|\\[^\n])*'/y;

/** All tokens; an "error" is the last one, else "end of file" is. */
export function lex(input: string): readonly Token[] {
  return new Lexer(input).run();
}

class Lexer {
  readonly #input: string;
  readonly #tokens: Token[] = [];
  #at = 0;

  constructor(input: string) {
    this.#input = input;
  }

  run(): readonly Token[] {
    try {
      while (this.#text()) this.#action();
      this.#emit("end of file", "");
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.#emit("error", error.message);
    }
    return this.#tokens;
  }

  #emit(kind: Kind, text: string, position = this.#at): void {
    this.#tokens.push({ kind, text, position });
  }

  /** Text up to the next action; false: there is none any more. */
  #text(): boolean {
    const start = this.#at;
    const left = this.#input.indexOf("{{", start);
    const raw = this.#input.slice(start, left === -1 ? undefined : left);
    const text = left !== -1 && this.#trimsLeft(left + 2) ? raw.replace(/[ \t\r\n]+$/, "") : raw;
    if (text !== "") this.#emit("text", text);
    this.#at = left === -1 ? this.#input.length : left;
    return left !== -1;
  }

  #trimsLeft(at: number): boolean {
    return this.#input[at] === "-" && /[ \t\r\n]/.test(this.#input[at + 1] ?? "");
  }

  /** From "{{" to behind "}}". */
  #action(): void {
    const start = this.#at;
    this.#at += 2;
    if (this.#trimsLeft(this.#at)) this.#at += 2;
    if (this.#input.startsWith("/*", this.#at)) return this.#comment();
    this.#emit("left", "{{", start);
    for (let depth = 0; ; ) {
      const end = this.#atRight();
      if (end !== null) {
        if (depth > 0) throw new Wrong("unclosed left paren");
        return this.#right(end, true);
      }
      const kind = this.#inside();
      if (kind === "(") depth++;
      else if (kind === ")" && --depth < 0) {
        this.#tokens.pop();
        throw new Wrong("unexpected right paren");
      }
    }
  }

  #comment(): void {
    if (this.#match(COMMENT) === null) throw new Wrong("unclosed comment");
    const end = this.#atRight();
    if (end === null) throw new Wrong("comment ends before closing delimiter");
    this.#right(end, false);
  }

  /** Whether "}}" or " -}}" is next, and if it is, which. */
  #atRight(): "}}" | "trim" | null {
    if (this.#input.startsWith("}}", this.#at)) return "}}";
    return /[ \t\r\n]/.test(this.#input[this.#at] ?? "") && this.#input.startsWith("-}}", this.#at + 1) ? "trim" : null;
  }

  #right(end: "}}" | "trim", told: boolean): void {
    if (end === "trim") this.#at += 2;
    if (told) this.#emit("right", "}}");
    this.#at += 2;
    if (end === "trim") this.#match(BLANKS);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#input)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #take(kind: Kind, text: string): Kind {
    this.#emit(kind, text, this.#at - text.length);
    return kind;
  }

  /** One token within an action. */
  #inside(): Kind {
    const c = String.fromCodePoint(this.#input.codePointAt(this.#at) ?? 0);
    if (this.#at >= this.#input.length) throw new Wrong("unclosed action");
    if (/[ \t\r\n]/.test(c)) return this.#space();
    if (c === '"') return this.#quoted("string", QUOTED, "unterminated quoted string");
    if (c === "`") return this.#quoted("raw", RAW, "unterminated raw quoted string");
    if (c === "'") return this.#quoted("rune", RUNE, "unterminated character constant");
    if (c === "$" || (c === "." && /\D/.test(this.#input[this.#at + 1] ?? ""))) return this.#fieldOrVariable(c);
    if (/[.+\-\d]/.test(c)) return this.#number();
    if (/[\p{L}\p{Nd}_]/u.test(c)) return this.#word();
    this.#at += c.length;
    if (c === ":") {
      if (this.#input[this.#at] !== "=") throw new Wrong("expected :=");
      this.#at++;
      return this.#take("declare", ":=");
    }
    if (c === "=") return this.#take("assign", c);
    if (c === "|") return this.#take("pipe", c);
    if (c === "(" || c === ")") return this.#take(c, c);
    if (/[!-~]/.test(c)) return this.#take("char", c);
    throw new Wrong(`unrecognized character in action: ${unicode(c)}`);
  }

  /** A run of blanks, without the one that belongs to " -}}". */
  #space(): Kind {
    const blanks = this.#match(BLANKS)!;
    const short = this.#input.startsWith("-}}", this.#at) ? blanks.slice(0, -1) : blanks;
    this.#at -= blanks.length - short.length;
    return short === "" ? "space" : this.#take("space", short);
  }

  #quoted(kind: Kind, pattern: RegExp, problem: string): Kind {
    const text = this.#match(pattern);
    if (text === null) throw new Wrong(problem);
    return this.#take(kind, text);
  }

  #fieldOrVariable(first: "." | "$" | string): Kind {
    this.#at++;
    const name = first + (this.#match(WORD) ?? "");
    this.#terminated();
    return this.#take(first === "$" ? "variable" : name === "." ? "dot" : "field", name);
  }

  #word(): Kind {
    const word = this.#match(WORD)!;
    this.#terminated();
    if (KEYWORDS.has(word)) return this.#take(word as Keyword, word);
    return this.#take(word === "true" || word === "false" ? "bool" : "identifier", word);
  }

  /** ".X.Y" is two tokens; "$x+2" is none. */
  #terminated(): void {
    if (this.#at >= this.#input.length || /[ \t\r\n.,|:()]/.test(this.#input[this.#at]!) || this.#input.startsWith("}}", this.#at)) return;
    throw new Wrong(`bad character ${unicode(String.fromCodePoint(this.#input.codePointAt(this.#at)!))}`);
  }

  #number(): Kind {
    const start = this.#at;
    const first = this.#match(NUMBER)!;
    const second = /[+-]/.test(this.#input[this.#at] ?? "") ? this.#match(NUMBER)! : "";
    const next = /[\p{L}\p{Nd}_]/u.exec(String.fromCodePoint(this.#input.codePointAt(this.#at) ?? 0))?.[0] ?? "";
    const text = first + second;
    if (next !== "" || (second !== "" && !second.endsWith("i"))) throw new Wrong(`bad number syntax: ${JSON.stringify(this.#input.slice(start, this.#at) + next)}`);
    return this.#take(second !== "" ? "complex" : "number", text);
  }
}

class Wrong extends Error {}

/** Go's %#U: "U+002B '+'". */
function unicode(c: string): string {
  return `U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")} '${c}'`;
}
