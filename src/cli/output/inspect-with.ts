/** What the inspect commands share: finding, Docker's JSON array or a template, and one error for each missing name. */
import { EXIT, CommandError } from "../exit.ts";
import { readInspect, type InspectHow, type InspectKind } from "../../api/inspect.ts";
import { CONTAINER_SHAPE, IMAGE_SHAPE, NETWORK_SHAPE, VOLUME_SHAPE } from "../../api/json/shape.ts";
import { noSuchImage } from "../../store/images.ts";
import type { Invocation } from "../grammar/flags.ts";
import type { Shape } from "../template/value.ts";
import { openTemplate } from "./format.ts";
import { json, print, printable, printError } from "./text.ts";

const SHAPES: Readonly<Record<InspectKind, Shape>> = { container: CONTAINER_SHAPE, image: IMAGE_SHAPE, network: NETWORK_SHAPE, volume: VOLUME_SHAPE };
const TYPES = Object.keys(SHAPES);

/** A word of --type. Throws MdkError in Docker's words. */
export function inspectType(word: string): InspectKind {
  if (TYPES.includes(word)) return word as InspectKind;
  throw new CommandError(EXIT.failure, "invalid-type", `${word === "" ? "type is empty" : `unknown type: ${JSON.stringify(word)}`}: must be one of ${TYPES.map((type) => `"${type}"`).join(", ")}`);
}

/** `type`: null for any. Prints what it found; status 1 when something is missing. */
export async function inspectWith({ context, flags, operands }: Invocation, type: InspectKind | null, how: Partial<Pick<InspectHow, "size" | "platform">> = {}): Promise<number> {
  return await printFound(operands, flags.string("format"), {
    lenient: true, missing: (word) => missing(type, word),
    read: (word) => {
      const found = readInspect(context, word, { type, size: false, platform: null, ...how });
      if (found === null) return null;
      if (how.size === true && found.kind !== "container") printError(`WARNING: --size ignored for ${found.kind}`);
      return { object: found.json, shape: SHAPES[found.kind] };
    },
  });
}

function missing(type: InspectKind | null, word: string): string {
  switch (type) {
    case "image":
      return noSuchImage(word).message;
    case "network":
      return `network ${word} not found`;
    case "volume":
      return `get ${word}: no such volume`;
    default:
      return `No such ${type ?? "object"}: ${word}`;
  }
}

interface Found {
  readonly object: object;
  readonly shape: Shape;
}

export interface Inspecting {
  /** A template that Docker's types do not carry is tried on its JSON. */
  readonly lenient: boolean;
  /** Docker's JSON of what has the name; null: nothing has. */
  readonly read: (word: string) => Found | null;
  /** The sentence for that. */
  readonly missing: (word: string) => string;
}

/** The same of anything that has JSON. */
export async function printFound(words: readonly string[], format: string | null, { lenient, read, missing }: Inspecting): Promise<number> {
  const template = format === null || format === "json" ? null : await openTemplate(format, "inspect");
  const found: Found[] = [];
  const errors: string[] = [];
  for (const word of words) {
    const one = read(word);
    if (one === null) errors.push(`mdk: ${missing(word)}`);
    else found.push(one);
  }
  if (template === null) print(found.length === 0 ? "[]" : json(found.map(({ object }) => object), format === null ? 4 : 0));
  else printEach(found.map(({ object, shape }) => () => template.document(object, shape, { lenient })));
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
