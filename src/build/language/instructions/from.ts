/** FROM [--platform=PLATFORM] BASE [AS NAME]. */
import { quote } from "../text.ts";
import type { Reading } from "./reading.ts";
import type { FromInstruction } from "./types.ts";

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

export function parseFrom({ statement: { words, at }, origin, flags, refuse }: Reading): FromInstruction {
  const [base, as, name] = words;
  const isNamed = words.length === 3 && as!.text.toLowerCase() === "as";
  if (base === undefined || (words.length !== 1 && !isNamed)) throw refuse("FROM requires either one or three arguments", words[1]?.at ?? at);
  const lower = name?.text.toLowerCase() ?? null;
  if (lower !== null && !STAGE_NAME.test(lower)) {
    throw refuse(`invalid name for build stage: ${quote(name!.text)}, name can't start with a number or contain symbols`, name!.at);
  }
  const platform = flags({ platform: "value" }).value("platform") || null;
  return { ...origin, kind: "from", base: base.text, name: lower, platform, as: isNamed ? [as!.text, name!.text] : null };
}
