/** Sizes as people write them. Pure. */

/** Go's units.RAMInBytes: binary multiples, an optional "b" or "ib", fractions; -1 for "-1"; null when it is none. */
export function parseSize(text: string): number | null {
  if (text === "-1") return -1;
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(i?b)?$/i.exec(text);
  if (match === null || (match[2] === "" && match[3]?.toLowerCase() === "ib")) return null;
  const power = " kmgtp".indexOf(match[2] === "" ? " " : match[2]!.toLowerCase());
  const bytes = Math.trunc(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
