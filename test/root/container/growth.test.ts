/** What a command costs must not grow with what runs beside it: system calls are counted, since times on a shared machine tell little. */
import { afterAll, beforeAll, expect } from "bun:test";
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startWorld } from "../../helpers/mdk.ts";
import { hasTool, testIf } from "../../helpers/requires.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
beforeAll(async () => void (world = await startWorld("busybox")));
afterAll(() => world?.close());

/** System calls of a command of mdk's and all that it starts, with an empty log of the database: how long it is depends on what wrote before. */
function callsOf(...args: readonly string[]): number {
  const database = new Database(join(world.root, "mdk.db"));
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  const trace = join(world.folder, "trace");
  const { exitCode } = Bun.spawnSync(["strace", "-f", "-qq", "-c", "-o", trace, ...world.words(...args)], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  if (exitCode !== 0) throw new Error(`mdk ${args.join(" ")}: ${exitCode}`);
  return Number(/^100\.00\s+\S+\s+\S+\s+(\d+)/m.exec(readFileSync(trace, "utf8"))?.[1]);
}
const median = (measure: () => number): number => [measure(), measure(), measure()].sort((a, b) => a - b)[1]!;

testIf(hasTool("strace"), "needs strace")("a run costs the same with 60 running as with 20, and ps and info look at each with a handful of calls", async () => {
  const busybox = world.image("busybox");
  const start = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 10) {
      const all = Array.from({ length: 10 }, () => world.spawn(["run", "-d", "--network", "none", busybox, "sleep", "1000"], "ignore"));
      await Promise.all(all.map(({ exited }) => exited));
    }
  };
  const measure = (): Record<"run" | "quiet" | "ps" | "info", number> => {
    const calls = (...words: string[]): number => median(() => callsOf(...words));
    return { run: calls("run", "--rm", "--network", "none", busybox, "true"), quiet: calls("ps", "-q"), ps: calls("ps"), info: calls("info") };
  };
  await start(20);
  const few = measure();
  await start(40);
  const many = measure();
  expect(world.ok("ps", "-q").split("\n")).toHaveLength(60);
  expect(many.run - few.run).toBeLessThan(120); // three calls a container would be 120; threads of the runtime vary by some
  const each = (command: "quiet" | "ps" | "info"): number => (many[command] - few[command]) / 40;
  // Its lock, its state and its end are looked at: five calls, and a page of the database for several.
  expect(each("quiet")).toBeLessThan(6);
  expect(each("info")).toBeLessThan(7); // threads of its own vary by some
  expect(each("ps")).toBeLessThan(15);
  world.removeAll();
}, 120_000);
