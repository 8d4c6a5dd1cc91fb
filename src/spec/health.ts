/** HEALTHCHECK and `--health-*`: what is asked, joined with the image, and what comes of it. Pure. */
import { MdkError } from "../error.ts";
import type { Healthcheck } from "../image/config.ts";
import { integerOf, objectOf, optional, stringsOf } from "../image/json.ts";

export const HEALTH_ACTIONS = ["none", "kill", "restart", "stop"] as const;
/** What is done about a container that turns unhealthy. */
export type HealthAction = (typeof HEALTH_ACTIONS)[number];

const NS_PER_MS = 1_000_000;
/** moby daemon/health.go: where nothing is said. */
const DEFAULTS = { Interval: 30_000, Timeout: 30_000, StartPeriod: 0, StartInterval: 5_000, Retries: 3 } as const;
/** What the shim's timers hold. */
const MS_MAX = 2 ** 32 - 1;

/** In milliseconds. */
export interface HealthTimes {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

/** From JSON: members that are missing are 0, which is "the image's, else the default". Throws MdkError in Docker's words. */
export function decodeHealth(value: unknown, what: string): Healthcheck {
  const check = objectOf(value, what);
  const number = (name: string): number => optional(check[name], (given) => integerOf(given, `${what}.${name}`), 0);
  const health = {
    Test: optional(check.Test, (given) => stringsOf(given, `${what}.Test`), []),
    Interval: number("Interval"), Timeout: number("Timeout"), StartPeriod: number("StartPeriod"), StartInterval: number("StartInterval"), Retries: number("Retries"),
  };
  for (const name of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    if (health[name] !== 0 && health[name] < NS_PER_MS) throw new MdkError("invalid", "invalid-health", `${name} in Healthcheck cannot be less than 1ms`);
  }
  if (health.Retries < 0) throw new MdkError("invalid", "invalid-health", "Retries in Healthcheck cannot be negative");
  return health;
}

/** The request's members, the image's where it says nothing (moby daemon/commit.go, merge). */
export function joinHealth(asked: Healthcheck | undefined, image: Healthcheck | null): Healthcheck | undefined {
  if (asked === undefined) return image ?? undefined;
  if (image === null || asked.Test.length > 0 && asked.Test[0] === "NONE") return asked;
  return {
    Test: asked.Test.length > 0 ? asked.Test : image.Test, Interval: asked.Interval || image.Interval, Timeout: asked.Timeout || image.Timeout,
    StartPeriod: asked.StartPeriod || image.StartPeriod, StartInterval: asked.StartInterval || image.StartInterval, Retries: asked.Retries || image.Retries,
  };
}

/** What a probe executes; null: the container's health is not checked. Throws MdkError for a kind that nobody knows. */
export function probeOf({ Healthcheck: health, Shell: shell }: { readonly Healthcheck?: Healthcheck; readonly Shell?: readonly string[] }): readonly string[] | null {
  const [kind, ...words] = health?.Test ?? [];
  switch (kind) {
    case undefined:
    case "NONE":
      return null;
    case "CMD":
      return words;
    case "CMD-SHELL":
      return [...(shell ?? ["/bin/sh", "-c"]), words.join(" ")];
    default:
      throw new MdkError("invalid", "invalid-health", `Unknown healthcheck type '${kind}' (expected 'CMD')`);
  }
}

export function healthTimes(health: Healthcheck): HealthTimes {
  const ms = (name: "Interval" | "Timeout" | "StartPeriod" | "StartInterval"): number => Math.min(health[name] === 0 ? DEFAULTS[name] : Math.ceil(health[name] / NS_PER_MS), MS_MAX);
  return { intervalMs: ms("Interval"), timeoutMs: ms("Timeout"), startPeriodMs: ms("StartPeriod"), startIntervalMs: ms("StartInterval"), retries: health.Retries || DEFAULTS.Retries };
}
