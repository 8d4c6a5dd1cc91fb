/** What an image says of how it was made, step by step (image-spec config.md, history), beside the layers that it has. */
import { historyOf, parseConfig } from "../../image/config.ts";
import type { Digest } from "../../image/digest.ts";
import type { JsonObject } from "../../image/json.ts";
import { readBlob } from "../../store/blobs.ts";
import type { Database } from "../../store/database.ts";
import { findImageRow, layersOf, noSuchImage, readParent } from "../../store/images.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { imageOfPlatform } from "./named.ts";

export interface HistoryStep {
  /** Of the image, for the newest step, of the one that it was committed on for the next, and so on; the others have none of their own. */
  readonly id: string | null;
  /** Milliseconds since 1970; null: it does not say. */
  readonly createdMs: number | null;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the step's layer; 0 where it made none. */
  readonly size: number;
}

/** The newest first. Steps are believed as far as there are layers for them. `platform`: as of inspectImage. Throws "no-such-image", "image-ambiguous", "json-invalid", "other-platform". */
export function readHistory(context: Context, word: string, platform: string | null): HistoryStep[] {
  const database = context.database();
  const found = findImageRow(database, word);
  if (found === null) throw noSuchImage(word);
  const { id } = platform === null ? found.image : imageOfPlatform(database, found, { word, platform });
  const { document } = parseConfig(readBlob(storePaths(context.root), id), word);
  const sizes = layersOf(database, id).map(({ size }) => size);
  const steps: Omit<HistoryStep, "id">[] = historyOf(document).map((step) => ({ ...wordsOf(step), size: step.empty_layer === true ? 0 : (sizes.shift() ?? 0) }));
  // Layers that no step speaks of.
  steps.push(...sizes.map((size) => ({ createdMs: null, createdBy: "", comment: "", size })));
  const line = lineOf(database, id);
  return steps.reverse().map((step, index) => ({ ...step, id: line[index] ?? null }));
}

/** The image and, a commit each, those that it is on. */
function lineOf(database: Database, id: Digest): Digest[] {
  const parent = readParent(database, id);
  return [id, ...(parent === null ? [] : lineOf(database, parent))];
}

function wordsOf(step: JsonObject): Pick<HistoryStep, "createdMs" | "createdBy" | "comment"> {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const created = Date.parse(text(step.created));
  return { createdMs: Number.isNaN(created) ? null : created, createdBy: text(step.created_by), comment: text(step.comment) };
}
