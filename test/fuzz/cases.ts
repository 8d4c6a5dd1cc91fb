/** What targets have in common: a case of a document, and how one is refused. */
import { MdkError } from "../../src/error.ts";
import { MANIFEST_BYTES_MAX } from "../../src/image/manifest.ts";
import { changedBytes, changedDocument, type Chance } from "./random.ts";

export interface Target {
  readonly name: string;
  /** Bytes of the case, which a finding shows. */
  make(chance: Chance): Buffer;
  check(bytes: Buffer, chance: Chance): void | Promise<void>;
}

/** A document that was changed as a document, as bytes, or both. */
export function written(document: unknown, chance: Chance): Buffer {
  const text = JSON.stringify(chance.once(3) ? document : changedDocument(document, chance)) ?? "";
  // Who fetches it sets a bound.
  const bounded = text.length > MANIFEST_BYTES_MAX ? "{}" : chance.once(1000) ? text.replace(/:("[^"]*"|\d+|null)/, () => `:${deep(chance)}`) : text;
  const bytes = Buffer.from(bounded);
  return chance.once(3) ? changedBytes(bytes, chance) : bytes;
}

/** More levels than any stack has calls. */
function deep(chance: Chance): string {
  const [open, close] = chance.of([["[", "]"], ['{"a":', "}"]] as const);
  const levels = chance.below(300_000);
  return `${open.repeat(levels)}1${close.repeat(levels)}`;
}

export function refusal(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof MdkError) return error.message;
    throw error;
  }
}
