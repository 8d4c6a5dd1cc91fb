/** `--filter` of every prune: until (volumes: all), label and label!. */
import { hasLabel } from "../container/labels.ts";
import { parseFilters, type Filter } from "./filters.ts";
import { momentOf } from "./moment.ts";

type Labels = Readonly<Record<string, string>>;

/** Whether one with these labels, made then (milliseconds of the epoch), is meant. */
export type IsMeant = (labels: Labels, createdMs: number) => boolean;

/** Throws MdkError for a filter that is none. */
export function parsePruneFilters(texts: readonly string[], now: Date): IsMeant {
  const filters = parseFilters(texts, ["until", "label", "label!"], "--filter");
  const until = filters.filter(({ key }) => key === "until").map(({ value }) => Date.parse(momentOf("until", value, now)!));
  return (labels, createdMs) => until.every((ms) => createdMs < ms) && areMeant(filters, labels);
}

/** What is said by label and label!, "KEY[=VALUE]": all of the former, none of the latter. */
export function areMeant(filters: readonly Filter<string>[], labels: Labels): boolean {
  return filters.every(({ key, value }) => (key === "label" ? hasLabel(labels, value) : key !== "label!" || !hasLabel(labels, value)));
}
