/** The reader of JSON with places, beside JSON.parse: what the one takes the other takes, and both read the same. */
import { expect, test } from "bun:test";
import { Misplaced, parseJson, placeOf, type JsonValue } from "../../src/config/json.ts";

function plain(value: JsonValue): unknown {
  switch (value.kind) {
    case "object": return Object.fromEntries(value.members.map(({ name, value: item }) => [name, plain(item)]));
    case "list": return value.items.map(plain);
    case "string": return value.text;
    case "number": return value.number;
    case "boolean": return value.flag;
    case "null": return null;
  }
}

/** Mulberry32: the same numbers at every run. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SAMPLE = '{"a": [1, -2.5e+3, true, null], "b": {"c": "x\\u00e9\\n", "d": []}, "é😀": {}, "": "\\"\\\\/"}';
const PIECES = ["{", "}", "[", "]", ",", ":", '"', "\\", "\n", "0", "-", ".", "e", "t", "/", "u", "\u00a0", "\u2028", "\t", "\0", "NaN", "01", '"a":', "1 2"];

test("mutations of a document are taken and read alike", () => {
  const next = random(11);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
  const taken = { both: 0, neither: 0 };
  for (let round = 0; round < 20_000; round++) {
    let text = SAMPLE;
    for (let edits = 1 + Math.floor(next() * 3); edits > 0; edits--) {
      const at = Math.floor(next() * (text.length + 1));
      text = text.slice(0, at) + (next() < 0.5 ? pick(PIECES) : "") + text.slice(at + Math.floor(next() * 4));
    }
    let theirs: unknown;
    try {
      theirs = JSON.parse(text);
    } catch {
      expect([text, thrown(text)]).toEqual([text, expect.any(Misplaced)]);
      taken.neither++;
      continue;
    }
    const mine = thrown(text);
    if (mine === null) expect([text, plain(parseJson(text))]).toEqual([text, theirs]);
    else expect([text, String(mine)]).toEqual([text, expect.stringContaining("is there twice") as string]);
    taken.both++;
  }
  expect(Math.min(taken.both, taken.neither)).toBeGreaterThan(1000);
});

function thrown(text: string): unknown {
  try {
    parseJson(text);
    return null;
  } catch (error) {
    return error;
  }
}

test("places are lines and characters from 1", () => {
  expect([placeOf("f", "", 0), placeOf("f", "a\nb", 1), placeOf("f", "a\nb", 2), placeOf("f", "😀é x", 4)]).toEqual(["f:1:1", "f:1:2", "f:2:1", "f:1:4"]);
});
