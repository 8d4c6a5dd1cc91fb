/**
 * `kill -9` at random under load: mdk's commands and containers' monitors, 8 at a time, over a hundred containers. What is left is a
 * store that the next command finds consistent, and nothing that belongs to nobody. MDK_TEST_SEED repeats a run.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startWorld, type World } from "../../helpers/mdk.ts";
import { monitorsOf, until } from "../../helpers/mdk.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const CONTAINERS = 100;
const KILLS = 200;
const AT_ONCE = 8;
const seed = Number(process.env["MDK_TEST_SEED"] ?? Date.now() % 1e6);

/** mulberry32: the same numbers for the same seed. */
function generator(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

let world: World & { readonly image: (name: string) => string };
beforeAll(async () => {
  if (isRoot) world = await startWorld("busybox");
});
afterAll(() => world?.close());

testIf(isRoot, "needs root")(`${KILLS} kills among ${CONTAINERS} containers leave nothing that belongs to nobody (seed ${seed})`, async () => {
  const random = generator(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const name = (): string => `c${Math.floor(random() * CONTAINERS)}`;
  const image = world.image("busybox");
  const life = ["sh", "-c", "trap 'exit 0' TERM; while :; do echo x; sleep 0.1; done"];
  const commands: readonly (() => string[])[] = [
    () => ["run", "-d", "--name", name(), "-p", "80", image, ...life], () => ["run", "-d", "--rm", "--name", name(), image, ...life], () => ["run", "--rm", image, "true"],
    () => ["run", "-d", "--name", name(), "--restart", "always", image, "sh", "-c", "sleep 0.2; exit 1"], () => ["run", "-d", "--name", name(), "--health-cmd", "true", "--health-interval", "50ms", image, ...life],
    () => ["create", "--name", name(), image, ...life], () => ["start", name()], () => ["stop", "-t", "1", name()], () => ["restart", "-t", "0", name()], () => ["kill", name()], () => ["rm", name()], () => ["rm", "-f", name()],
    () => ["exec", name(), "true"], () => ["pause", name()], () => ["unpause", name()], () => ["rename", name(), name()], () => ["update", "--pids-limit", "50", name()], () => ["ps", "-a"], () => ["logs", name()], () => ["container", "prune", "-f"],
  ];
  const waiting = Array.from({ length: CONTAINERS }, (_, index) => index);
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      expect(await Bun.spawn(world.words("run", "-d", "--network", next % 2 === 0 ? "bridge" : "none", "--name", `c${next}`, image, ...life), { stdin: "ignore", stdout: "ignore", stderr: "inherit" }).exited).toBe(0);
    }
  }));
  let kills = 0;
  let ran = 0;
  const worker = async (): Promise<void> => {
    while (kills < KILLS) {
      const child = Bun.spawn(world.words(...pick(commands)()), { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
      ran++;
      const timer = setTimeout(() => {
        if (child.exitCode === null && random() < 0.6) {
          kills++;
          child.kill("SIGKILL");
        }
      }, random() * 40);
      await child.exited;
      clearTimeout(timer);
      if (random() < 0.2) {
        const monitor = pick(monitorsOf(world.runRoot).concat(0));
        if (monitor !== 0) {
          try {
            process.kill(monitor, "SIGKILL");
            kills++;
          } catch {
            // It has ended meanwhile.
          }
        }
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  expect(ran).toBeGreaterThan(KILLS);

  // The next command: it works, and what it says of each is so.
  expect(world.mdk(["ps", "-a"]).status).toBe(0);
  const rows = world.ok("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}").split("\n").filter((line) => line !== "").map((line) => line.split(" ") as [string, string]);
  for (const [id, state] of rows) {
    expect(["created", "running", "paused", "restarting", "exited"]).toContain(state);
    expect([id, (JSON.parse(world.ok("inspect", id)) as { Id: string }[])[0]!.Id]).toEqual([id, id]);
  }
  const ids = new Set(rows.map(([id]) => id));
  expect(readdirSync(join(world.root, "containers")).filter((id) => !ids.has(id))).toEqual([]);
  // Everything can be removed, and then nothing is left but what is made once a host.
  if (ids.size > 0) expect(world.mdk(["rm", "-f", ...ids])).toMatchObject({ status: 0, stderr: "" });
  expect(world.ok("ps", "-aq")).toBe("");
  await until(() => monitorsOf(world.runRoot).length === 0, "no monitor lives");
  expect(readdirSync(join(world.root, "containers"))).toEqual([]);
  expect(readdirSync(world.runRoot).filter((entry) => /^[0-9a-f]{64}$/.test(entry))).toEqual([]);
  expect(groups()).toEqual([]);
  expect(world.mdk(["clean", "-f"])).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(world.root);
  expect(Bun.spawnSync(["sh", "-c", `ls -d /sys/fs/cgroup/*/${parent()} /sys/fs/cgroup/${parent()} 2>/dev/null`]).stdout.toString()).toBe("");
}, 300_000);

const parent = (): string => (JSON.parse(world.ok("info", "--format", "json")) as { CgroupParent?: string }).CgroupParent ?? "none";

/** Cgroups of containers of this root, in any hierarchy. */
function groups(): string[] {
  const name = parent();
  return Bun.spawnSync(["sh", "-c", `find /sys/fs/cgroup -mindepth 2 -type d -path '*/${name}/*' ! -name monitor`]).stdout.toString().split("\n").filter((line) => line !== "");
}
