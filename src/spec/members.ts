/** Reading JSON of the API member by member, as Go decodes it: what is missing or null gets a default, what is of another type is refused. Pure. */
import { booleanOf, integerOf, objectOf, optional, stringOf, stringsOf, type JsonObject } from "../image/json.ts";

/** Members of one object, each read once by name; the errors say which was wrong. */
export class Members {
  readonly #object: JsonObject;
  readonly #what: string;

  constructor(value: unknown, what: string) {
    this.#object = objectOf(value, what);
    this.#what = what;
  }

  read<T, F>(name: string, reader: (value: unknown, what: string) => T, fallback: F): T | F {
    return optional(this.#object[name], (value) => reader(value, `${this.#what}.${name}`), fallback);
  }
  text(name: string): string {
    return this.read(name, stringOf, "");
  }
  flag(name: string): boolean {
    return this.read(name, booleanOf, false);
  }
  number(name: string): number {
    return this.read(name, integerOf, 0);
  }
  list(name: string): string[] | null {
    return this.read(name, (value, what) => [...stringsOf(value, what)], null);
  }
  /** Those members that are there, under their names. */
  given<K extends string, T>(name: K, reader: (value: unknown, what: string) => T): { [P in K]?: T } {
    const value = this.read(name, reader, undefined);
    return (value === undefined ? {} : { [name]: value }) as { [P in K]?: T };
  }
}

/** Go's map[string]string. */
export function textsOf(value: unknown, what: string): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value, what)).map(([key, text]) => [key, stringOf(text, `${what}.${key}`)]));
}
