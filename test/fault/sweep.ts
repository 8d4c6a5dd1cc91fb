/**
 * The sweep: `bun test/fault/sweep.ts [--every N] [--errors] [SCENARIO…]`. Records each scenario, strikes at every recorded
 * point (or each N-th) in a run of its own, and prints what is wrong. Status 1 if anything is.
 */
import { build } from "./build-scenario.ts";
import { locatedRun } from "./located-scenario.ts";
import { NETWORK_SCENARIOS } from "./network-scenarios.ts";
import { SCENARIOS, pushLayered, type Scenario } from "./scenarios.ts";
import { trace, type Point, type Strike } from "./trace.ts";
import { errnoName } from "../../src/sys/errno.ts";
import { openWorld, type World } from "./world.ts";

export interface Result {
  readonly recorded: number;
  readonly struck: number;
  /** Points that no run came by, in three tries. */
  readonly missed: readonly string[];
  readonly failures: readonly string[];
}

export const ALL: readonly Scenario[] = [...SCENARIOS, locatedRun, build, ...NETWORK_SCENARIOS];

const TRIES = 3;

const label = ({ role, call, n }: Point): string => `${role} ${call} ${n}`;

/** Records the scenario undisturbed. */
export function record(world: World, scenario: Scenario): { points: readonly (Point & { object: string })[]; failures: string[] } {
  // Once before: what exists once per host is there then, in this run as in those that follow.
  scenario.prepare(world);
  scenario.check(world, trace(scenario.argv(world), null, world.folder), null);
  scenario.prepare(world);
  const done = trace(scenario.argv(world), null, world.folder);
  return { points: done.points, failures: scenario.check(world, done, null).map((problem) => `undisturbed: ${problem}`) };
}

/** Strikes once, in as many tries as it takes to come by the point. */
export function strikeAt(world: World, scenario: Scenario, strike: Strike): { readonly hit: boolean; readonly failures: string[] } {
  const failures: string[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    scenario.prepare(world);
    const done = trace(scenario.argv(world), strike, world.folder);
    const about = `${scenario.name}: ${strike.with}${strike.with === "error" ? ` ${errnoName(strike.errno)}` : ""} at ${label(strike)} (${done.object})`;
    failures.push(...scenario.check(world, done, done.hit ? strike : null).map((problem) => `${about}: ${problem}`));
    if (done.hit) return { hit: true, failures };
  }
  return { hit: false, failures };
}

export function sweep(world: World, scenario: Scenario, choose: (points: readonly Point[]) => readonly Strike[], say: (line: string) => void): Result {
  const recorded = record(world, scenario);
  const failures = [...recorded.failures];
  for (const failure of failures) say(failure);
  const missed: string[] = [];
  const strikes = choose(recorded.points.filter(({ object }) => scenario.concerns?.test(object) ?? true));
  for (const strike of strikes) {
    const { hit, failures: found } = strikeAt(world, scenario, strike);
    if (!hit) {
      const { object } = recorded.points.find(({ role, call, n }) => role === strike.role && call === strike.call && n === strike.n)!;
      missed.push(`${label(strike)} (${object})`);
      say(`${scenario.name}: never came by ${label(strike)} (${object})`);
    }
    for (const failure of found) say(failure);
    failures.push(...found);
  }
  say(`${scenario.name}: ${recorded.points.length} points recorded, ${strikes.length - missed.length} of ${strikes.length} struck, ${failures.length} problems`);
  return { recorded: recorded.points.length, struck: strikes.length - missed.length, missed, failures };
}

const E = { EPERM: 1, EIO: 5, EAGAIN: 11, EACCES: 13, EMFILE: 24, ENOSPC: 28, ENOBUFS: 105 };
/** What a full disk, a used-up limit or a policy makes of a call. */
const ERRORS: readonly (readonly [RegExp, number])[] = [
  [/^(mkdir|mknod|symlink|link|rename|write|pwrite|ftruncate|fallocate|creat)/, E.ENOSPC], [/^open/, E.EMFILE],
  [/^(fsync|fdatasync|syncfs|unlink|rmdir)/, E.EIO], [/^(clone|fork|vfork)/, E.EAGAIN], [/^send/, E.ENOBUFS], [/^exec/, E.EACCES], [/^/, E.EPERM],
];
/** Cannot fail, or nobody would look. */
const INFALLIBLE = /^(exit_group|prctl|setsid)$/;

/** The kernel's refusals at the same points. */
export function errorsAt(points: readonly Point[]): Strike[] {
  return points.filter(({ call }) => !INFALLIBLE.test(call)).map((point) => ({ ...point, with: "error", errno: ERRORS.find(([pattern]) => pattern.test(point.call))![1] }));
}

async function main(words: readonly string[]): Promise<number> {
  const every = words.includes("--every") ? Number(words[words.indexOf("--every") + 1]) : 1;
  const from = words.includes("--from") ? Number(words[words.indexOf("--from") + 1]) : 0;
  const errors = words.includes("--errors");
  const role = words.includes("--role") ? words[words.indexOf("--role") + 1]! : "";
  const wanted = ALL.filter(({ name }) => words.includes(name));
  const world = await openWorld(pushLayered);
  let bad = 0;
  try {
    for (const scenario of wanted.length > 0 ? wanted : ALL) {
      const { failures, missed } = sweep(world, scenario, (points) =>
        points.filter((point) => point.role.startsWith(role)).filter((_, index) => index >= from && (index - from) % every === 0).flatMap((point): Strike[] => (errors ? errorsAt([point]) : [{ ...point, with: "kill" }])), console.log);
      bad += failures.length + missed.length;
    }
  } finally {
    await world.close();
  }
  return bad === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
