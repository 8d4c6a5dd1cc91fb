/** What the three inspect commands share: finding, Docker's JSON array or a template, and one error for each missing name. */
import { EXIT, MdkError } from "../../error.ts";
import { readInspect } from "../../api/inspect.ts";
import type { Invocation } from "../grammar/flags.ts";
import { json, print, printable, printError } from "./text.ts";
import { renderTemplate } from "./template.ts";

/** `type`: "container", "image", or null for either. Prints what it found; status 1 when something is missing. */
export function inspectWith({ context, flags, operands }: Invocation, type: string | null): number {
  if (type !== null && type !== "container" && type !== "image") throw new MdkError("invalid-type", `"${type}" is not a valid value for --type`, { hint: "mdk knows container and image" });
  const found: unknown[] = [];
  const errors: string[] = [];
  for (const word of operands) {
    const object = readInspect(context, word, type);
    if (object === null) errors.push(`mdk: No such ${type ?? "object"}: ${word}`);
    else found.push(object);
  }
  const format = flags.string("format");
  if (format === null) print(found.length === 0 ? "[]" : json(found, 4));
  else for (const object of found) print(format === "json" ? json(object) : renderTemplate(format, object));
  for (const error of errors) printError(printable(error));
  return errors.length === 0 ? 0 : EXIT.failure;
}
