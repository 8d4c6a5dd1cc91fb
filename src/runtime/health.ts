/** A container's health as its monitor notes it in the run directory (shim/health.zig). */
import { readFileSync } from "node:fs";

export type HealthWord = "starting" | "healthy" | "unhealthy";

export interface HealthResult {
  /** RFC 3339. */
  readonly start: string;
  readonly end: string;
  /** -1: it took too long. UNSTARTED: it could not be started, and `output` is the shim's report of that */
  readonly code: number;
  readonly output: string;
}

export interface HealthState {
  readonly word: HealthWord;
  /** Failures in a row. */
  readonly streak: number;
  /** The last ones, the oldest first. */
  readonly results: readonly HealthResult[];
}

export const UNSTARTED = -2;

/** The same as in shim/health.zig. */
const KEPT = 5;

/** `health`, without the results. Null: there is none, or it is being made. */
export function readHealthWord(directory: string): Pick<HealthState, "word" | "streak"> & { readonly count: number } | null {
  const match = /^(starting|healthy|unhealthy) (\d+) (\d+)\n$/.exec(text(`${directory}/health`) ?? "");
  return match === null ? null : { word: match[1] as HealthWord, streak: Number(match[2]), count: Number(match[3]) };
}

export function readHealth(directory: string): HealthState | null {
  const found = readHealthWord(directory);
  if (found === null) return null;
  const { word, streak, count } = found;
  const results: HealthResult[] = [];
  for (let number = Math.max(0, count - KEPT); number < count; number++) {
    const match = /^(\S+) (\S+) (-?\d+)\n([\s\S]*)$/.exec(text(`${directory}/health.${number % KEPT}`) ?? "");
    if (match !== null) results.push({ start: match[1]!, end: match[2]!, code: Number(match[3]), output: match[4]! });
  }
  return { word, streak, results };
}

/** Names in the run directory that a new start takes away. */
export const HEALTH_FILES: readonly string[] = ["health", "health.tmp", "health.lock", ...Array.from({ length: KEPT }, (_, index) => `health.${index}`)];

function text(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
