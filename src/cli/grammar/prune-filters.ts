/** `--filter` of every prune: until, label and label!. */
import { hasLabel } from "../container/labels.ts";
import { parseFilters } from "./filters.ts";
import { momentOf } from "./moment.ts";

const KEYS = ["until", "label", "label!"] as const;

/** Whether one with these labels, made then (milliseconds of the epoch), is meant. */
export type IsMeant = (labels: Readonly<Record<string, string>>, createdMs: number) => boolean;

/** Throws MdkError for a filter that is none. */
export function parsePruneFilters(texts: readonly string[], now: Date): IsMeant {
  const filters = parseFilters(texts, KEYS);
  const of = (key: (typeof KEYS)[number]): readonly string[] => filters.filter((filter) => filter.key === key).map(({ value }) => value);
  const until = of("until").map((text) => Date.parse(momentOf("until", text, now)!));
  return (labels, createdMs) =>
    until.every((ms) => createdMs < ms) && of("label").every((value) => hasLabel(labels, value)) && !of("label!").some((value) => hasLabel(labels, value));
}
