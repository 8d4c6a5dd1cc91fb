/** Chance that can be repeated, and what it does to bytes and documents. */

export interface Chance {
  /** 0 to below 1. */
  next(): number;
  /** 0 to below `end`. */
  below(end: number): number;
  /** True once in so many times. */
  once(times: number): boolean;
  of<T>(list: readonly T[]): T;
}

/** mulberry32; each case has its own, so that one is repeated without those before it. */
export function chance(seed: number, number: number): Chance {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (end: number): number => Math.floor(next() * end);
  return { next, below, once: (times) => below(times) === 0, of: (list) => list[below(list.length)]! };
}

const WORDS = ["null", "{}", "[]", "-1", "1e99", '"\\u0000"', '"sha256:../../x"', "true", '""', "9007199254740993", '"__proto__":{}', "../", "\0", "\xff\xfe", "\ud800", ":", "@", "/"];

/** One to four places cut, doubled, flipped or replaced. */
export function changedBytes(bytes: Uint8Array, { next, below, of }: Chance): Buffer {
  let out: Buffer = Buffer.from(bytes);
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(out.length + 1);
    const length = Math.floor(next() ** 4 * 600);
    const word = Buffer.from(of(WORDS), "latin1");
    const kinds: (() => Buffer)[] = [
      () => Buffer.concat([out.subarray(0, at), out.subarray(at + length)]), () => Buffer.concat([out.subarray(0, at), out.subarray(at, at + length), out.subarray(at)]),
      () => Buffer.concat([out.subarray(0, at), word, out.subarray(at + word.length)]), () => Buffer.concat([out.subarray(0, at), word, out.subarray(at)]),
      () => ((out[at] = (out[at] ?? 0) ^ (1 << below(8))), out),
    ];
    out = of(kinds)();
  }
  return out;
}

/** What stands where something else belongs. */
const VALUES: readonly unknown[] = [
  null, true, 0, -1, 1.5, 1e99, 2 ** 53, "", "x", "\0", "sha256:../../x", `sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(63)}`, `sha512:${"a".repeat(128)}`, "linux", "windows", "../../etc", "a".repeat(5000), [], [null], [[]], {}, { __proto__: null, constructor: 1 },
];

/** A copy of a JSON document with one to three members changed, left out, doubled or moved. */
export function changedDocument(document: unknown, chance: Chance): unknown {
  let changed = structuredClone(document);
  for (let times = 1 + chance.below(3); times > 0; times--) changed = changedAt(changed, chance);
  return changed;
}

function changedAt(value: unknown, chance: Chance): unknown {
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (keys.length === 0 || chance.once(8)) return chance.once(40) ? nested(chance.below(3000)) : chance.of(VALUES);
  const key = chance.of(keys);
  const members = value as Record<string, unknown>;
  const kind = chance.below(10);
  if (kind === 0) return without(value, key);
  if (kind === 1) return Array.isArray(value) ? Array.from({ length: chance.below(chance.once(20) ? 200 : 4) }, () => members[key]) : { ...members, [chance.of(["layers", "manifests", "config", "mediaType", "rootfs", "x"])]: members[key] };
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === key ? changedAt(item, chance) : item));
  return { ...members, [key]: changedAt(members[key], chance) };
}

function without(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.filter((_, at) => String(at) !== key);
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => name !== key));
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (; depth > 0; depth--) value = depth % 2 === 0 ? [value] : { a: value };
  return value;
}

/** JSON text of a random value, in which blanks and escapes stand where they may; `repeats`: whether an object has a name twice. */
export function randomJson(chance: Chance): { readonly text: string; readonly repeats: boolean } {
  let repeats = false;
  const blank = (): string => (chance.once(3) ? chance.of([" ", "\n", "\t ", "\r\n"]) : "");
  const string = (text: string): string => `"${[...text].map((c) => (chance.once(4) || c < " " || c === '"' || c === "\\" ? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}` : c)).join("")}"`;
  const value = (depth: number): string => {
    const kind = depth > 5 ? chance.below(4) : chance.below(7);
    if (kind < 2) return string(chance.of(["", "a", "{", "}", '"', "\\", ":", '"a":', "\\\"", "é"]));
    if (kind < 4) return chance.of(["null", "true", "0", "-1.5e3"]);
    const length = chance.below(5);
    if (kind === 4) return `[${blank()}${Array.from({ length }, () => value(depth + 1)).join(`${blank()},${blank()}`)}${blank()}]`;
    const names = Array.from({ length }, () => chance.of(["a", "b", "c", "A", '"', "}", "\\", "", "__proto__"]));
    repeats ||= new Set(names).size < names.length;
    return `{${blank()}${names.map((name) => `${string(name)}${blank()}:${blank()}${value(depth + 1)}`).join(`${blank()},${blank()}`)}${blank()}}`;
  };
  const text = `{"top":${value(0)}}`;
  return { text: blank() + text + blank(), repeats };
}
