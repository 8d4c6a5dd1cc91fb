/** Parser directives: "# syntax=", "# escape=" and "# check=" at the top of a Dockerfile (its reference, "Parser directives"). */

const DIRECTIVE = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const NAMES: ReadonlySet<string> = new Set(["syntax", "escape", "check"]);

export interface Directives {
  /** The frontend that is asked for: named, never fetched. Null: none. */
  readonly syntax: string | null;
  readonly escape: "\\" | "`";
  /** What stands after "check=" up to a blank; null: nothing. */
  readonly check: string | null;
}

/** "check" of "# check=skip=all", or null for what is a comment only. `text` is what follows the "#". */
export function parseDirective(text: string): { readonly name: string; readonly value: string } | null {
  const [, name = "", value = ""] = DIRECTIVE.exec(text.replace(/^\s+/, "")) ?? [];
  return NAMES.has(name.toLowerCase()) ? { name: name.toLowerCase(), value } : null;
}

/** Reads directives until the first line that is none: from there on they are comments. */
export class DirectiveReader {
  readonly #seen = new Map<string, string>();
  #done = false;

  /** `line` without blanks before it. Whether it is a directive; throws an Error without a position for one that is repeated, or an escape that is none. */
  take(line: string): boolean {
    if (this.#done) return false;
    const directive = line.startsWith("#") ? parseDirective(line.slice(1)) : null;
    if (directive === null) {
      this.#done = true;
      return false;
    }
    const { name, value } = directive;
    if (this.#seen.has(name)) throw new Error(`only one ${name} parser directive can be used`);
    if (name === "escape" && value !== "\\" && value !== "`") throw new Error(`invalid escape token '${value}' does not match \` or \\`);
    this.#seen.set(name, value);
    return true;
  }

  get escape(): "\\" | "`" {
    return this.#seen.get("escape") === "`" ? "`" : "\\";
  }

  result(): Directives {
    const first = (name: string): string | null => this.#seen.get(name)?.split(" ")[0] ?? null;
    return { syntax: first("syntax"), escape: this.escape, check: first("check") };
  }
}
