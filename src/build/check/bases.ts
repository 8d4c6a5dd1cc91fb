/** Checks of what FROM names: its arguments, its platform, what comes out of defaults. */
import { parsePlatform, type Platform } from "../../image/platform.ts";
import { parseReference } from "../../image/reference.ts";
import { expandWord, type Expanded } from "../language/expand/word.ts";
import { suggestion } from "../language/text.ts";
import { globalScope, type GlobalScope } from "../graph/scope.ts";
import type { FromInstruction } from "../language/instructions/types.ts";
import type { Dockerfile } from "../language/parse.ts";
import type { CheckReport } from "./report.ts";

/** FROM's names must be some even when nobody gives a --build-arg. */
export function checkDefaults(report: CheckReport, dockerfile: Dockerfile, predefined: ReadonlyMap<string, string>): void {
  const { escape } = dockerfile.directives;
  try {
    const { values, budget } = globalScope(dockerfile.arguments, predefined, new Map(), escape);
    for (const { from } of dockerfile.stages) {
      const { text } = expandWord(from.base, (name) => values.get(name), { escape, budget });
      if (!isReference(text)) report.warn("InvalidDefaultArgInFrom", from.span, from.base);
    }
  } catch {
    // What is wrong here is an error of the build's own, and told there.
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

/** A FROM, as far as its words can be expanded. */
export function checkFromWords(report: CheckReport, from: FromInstruction, globals: GlobalScope, { escape, host }: { readonly escape: string; readonly host: Platform }): void {
  const expand = (text: string): Expanded => expandWord(text, (name) => globals.values.get(name), { escape, budget: globals.budget });
  const declared = new Set([...globals.declared, ...globals.values.keys()]);
  const undeclared = ({ unmatched }: Expanded): void => {
    for (const name of [...unmatched].filter((one) => !declared.has(one))) report.warnOf("UndefinedArgInFrom", from, name, suggestion(name, declared));
  };
  undeclared(expand(from.base));
  if (from.platform === null) return;
  const platform = expand(from.platform);
  undeclared(platform);
  const isAsTarget = platform.matched.size === 1 && platform.unmatched.size === 0 && platform.matched.has("TARGETPLATFORM");
  if (isAsTarget && platform.text === globals.values.get("TARGETPLATFORM")) report.warnOf("RedundantTargetPlatform", from, from.platform);
  if (platform.matched.size === 0 && platform.unmatched.size === 0) checkConstant(report, from, platform.text, host);
}

/** A stage that is named after what it is for may be for that only. */
function checkConstant(report: CheckReport, from: FromInstruction, text: string, host: Platform): void {
  let platform: Platform;
  try {
    platform = parsePlatform(text, host);
  } catch {
    return; // told as an error
  }
  const name = from.name ?? "";
  if (!name.includes(platform.os) && !name.includes(platform.architecture)) report.warnOf("FromPlatformFlagConstDisallowed", from, text);
}
