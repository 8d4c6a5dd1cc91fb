/**
 * A sample of the sweep (`npm run fault` strikes at every point): the first and the last of each kind of call that each
 * process makes, thinned to what a test run can spend. Killed, refused by the kernel, interrupted from the terminal.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { pushLayered } from "./scenarios.ts";
import { ALL, errorsAt, sweep } from "./sweep.ts";
import type { Point, Strike } from "./trace.ts";
import { openWorld, type World } from "./world.ts";

const able = isRoot && process.arch === "x64" && ["docker-registry", "skopeo", "umoci", "nft"].every(hasTool);
const sampled = testIf(able, "needs root, x86_64 and docker-registry, skopeo, umoci, nft");

let world: World;
beforeAll(async () => {
  if (able) world = await openWorld(pushLayered);
});
afterAll(async () => {
  await world?.close();
});

/** The last call of each kind of each process, and of those every N-th. */
function lastOfEach(points: readonly Point[], every: number): Point[] {
  const last = new Map<string, Point>();
  for (const point of points) last.set(`${point.role} ${point.call}`, point);
  return [...last.values()].filter((_, index) => index % every === 0);
}

const spread = (points: readonly Point[], count: number): Point[] => points.filter((_, index) => index % Math.ceil(points.length / count) === 0);
const kills = (points: readonly Point[]): Strike[] => points.map((point) => ({ ...point, with: "kill" }));
const interrupts = (points: readonly Point[]): Strike[] => points.map((point) => ({ ...point, with: "signal", signal: 2 }));

for (const scenario of ALL) {
  sampled(`${scenario.name}, killed: vanished whole or run, never a third state`, () => {
    const { failures, missed, struck } = sweep(world, scenario, (points) => kills([...lastOfEach(points, 16), ...spread(points, 3)]), () => {});
    expect(failures).toEqual([]);
    expect(missed).toEqual([]);
    expect(struck).toBeGreaterThan(3);
  });
}

for (const scenario of ALL.filter(({ name }) => name === "run -p" || name === "pull")) {
  sampled(`${scenario.name}, a call refused: one line says so and nothing is left`, () => {
    const { failures, missed } = sweep(world, scenario, (points) => errorsAt([...lastOfEach(points, 16), ...spread(points, 3)]), () => {});
    expect([...failures, ...missed]).toEqual([]);
  });

  sampled(`${scenario.name}, interrupted from the terminal: nothing is left, or the program has the signal`, () => {
    const { failures, missed } = sweep(world, scenario, (points) => interrupts(spread(points.filter(({ role }) => role === "mdk"), 8)), () => {});
    expect([...failures, ...missed]).toEqual([]);
  });
}
