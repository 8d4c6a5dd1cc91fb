/** What `docker build --check` prints: a count, each warning with its page and the lines it is about, the error at the end. */
import { withoutPasswords } from "../../build/context/remote.ts";
import type { CheckResult } from "../../build/check/check.ts";
import { pageOf } from "../../build/check/rules.ts";
import type { Span } from "../../build/language/error.ts";
import { printable } from "../output/text.ts";

const RULE = "-".repeat(20);

/** Of the whole: ends without a newline. */
export function checkOutput({ warnings, error }: CheckResult, name: string, text: string): string {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  const parts = warnings.map(({ rule, detail, span }) => `\nWARNING: ${rule} - ${pageOf(rule)}\n${printable(withoutPasswords(detail))}\n${excerpt(lines, span, name)}`);
  const count = warnings.length === 1 ? "1 warning has been found!" : `${warnings.length} warnings have been found!`;
  const head = warnings.length > 0 ? [`Check complete, ${count}`] : error === null ? ["Check complete, no warnings found."] : [];
  const end = error === null ? [] : [`\n${printable(withoutPasswords(error.message))}${error.span === null ? "" : `\n${excerpt(lines, error.span, name)}`}`];
  return [...head, ...parts, ...end].join("\n");
}

/** Of a Dockerfile's text: what stands at the span. */
export function excerptOf(text: string, span: Span, name: string): string {
  return excerpt(text.replace(/^\ufeff/, "").split("\n"), span, name);
}

/** More than anybody reads is nothing that somebody wrote. */
const SHOWN_MAX = 4096;
const shortened = (line: string): string => (line.length <= SHOWN_MAX ? line : `${line.slice(0, SHOWN_MAX)}…`);

/** The lines of the span, marked, and as many around them as BuildKit shows: four lines for one, fewer for several. */
function excerpt(lines: readonly string[], { start, end }: Span, name: string): string {
  let [first, last] = [start.line, Math.min(end.line, lines.length)];
  if (first > lines.length) return `${printable(name)}:${first}`;
  const more = first === end.line ? 4 : 2;
  for (let shown = 0; shown < more; shown++) {
    if (first > 1) [first, shown] = [first - 1, shown + 1];
    if (last < lines.length) [last, shown] = [last + 1, shown + 1];
  }
  const shown = lines.slice(first - 1, last).map((line, index) => {
    const number = first + index;
    const mark = number >= start.line && number <= end.line ? ">>>" : "   ";
    return ` ${String(number).padStart(3)} | ${mark} ${printable(shortened(withoutPasswords(line.replace(/\r$/, ""))))}`;
  });
  return [`${printable(name)}:${start.line}`, RULE, ...shown, RULE].join("\n");
}
