/** What the inspect commands share: finding, Docker's JSON array or a template, and one error for each missing name. */
import { EXIT, CommandError } from "../exit.ts";
import { readInspect, type InspectHow } from "../../api/inspect.ts";
import { INSPECT_SHAPE } from "../../api/json/shape.ts";
import { noSuchImage } from "../../store/images.ts";
import type { Invocation } from "../grammar/flags.ts";
import type { Shape } from "../template/value.ts";
import { openTemplate } from "./format.ts";
import { json, print, printable, printError } from "./text.ts";

const TYPES = ["container", "image", "network"] as const;
type Type = (typeof TYPES)[number];

/** A word of --type. Throws MdkError in Docker's words. */
export function inspectType(word: string): Type {
  if ((TYPES as readonly string[]).includes(word)) return word as Type;
  throw new CommandError(EXIT.failure, "invalid-type", `${word === "" ? "type is empty" : `unknown type: ${JSON.stringify(word)}`}: must be one of ${TYPES.map((type) => `"${type}"`).join(", ")}`);
}

/** `type`: null for any. Prints what it found; status 1 when something is missing. */
export async function inspectWith({ context, flags, operands }: Invocation, type: Type | null, how: Partial<Pick<InspectHow, "size" | "platform">> = {}): Promise<number> {
  return await printFound(operands, flags.string("format"), {
    shape: INSPECT_SHAPE, lenient: true, read: (word) => readInspect(context, word, { type, size: false, platform: null, ...how }),
    missing: (word) => (type === "image" ? noSuchImage(word).message : type === "network" ? `network ${word} not found` : `No such ${type ?? "object"}: ${word}`),
  });
}

export interface Inspecting {
  readonly shape: Shape;
  /** A template that Docker's types do not carry is tried on its JSON. */
  readonly lenient: boolean;
  /** Docker's JSON of what has the name; null: nothing has. */
  readonly read: (word: string) => object | null;
  /** The sentence for that. */
  readonly missing: (word: string) => string;
}

/** The same of anything that has JSON. */
export async function printFound(words: readonly string[], format: string | null, { shape, lenient, read, missing }: Inspecting): Promise<number> {
  const template = format === null || format === "json" ? null : await openTemplate(format, "inspect");
  const found: object[] = [];
  const errors: string[] = [];
  for (const word of words) {
    const object = read(word);
    if (object === null) errors.push(`mdk: ${missing(word)}`);
    else found.push(object);
  }
  if (template === null) print(found.length === 0 ? "[]" : json(found, format === null ? 4 : 0));
  else printEach(found.map((object) => () => template.document(object, shape, { lenient })));
  for (const error of errors) printError(printable(error));
  return errors.length === 0 ? 0 : EXIT.failure;
}

/** Docker's way: an empty line where nothing could be told. */
function printEach(texts: readonly (() => string)[]): void {
  if (texts.length === 0) print("");
  for (const [index, text] of texts.entries()) {
    try {
      print(text());
    } catch (error) {
      if (index === 0) print("");
      throw error;
    }
  }
}
