/** Commands on one container at once, one of them with its upper directory or its row in its hands: they come one after the other, and say so in Docker's words. */
import { expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { existsSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { storePaths } from "../../../src/store/paths.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

type Command = ReturnType<typeof world.spawn>;

const FILES = 5_000;

const upperOf = (id: string): string => join(storePaths(world.root).container(id), "upper");

/** A container at rest, or one that runs, with so many files in its upper directory that a removal takes a while. */
function filled(id: string): string {
  writeFileSync(join(world.folder, "first"), "");
  world.ok("cp", join(world.folder, "first"), `${id}:/first`);
  const upper = upperOf(id);
  for (let file = 0; file < FILES; file++) writeFileSync(join(upper, `f${file}`), "");
  return upper;
}

/** Stops the command as soon as it has removed something there. */
function stopHalfway(command: Command, upper: string): void {
  const whole = readdirSync(upper).length;
  for (let left = whole; left === whole; left = readdirSync(upper).length);
  command.kill("SIGSTOP");
  const left = readdirSync(upper).length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(whole);
}

/** A `mdk start` that stands still with its row written and nothing running yet. */
function startHalfway(name: string): Command {
  const starting = world.spawn(["start", name], "ignore");
  const rows = new Database(join(world.root, "mdk.db"));
  try {
    const phase = rows.query("SELECT phase FROM containers WHERE name = ?");
    while ((phase.get(name) as { phase: string }).phase !== "started") Bun.sleepSync(0.1);
    starting.kill("SIGSTOP");
  } finally {
    rows.close();
  }
  return starting;
}

async function result(command: Command): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const [out, err, status] = await Promise.all([new Response(command.stdout).text(), new Response(command.stderr).text(), command.exited]);
  return { status, out: out.slice(0, 200), err };
}

/** The commands begin while the other one stands still, and end when it has gone on. */
async function beside(other: Command, ...commands: readonly (readonly string[])[]): Promise<Awaited<ReturnType<typeof result>>[]> {
  const results = commands.map((args) => result(world.spawn(args, "ignore")));
  await Bun.sleep(400);
  other.kill("SIGCONT");
  expect(await other.exited).toBe(0);
  return Promise.all(results);
}

test("diff, commit, export, rename and update of a container whose files just go say that there is none", async () => {
  for (const flags of [[], ["--rm"]]) {
    const id = world.ok("create", "--name", "going", ...flags, busybox, "true");
    const upper = filled(id);
    const removing = world.spawn(["rm", id], "ignore");
    stopHalfway(removing, upper);
    const commands = [["diff", id], ["commit", id], ["export", "-o", join(world.folder, "export.tar"), id], ["cp", `${id}:/first`, "-"], ["rename", id, "other"], ["update", "--memory", "64m", id]];
    const none = { status: 1, out: "", err: `mdk: No such container: ${id}\n` };
    expect([flags, await beside(removing, ...commands)]).toEqual([flags, commands.map(() => none)]);
    expect(existsSync(join(world.runRoot, id))).toBe(false);
  }
}, 60_000);

test("a diff that began while a container with --rm ran does not take for its changes what is left of them", async () => {
  const id = world.ok("run", "-d", "--rm", "--name", "brief", busybox, "sleep", "1000");
  const upper = filled(id);
  const diff = world.spawn(["diff", id], "ignore");
  const told = result(diff);
  const hasOpen = (): boolean => readdirSync(`/proc/${diff.pid}/fd`).some((fd) => linkOf(`/proc/${diff.pid}/fd/${fd}`) === upper);
  while (!hasOpen());
  diff.kill("SIGSTOP");
  const stopping = world.spawn(["stop", "-t", "0", id], "ignore");
  stopHalfway(stopping, upper);
  diff.kill("SIGCONT");
  expect(await told).toEqual({ status: 1, out: "", err: `mdk: No such container: ${id}\n` });
  stopping.kill("SIGCONT");
  expect(await stopping.exited).toBe(0);
}, 60_000);

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

test("a container that gets another name while it is started is found by that one", async () => {
  const network = world.ok("network", "create", "--internal", "names");
  world.ok("create", "--name", "begun", "--network", "names", busybox, "sleep", "1000");
  expect(await beside(startHalfway("begun"), ["rename", "begun", "renamed"])).toEqual([{ status: 0, out: "", err: "" }]);
  expect(world.inspect("renamed", ".State.Status")).toBe("running");
  const names = readdirSync(join(world.runRoot, "names", network));
  expect([names.includes("renamed"), names.includes("begun")]).toEqual([true, false]);
  world.ok("rm", "-f", "renamed");
  world.ok("network", "rm", "names");
});

test("what comes while a container is started waits for it: two names, limits, changes, an image", async () => {
  const id = world.ok("create", "--name", "begun", "--network", "none", busybox, "sh", "-c", "echo new >/new; sleep 1000");
  const [one, two, updated, diff, committed] = await beside(startHalfway("begun"), ["rename", id, "one"], ["rename", id, "two"], ["update", "--memory", "64m", id], ["diff", id], ["commit", id, "registry.example/begun:1"]);
  expect([one!.status, two!.status, updated!.status, diff!.status, committed!.status]).toEqual([0, 0, 0, 0, 0]);
  expect(world.inspect(id, ".Name")).toMatch(/^\/(one|two)$/);
  expect(world.inspect(id, ".HostConfig.Memory")).toBe(String(64 << 20));
  expect(world.ok("diff", id)).toContain("A /new");
});

/** What may come of the second one: it was first, or there is nothing left. */
const GONE = /^mdk: (Error response from daemon: )?No such container: \S+\n$/;

for (const [one, other] of [["commit", "start"], ["diff", "start"], ["update", "start"], ["cp", "start"], ["diff", "rm"], ["rename", "rm"], ["commit", "rm"], ["export", "rm"], ["rename", "rename"]] as const) {
  test(`${one} and ${other} at once: both do what they are for, or hear that there is no such container`, async () => {
    for (let round = 0; round < 5; round++) {
      const id = world.ok("create", "--network", "none", busybox, "sh", "-c", "echo new >/new; sleep 1000");
      writeFileSync(join(world.folder, "first"), "first\n");
      world.ok("cp", join(world.folder, "first"), `${id}:/first`);
      const words = {
        commit: ["commit", id], diff: ["diff", id], export: ["export", "-o", join(world.folder, "export.tar"), id], update: ["update", "--memory", "64m", id], cp: ["cp", join(world.folder, "first"), `${id}:/second`],
        start: ["start", id], rm: ["rm", id],
      };
      const wordsOf = (command: typeof one | typeof other, place: string): readonly string[] => (command === "rename" ? ["rename", id, `${place}${round}`] : words[command]);
      const first = result(world.spawn(wordsOf(one, "one"), "ignore"));
      await Bun.sleep(round * 6);
      const second = result(world.spawn(wordsOf(other, "other"), "ignore"));
      const [began, came] = await Promise.all([first, second]);
      expect([other, came.status, came.err]).toEqual([other, 0, ""]);
      if (began.status === 0) expect([one, began.err]).toEqual([one, ""]);
      else expect([one, other, began.err]).toEqual([one, "rm", expect.stringMatching(GONE)]);
      if (other !== "rm") expect(world.ok("diff", id).split("\n")).toEqual(expect.arrayContaining(["A /first", ...(one === "cp" ? ["A /second"] : [])]));
      world.mdk(["rm", "-f", id]);
    }
  }, 60_000);
}
