/** Disks without space, and a run root that outlives a boot: one line says what is wrong, and nothing is left. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { kill } from "./ptrace.ts";
import { pushLayered } from "./scenarios.ts";
import { alive, execute, leftovers, openWorld, strayLayers, type Output, type World } from "./world.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "nft", "mount"].every(hasTool);
const onDisk = testIf(able, "needs root and docker-registry, skopeo, umoci, nft, mount");

let world: World;
beforeAll(async () => {
  if (able) world = await openWorld(pushLayered);
});
afterAll(async () => {
  await world?.close();
});

const good = (out: string): Output => ({ code: 0, out, err: "" });

function run(...argv: string[]): void {
  const { code, err } = execute(argv);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${err}`);
}

/** Does the work with a small tmpfs at `path`, which is made if need be. */
function withSmallDisk(path: string, kilobytes: number, work: () => void): void {
  mkdirSync(path, { recursive: true });
  run("mount", "-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", path);
  try {
    work();
  } finally {
    world.mdk("clean", "-f");
    run("umount", path);
  }
}

const grow = (path: string): void => run("mount", "-o", "remount,size=64m", path);

/** Fills what is free but for some. */
function fill(path: string, leaveKilobytes: number): string {
  const { bavail, bsize } = statfsSync(path);
  const file = join(path, "filler");
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - leaveKilobytes * 1024), 1));
  return file;
}

onDisk("a pull that runs out of space says so, and the next one has all the room", () => {
  for (const kilobytes of [64, 128, 200, 300, 600, 1200, 2000]) {
    withSmallDisk(world.root, kilobytes, () => {
      const failed = world.mdk("pull", "-q", world.image);
      expect([kilobytes, failed.code, failed.out]).toEqual([kilobytes, 1, ""]);
      expect(failed.err).toMatch(/^mdk: .*(no space|disk is full|No space).*\n(.+\n)?$/i);
      grow(world.root);
      expect(world.mdk("images", "-q")).toEqual(good(""));
      expect(world.mdk("pull", "-q", world.image)).toEqual(good(`${world.image}:latest\n`));
      expect(world.mdk("run", "--rm", world.image, "echo", "runs")).toEqual(good("runs\n"));
      expect([...leftovers(world, []).filter((line) => !line.startsWith("mount ")), ...strayLayers(world)]).toEqual([]);
    });
  }
});

onDisk("a run on a full disk fails with one line or runs, and leaves nothing", () => {
  withSmallDisk(world.root, 16_384, () => {
    expect(world.mdk("pull", "-q", world.image).code).toBe(0);
    const seen = new Set<number>();
    for (const left of [0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256]) {
      const filler = fill(world.root, left);
      const done = world.mdk("run", "--rm", world.image, "true");
      seen.add(done.code);
      expect([left, done.code, done.err]).toEqual([left, done.code === 0 ? 0 : 125, expect.stringMatching(done.code === 0 ? /^$/ : /^mdk: .+\n(.+\n)?$/)]);
      rmSync(filler);
      // What could not be removed then is removed by its monitor or by the next command, whichever comes first.
      for (let tries = 0; tries < 100 && world.mdk("ps", "-aq").out !== ""; tries++) Bun.sleepSync(20);
      expect(leftovers(world, []).filter((line) => !line.startsWith("mount "))).toEqual([]);
    }
    expect([...seen].sort()).toEqual([0, 125]);
  });
});

onDisk("with a full run root a run fails with one line, and a container that runs there is still stopped and removed", () => {
  const runRoot = world.runRoot;
  expect(world.mdk("pull", "-q", world.image).code).toBe(0);
  withSmallDisk(runRoot, 4096, () => {
    expect(world.mdk("run", "-d", "--name", "before", world.image, "sleep", "600").code).toBe(0);
    const filler = fill(runRoot, 0);
    const failed = world.mdk("run", "--rm", world.image, "true");
    expect(failed.code).toBe(125);
    expect(failed.err).toMatch(/^mdk: .+\n(.+\n)?$/);
    expect(world.mdk("ps", "--format", "{{.Names}}")).toEqual(good("before\n"));
    expect(world.mdk("stop", "-t", "0", "before")).toEqual(good("before\n"));
    expect(world.mdk("rm", "before")).toEqual(good("before\n"));
    rmSync(filler);
    expect(world.mdk("ps", "-aq")).toEqual(good(""));
    expect(leftovers(world, []).filter((line) => !line.startsWith("mount "))).toEqual([]);
  });
});

onDisk("a run root that outlives a boot: pids of then mean nothing, the container is Exited (255) and starts again", () => {
  const bystander = Bun.spawn(["sleep", "600"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  try {
    const id = world.mdk("run", "-d", "-p", `${world.port}:80`, world.image, "sh", "-c", "echo hello; exec sleep 600").out.trim();
    const file = join(world.runRoot, id, "state.json");
    const state = JSON.parse(readFileSync(file, "utf8")) as { pid: number; cage: number };
    const pids = [state.pid, state.cage, parentOf(state.cage)];
    // The monitor is to die with the line in the log: `run -d` waits for the program's start only.
    for (let tries = 0; tries < 100 && world.mdk("logs", id).out === ""; tries++) Bun.sleepSync(20);
    kill(parentOf(state.cage), 9);
    for (let tries = 0; tries < 100 && pids.some(alive); tries++) Bun.sleepSync(20);
    expect(pids.filter(alive)).toEqual([]);
    const start = readFileSync(`/proc/${bystander.pid}/stat`, "latin1").split(") ")[1]!.split(" ")[19]!;
    writeFileSync(file, JSON.stringify({ ...state, boot: "00000000-0000-0000-0000-000000000000", pid: bystander.pid, pidStart: start, cage: bystander.pid, cageStart: start }));
    expect(world.mdk("kill", id).code).toBe(1);
    expect(world.mdk("ps", "-a", "--format", "{{.Status}}").out).toMatch(/^Exited \(255\)/);
    expect(world.mdk("stop", id).code).toBe(0);
    expect(world.mdk("wait", id).out).toBe("255\n");
    expect(world.mdk("logs", id).out).toBe("hello\n");
    expect(world.mdk("start", id)).toEqual(good(`${id}\n`));
    expect(world.mdk("ps", "-q", "--no-trunc")).toEqual(good(`${id}\n`));
    expect(world.mdk("rm", "-f", id)).toEqual(good(`${id}\n`));
    expect(alive(bystander.pid)).toBe(true);
    expect(leftovers(world, pids)).toEqual([]);
  } finally {
    bystander.kill("SIGKILL");
  }
});

onDisk("a run root that is gone after a boot: what ran is Exited (255), what ran with --rm is gone", () => {
  const kept = world.mdk("run", "-d", world.image, "sleep", "600").out.trim();
  const removed = world.mdk("run", "-d", "--rm", world.image, "sleep", "600").out.trim();
  const pids = [kept, removed].flatMap((id) => {
    const { pid, cage } = JSON.parse(readFileSync(join(world.runRoot, id, "state.json"), "utf8")) as { pid: number; cage: number };
    return [pid, cage, parentOf(cage)];
  });
  kill(pids[2]!, 9);
  kill(pids[5]!, 9);
  for (let tries = 0; tries < 100 && pids.some(alive); tries++) Bun.sleepSync(20);
  rmSync(world.runRoot, { recursive: true });
  expect(world.mdk("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}")).toEqual(good(`${kept} exited\n`));
  expect(world.mdk("wait", kept).out).toBe("255\n");
  expect(world.mdk("start", kept)).toEqual(good(`${kept}\n`));
  expect(world.mdk("rm", "-f", kept)).toEqual(good(`${kept}\n`));
  expect(leftovers(world, pids)).toEqual([]);
});

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}
