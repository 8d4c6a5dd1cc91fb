/** What flags of a build say as "key=value" fields: outputs, caches. `wrong` makes the error. Pure. */
import type { MdkError } from "../../error.ts";

export function keyedFields(parts: readonly string[], wrong: (message: string) => MdkError): Map<string, string> {
  return new Map(parts.map((part): [string, string] => {
    const equals = part.indexOf("=");
    if (equals === -1) throw wrong(`invalid value ${part}`);
    return [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1)];
  }));
}

/** A bool as Go reads it; `usual` where nothing is said. */
export function flagField(fields: ReadonlyMap<string, string>, key: string, usual: boolean, wrong: (message: string) => MdkError): boolean {
  const value = fields.get(key);
  if (value === undefined) return usual;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw wrong(`non-bool value ${JSON.stringify(value)} specified for ${key}`);
}
