/** "# check=skip=A,B;error=true;experimental=all": of the whole file, or of the instruction below it. */
import { parseDirective } from "../language/directives.ts";
import { parseBoolean, quote, trim } from "../language/text.ts";
import { EXPERIMENTAL, type RuleName } from "./rules.ts";

export interface CheckSettings {
  readonly skip: ReadonlySet<string> | "all";
  readonly experimental: ReadonlySet<string> | "all";
  /** A warning makes the build fail. */
  readonly isError: boolean;
}

const NOTHING: CheckSettings = { skip: new Set(), experimental: new Set(), isError: false };

/** `text`: what stands after "check="; null: nothing does. Throws an Error in BuildKit's words for options there are not. */
export function parseCheckSettings(text: string | null): CheckSettings {
  const settings = { ...NOTHING };
  const said = trim(text ?? "");
  if (said === "") return settings;
  const [first = "", second, ...rest] = said.split(";");
  for (const part of [first, second, ...(rest.length === 0 ? [] : [rest.join(";")])]) {
    if (part === undefined) continue;
    const equals = part.indexOf("=");
    if (equals === -1) throw new Error(`invalid check option ${quote(part)}`);
    const [key, value] = [trim(part.slice(0, equals)), trim(part.slice(equals + 1))];
    if (key === "skip" || key === "experimental") settings[key] = value === "all" ? "all" : new Set(value.split(",").map(trim));
    else if (key === "error") settings.isError = boolean(part, value);
    else throw new Error(`invalid check option ${quote(key)}`);
  }
  return settings;
}

function boolean(part: string, value: string): boolean {
  const answer = parseBoolean(value);
  if (answer === null) throw new Error(`failed to parse check option ${quote(part)}: strconv.ParseBool: parsing ${quote(value)}: invalid syntax`);
  return answer;
}

/** With what the comments above an instruction say; what is wrong in those is passed over, and "error" is the whole file's. */
export function withComments(settings: CheckSettings, comments: readonly string[]): CheckSettings {
  const value = comments.map(parseDirective).find((directive) => directive?.name === "check")?.value.split(" ")[0];
  if (value === undefined) return settings;
  try {
    const own = parseCheckSettings(value);
    return { ...settings, skip: union(settings.skip, own.skip), experimental: union(settings.experimental, own.experimental) };
  } catch {
    return settings;
  }
}

function union(a: CheckSettings["skip"], b: CheckSettings["skip"]): CheckSettings["skip"] {
  return a === "all" || b === "all" ? "all" : new Set([...a, ...b]);
}

export function isChecked(rule: RuleName, { skip, experimental }: CheckSettings): boolean {
  if (EXPERIMENTAL.has(rule)) return experimental === "all" || experimental.has(rule);
  return skip !== "all" && !skip.has(rule);
}
