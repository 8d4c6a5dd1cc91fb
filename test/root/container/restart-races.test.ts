/** A user's word that comes while a policy's is carried out, and a clock that is set meanwhile. */
import { expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";

useBusyboxWorld();

const state = (name: string): string => world.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", name);
const FAILS = ["sh", "-c", "exit 3"];
const HOUR_MS = 3_600_000;

function withRows<T>(work: (rows: Database) => T): T {
  const rows = new Database(join(world.root, "mdk.db"));
  try {
    return work(rows);
  } finally {
    rows.close();
  }
}

/** A `mdk start` that stands still with its row written and nothing running yet. */
function startHalfway(name: string): Bun.Subprocess {
  const starting = world.spawn(["start", name], "ignore");
  withRows((rows) => {
    const phase = rows.query("SELECT phase FROM containers WHERE name = ?");
    while ((phase.get(name) as { phase: string }).phase !== "started") Bun.sleepSync(0.1);
    starting.kill("SIGSTOP");
  });
  expect(state(name)).toMatch(/^created /);
  return starting;
}

for (const [word, ...args] of [["stop", "-t", "0"], ["kill"]] as const) {
  test(`${word} of one that is just being started ends it`, async () => {
    world.ok("create", "--name", "begun", busybox, "sleep", "1000");
    const starting = startHalfway("begun");
    const ending = world.spawn([word, ...args, "begun"], "ignore");
    await Bun.sleep(200);
    starting.kill("SIGCONT");
    expect([await starting.exited, await ending.exited]).toEqual([0, 0]);
    await until(() => state("begun") === "exited 137 0", "it has ended");
    world.ok("rm", "begun");
  });
}

test("stop and kill end whoever crashes in a loop, whenever they come", async () => {
  const words = [["stop", "-t", "0"], ["kill"], ["stop"], ["rm", "-f"]] as const;
  for (let round = 0; round < 24; round++) {
    const name = `loops${round}`;
    world.ok("run", "-d", "--name", name, "--restart", "always", busybox, ...FAILS);
    await Bun.sleep((round * 13) % 150);
    const [word, ...args] = words[round % words.length]!;
    expect([word, world.mdk([word, ...args, name])]).toEqual([word, { status: 0, stdout: `${name}\n`, stderr: "" }]);
    if (word === "rm") expect(world.mdk(["inspect", name]).status).toBe(1);
    else expect([round, state(name)]).toEqual([round, expect.stringMatching(/^exited /)]);
  }
  await Bun.sleep(300);
  expect(world.ok("ps", "-a", "--format", "{{.State}}").split("\n")).toEqual(Array.from({ length: 18 }, () => "exited"));
});

/** As if the clock had been set by so much while it waits. */
async function waitsSince(name: string, movedMs: number): Promise<void> {
  world.ok("run", "-d", "--name", name, "--restart", "always", busybox, ...FAILS);
  await until(() => state(name) === "restarting 3 3", "it waits for 800 ms");
  withRows((rows) => rows.query("UPDATE containers SET restart_at = restart_at - ? WHERE name = ?").run(movedMs, name));
}

test("a clock that is set, or a host that sleeps, while one waits keeps nobody from being started", async () => {
  await waitsSince("forward", HOUR_MS);
  world.ok("run", "--rm", busybox, "true"); // looks at what others left
  expect(state("forward")).toBe("restarting 3 3");
  await until(() => Number(state("forward").split(" ")[2]) > 3, "it is started again");
  await waitsSince("back", -HOUR_MS);
  await until(() => Number(state("back").split(" ")[2]) > 3, "it is started again");
});

test("a signal that a foreground client passes on is its user's word, as kill's", async () => {
  for (const [name, signal, ...flags] of [["front", "SIGTERM"], ["own", "SIGUSR1", "--stop-signal", "USR1"]] as const) {
    const front = world.spawn(["run", "--name", name, "--restart", "always", ...flags, busybox, "sh", "-c", "trap 'exit 6' TERM USR1; echo up; while :; do sleep 0.02; done"], "ignore");
    await until(() => world.mdk(["logs", name]).stdout === "up\n", "it is up");
    front.kill(signal);
    expect(await front.exited).toBe(6);
    await until(() => state(name) === "exited 6 0", "it stays ended");
    await Bun.sleep(200);
    expect(state(name)).toBe("exited 6 0");
  }
  // Not the one that is meant to end it.
  const other = world.spawn(["run", "--name", "other", "--restart", "always", "--stop-signal", "USR1", busybox, "sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done"], "ignore");
  await until(() => world.mdk(["logs", "other"]).stdout === "up\n", "it is up");
  other.kill("SIGTERM");
  expect(await other.exited).toBe(6);
  await until(() => state("other") === "running 0 1", "its policy starts it again");
});

test("who waits is told the status of one that is removed, by itself or by somebody else", async () => {
  const ends = ["sh", "-c", "sleep 0.15; exit 9"];
  const removed = Array.from({ length: 6 }, () => ["--condition", "removed"] as const);
  for (const args of [...removed, ["--condition", "exited", "--timeout", "10s"], []] as const) {
    world.ok("run", "-d", "--rm", "--name", "goes", busybox, ...ends);
    expect([args, world.ok("wait", ...args, "goes")]).toEqual([args, "9"]);
    await until(() => world.ok("ps", "-aq") === "", "it is gone");
  }
  world.ok("run", "-d", "--name", "taken", "--restart", "always", busybox, "sleep", "1000");
  const waiting = world.spawn(["wait", "taken"], "ignore");
  await Bun.sleep(200);
  world.ok("rm", "-f", "taken");
  expect(await new Response(waiting.stdout).text()).toBe("137\n");
  expect(world.mdk(["wait", "--condition", "removed", "--timeout", "100ms", world.ok("run", "-d", busybox, "sleep", "1000")])).toMatchObject({ status: 1, stderr: expect.stringContaining("is not removed after 0.1 seconds") });
});

test("run --wait takes no end for the last that a policy follows", () => {
  for (let round = 0; round < 4; round++) {
    expect(world.mdk(["run", "-d", "--wait=600ms", "--name", `ready${round}`, "--restart", "always", "--health-cmd", "false", busybox, "sh", "-c", "exit 9"]))
      .toMatchObject({ status: 1, stderr: expect.stringContaining("is not healthy after 0.6 seconds") });
  }
});
