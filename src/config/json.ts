/**
 * JSON (RFC 8259) in which every value knows where it stands, so that who finds one wrong can say the line. An object that has a name twice
 * is refused: readers differ in which of the two they take. Pure.
 */

interface At {
  /** UTF-16 units from the start of the text. */
  readonly at: number;
}

export interface JsonMember extends At {
  readonly name: string;
  readonly value: JsonValue;
}

export type JsonValue =
  | ({ readonly kind: "object"; readonly members: readonly JsonMember[] } & At)
  | ({ readonly kind: "list"; readonly items: readonly JsonValue[] } & At)
  | ({ readonly kind: "string"; readonly text: string } & At)
  | ({ readonly kind: "number"; readonly number: number } & At)
  | ({ readonly kind: "boolean"; readonly flag: boolean } & At)
  | ({ readonly kind: "null" } & At);

/** What is wrong, and where: whoever knows the file's name makes a line of it (`placed`). */
export class Misplaced extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** "FILE:LINE:COLUMN", both counted from 1, a column being a character. */
export function placeOf(file: string, text: string, at: number): string {
  const before = text.slice(0, at);
  const start = before.lastIndexOf("\n") + 1;
  return `${file}:${before.split("\n").length}:${[...before.slice(start)].length + 1}`;
}

/** The stack of this reader is JavaScript's. */
const DEPTH_MAX = 64;

/** One value with nothing but white space around it. Throws Misplaced. */
export function parseJson(text: string): JsonValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    this.#skip();
    const at = this.#at;
    if (depth > DEPTH_MAX) throw new Misplaced(at, `more than ${DEPTH_MAX} values within one another`);
    const first = this.#text[at];
    if (first === "{") return { kind: "object", members: this.#members(depth), at };
    if (first === "[") return { kind: "list", items: this.#items(depth), at };
    if (first === '"') return { kind: "string", text: this.#string(), at };
    const word = this.#match(/[^\s,:[\]{}"]+/y);
    if (word === "true" || word === "false") return { kind: "boolean", flag: word === "true", at };
    if (word === "null") return { kind: "null", at };
    if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(word)) return { kind: "number", number: Number(word), at };
    throw new Misplaced(at, this.#instead("a value", word));
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw new Misplaced(this.#at, this.#instead("the end of the file"));
  }

  #members(depth: number): JsonMember[] {
    const members: JsonMember[] = [];
    const names = new Map<string, number>();
    this.#list("}", () => {
      const at = this.#at;
      if (this.#text[at] !== '"') throw new Misplaced(at, this.#instead("a name in double quotes"));
      const name = this.#string();
      const before = names.get(name);
      if (before !== undefined) throw new Misplaced(at, `${JSON.stringify(name)} is there twice: line ${this.#text.slice(0, before).split("\n").length} has it already`);
      names.set(name, at);
      this.#take(":", `":" after ${JSON.stringify(name)}`);
      members.push({ name, at, value: this.value(depth + 1) });
    });
    return members;
  }

  #items(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.#list("]", () => void items.push(this.value(depth + 1)));
    return items;
  }

  /** What is between brackets, the first of which is next. */
  #list(end: string, one: () => void): void {
    this.#at++;
    this.#skip();
    if (this.#text[this.#at] === end) return void this.#at++;
    for (;;) {
      this.#skip();
      one();
      this.#skip();
      if (this.#text[this.#at] === end) return void this.#at++;
      const comma = this.#at;
      this.#take(",", `"," or "${end}"`);
      this.#skip();
      if (this.#text[this.#at] === end) throw new Misplaced(comma, `"," with nothing behind it`);
    }
  }

  #string(): string {
    const at = this.#at;
    const written = this.#match(/"(?:[^"\\\n]|\\.)*"?/y);
    if (written.length < 2 || !written.endsWith('"')) throw new Misplaced(at, "a string without its closing double quote");
    try {
      return JSON.parse(written) as string;
    } catch {
      throw new Misplaced(at, "a string with a control character, or with an escape that JSON does not have");
    }
  }

  #take(wanted: string, what: string): void {
    this.#skip();
    if (this.#text[this.#at] !== wanted) throw new Misplaced(this.#at, this.#instead(what));
    this.#at++;
  }

  #skip(): void {
    this.#match(/[ \t\r\n]*/y);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #instead(wanted: string, word = ""): string {
    const found = word || this.#text[this.#at];
    if (found === undefined) return `${wanted} is expected, but the file ends`;
    const comment = found.startsWith("/") || found.startsWith("#") ? " (JSON has no comments)" : "";
    return `${wanted} is expected, not ${JSON.stringify(found.slice(0, 40))}${comment}`;
  }
}
