/** Values of the network commands' flags. */
import type { Values } from "../grammar/flags.ts";

/** pflag's StringSlice: given several times, or joined by commas. */
export function wordsOf(flags: Values, name: string): readonly string[] {
  return flags.list(name).flatMap((text) => (text === "" ? [] : text.split(",")));
}

/** "KEY=VALUE" as a map, the value empty where none is said; the last one of a key. */
export function pairsFlag(flags: Values, name: string): Record<string, string> {
  return Object.fromEntries(flags.list(name).map((text) => { const equals = text.indexOf("="); return equals === -1 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)]; }));
}
