/** --filter of every list: "key=value", in Docker's words for what is none (docker/cli, opts.FilterOpt). */
import { EXIT, CommandError } from "../exit.ts";
import { UsageError } from "./flags.ts";

export interface Filter<Key extends string> {
  readonly key: Key;
  readonly value: string;
}

/** moby filters.Args.Match: the text itself, or a regular expression that fits a part of it; one that is none fits nothing. */
export function fits(pattern: string, text: string): boolean {
  if (pattern === text) return true;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

/** An empty text is no filter. `flag`: as errors name it. Throws UsageError for a text without "=", MdkError for a key that is none of `keys`. */
export function parseFilters<Key extends string>(texts: readonly string[], keys: readonly Key[], flag = "-f, --filter"): readonly Filter<Key>[] {
  return texts.filter((text) => text !== "").map((text) => {
    const equals = text.indexOf("=");
    if (equals === -1) throw new UsageError(`invalid argument ${JSON.stringify(text)} for "${flag}" flag: bad format of filter (expected name=value)`);
    const key = text.slice(0, equals).trim().toLowerCase();
    const known = keys.find((candidate) => candidate === key);
    if (known === undefined) throw new CommandError(EXIT.failure, "invalid-filter", `invalid filter '${key}'`, { hint: `mdk knows ${keys.join(", ")}` });
    return { key: known, value: text.slice(equals + 1).trim() };
  });
}
