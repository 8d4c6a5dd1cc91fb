/** What a container runs: CMD, ENTRYPOINT, SHELL, HEALTHCHECK. */
import { parseDuration } from "../../../spec/duration.ts";
import { quote } from "../text.ts";
import type { Reading } from "./reading.ts";
import type { HealthcheckInstruction, ProgramInstruction, ShellInstruction } from "./types.ts";

const NANOSECONDS_MIN = 1e6;
const RETRIES_MAX = 0x7fff_ffff;

/** CMD and ENTRYPOINT: an empty one takes away what was inherited. */
export function parseProgram({ statement: { words, isExecForm }, origin, flags }: Reading, kind: "cmd" | "entrypoint"): ProgramInstruction {
  flags({});
  return { ...origin, kind, command: { words: words.map(({ text }) => text), isExecForm } };
}

export function parseShell({ statement: { words, isExecForm, source }, origin, flags, refuse }: Reading): ShellInstruction {
  flags({});
  const [first] = words;
  if (first === undefined) throw refuse("SHELL requires at least one argument");
  if (!isExecForm) throw refuse(`SHELL requires the arguments to be in JSON form${mixedUp(source)}`, first.at);
  return { ...origin, kind: "shell", command: words.map(({ text }) => text) };
}

/** An exec form with single quotes is a common slip. */
function mixedUp(source: string): string {
  return /\[\s*'/.test(source) ? ": strings need double quotes" : "";
}

const TIMES = { interval: "interval", timeout: "timeout", "start-period": "startPeriod", "start-interval": "startInterval" } as const;

export function parseHealthcheck({ statement: { words, isExecForm, flags: flagWords }, origin, flags, refuse }: Reading): HealthcheckInstruction {
  const [kind, ...command] = words;
  if (kind === undefined) throw refuse("HEALTHCHECK requires at least one argument");
  const type = kind.text.toUpperCase();
  const none: HealthcheckInstruction = { ...origin, kind: "healthcheck", test: ["NONE"], interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
  if (type === "NONE") {
    if (command.length > 0) throw refuse("HEALTHCHECK NONE takes no arguments", command[0]!.at);
    return none;
  }
  const given = flags({ interval: "value", timeout: "value", "start-period": "value", "start-interval": "value", retries: "value" });
  const place = (name: string): number | undefined => flagWords.find(({ text }) => text.startsWith(`--${name}=`))?.at;
  if (type !== "CMD") throw refuse(`Unknown type ${quote(type)} in HEALTHCHECK (try CMD)`, kind.at);
  if (command.length === 0) throw refuse("Missing command after HEALTHCHECK CMD", kind.at);
  const times = Object.fromEntries(Object.entries(TIMES).map(([name, field]) => [field, nanoseconds(name, given.value(name), (message) => refuse(message, place(name)))]));
  const retries = retriesOf(given.value("retries"), (message) => refuse(message, place("retries")));
  return { ...none, ...times, retries, test: [isExecForm ? "CMD" : "CMD-SHELL", ...command.map(({ text }) => text)] };
}

function nanoseconds(name: string, text: string | null, refuse: (message: string) => Error): number {
  if (text === null || text === "") return 0;
  const span = parseDuration(text);
  if (span === null) throw refuse(durationProblem(text));
  if (span !== 0 && span < NANOSECONDS_MIN) throw refuse(`Interval ${quote(name)} cannot be less than 1ms`);
  return span;
}

/** A number, and what is taken for its unit: all up to the next number. Sound parts before it are passed over. */
const LAST_PART = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|ms|s|m|h)(?=[\d.]))*(?:\d+\.?\d*|\.\d+)([^\d.]*)/;

/** time.ParseDuration tells a number without a unit, and one with another, from what is no number. */
function durationProblem(text: string): string {
  const unit = LAST_PART.exec(text)?.[1];
  if (unit === undefined) return `time: invalid duration ${quote(text)}`;
  return unit === "" ? `time: missing unit in duration ${quote(text)}` : `time: unknown unit ${quote(unit)} in duration ${quote(text)}`;
}

function retriesOf(text: string | null, refuse: (message: string) => Error): number {
  if (text === null || text === "") return 0;
  if (!/^[+-]?\d+$/.test(text)) throw refuse(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`);
  const retries = Number(text);
  if (retries > RETRIES_MAX || retries < -RETRIES_MAX - 1) throw refuse(`strconv.ParseInt: parsing ${quote(text)}: value out of range`);
  if (retries < 0) throw refuse(`--retries cannot be negative (${retries})`);
  return retries;
}
