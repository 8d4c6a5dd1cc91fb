/** `images PATTERN` and `images --filter` (moby daemon/images/images.go), in Docker's words for what is no filter. */
import { EXIT, CommandError } from "../exit.ts";
import { readCreated, readLabels, type ImageSummary } from "../../engine/image/list.ts";
import type { Context } from "../../engine/context.ts";
import { familiarName, parseReference } from "../../image/reference.ts";
import { parseFilters } from "../grammar/filters.ts";
import { isTrue } from "../grammar/flags.ts";
import { momentOf } from "../grammar/moment.ts";

const KEYS = ["before", "dangling", "label", "reference", "since", "until"] as const;
type Key = (typeof KEYS)[number];

export type Matching = (summary: ImageSummary) => boolean;

/** `pattern`: the operand, null when there is none. Throws MdkError. */
export function parseImageFilters(context: Context, texts: readonly string[], pattern: string | null): Matching {
  const filters = parseFilters(texts, KEYS);
  const of = (key: Key): readonly string[] => filters.filter((filter) => filter.key === key).map(({ value }) => value);
  const dangling = of("dangling").map((value) => {
    const asked = isTrue(value);
    if (asked === null) throw new CommandError(EXIT.failure, "invalid-filter", `invalid filter 'dangling=[${value}]'`);
    return asked;
  });
  const [before, since] = [of("before"), of("since")].map((words) => words.map((word) => readCreated(context, word)));
  const until = of("until").map((value) => Date.parse(momentOf("until", value, context.now())!));
  const patterns = [...of("reference"), ...(pattern === null ? [] : [pattern])].map(referencePattern);
  const labels = of("label");
  const made = ({ created }: ImageSummary): number => Date.parse(created) || 0;
  return (summary) =>
    dangling.every((asked) => (summary.tag === null) === asked) &&
    [...before!, ...until].every((time) => made(summary) < time) && since!.every((time) => made(summary) > time) &&
    (patterns.length === 0 || patterns.some((matches) => matches(summary))) &&
    (labels.length === 0 || hasAll(readLabels(context, summary.id), labels));
}

function hasAll(own: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const equals = text.indexOf("=");
    const key = equals === -1 ? text : text.slice(0, equals);
    return Object.hasOwn(own, key) && (equals === -1 || own[key] === text.slice(equals + 1));
  });
}

/** As reference.FamiliarMatch: against "ubuntu", "ubuntu:22.04", "ubuntu@sha256:…". A name in full ("docker.io/library/ubuntu") is one too. */
function referencePattern(pattern: string): Matching {
  const expressions = [pathMatch(pattern), ...fullName(pattern)];
  return ({ repository, tag, digest }) => {
    if (repository === null) return false;
    const names = [repository, ...(tag === null ? [] : [`${repository}:${tag}`]), ...(digest === null ? [] : [`${repository}@${digest}`])];
    return names.some((name) => expressions.some((expression) => expression.test(name)));
  };
}

function fullName(pattern: string): RegExp[] {
  if (/[*?[\\]/.test(pattern)) return [];
  try {
    return [pathMatch(familiarName(parseReference(pattern)))];
  } catch {
    // No name at all: it matches nothing.
    return [];
  }
}

/** Go's path.Match: "*" and "?" stop at a slash, "[a-z]" and "[^a]" are classes. Throws MdkError for a class without end. */
function pathMatch(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|[*?]|[^]/g, (whole, escaped: string | undefined, not: string | undefined, inner: string | undefined) => {
    if (escaped !== undefined) return RegExp.escape(escaped);
    if (inner !== undefined) return `[${not}${inner.replace(/\\?([^-\\])/g, (_, c: string) => (/[\]^[]/.test(c) ? `\\${c}` : c))}]`;
    if (whole === "*") return "[^/]*";
    if (whole === "?") return "[^/]";
    if (whole === "[" || whole === "\\") throw new CommandError(EXIT.failure, "invalid-filter", "syntax error in pattern");
    return RegExp.escape(whole);
  });
  return new RegExp(`^${source}$`);
}
