/** The engine's verbs as a server calls them, one after the other in one process: no descriptor is left, however they end. */
import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, readlinkSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { commitContainer } from "../../../src/engine/container/commit.ts";
import { copyFrom } from "../../../src/engine/container/copy-from.ts";
import { copyTo } from "../../../src/engine/container/copy-to.ts";
import { diffContainer } from "../../../src/engine/container/diff.ts";
import { findContainer } from "../../../src/engine/container/find.ts";
import { pauseContainer, unpauseContainer } from "../../../src/engine/container/pause.ts";
import { rename } from "../../../src/engine/container/rename.ts";
import { restartContainer } from "../../../src/engine/container/restart.ts";
import { readSample } from "../../../src/engine/container/stats.ts";
import { listTop } from "../../../src/engine/container/top.ts";
import { updateContainer } from "../../../src/engine/container/update.ts";
import { followLog } from "../../../src/engine/container/logs.ts";
import { beginStop, killContainer } from "../../../src/engine/container/stop.ts";
import { readInspect, readVolumeJson } from "../../../src/api/inspect.ts";
import { createContainer } from "../../../src/engine/container/create.ts";
import { exportContainer } from "../../../src/engine/container/export.ts";
import { summarizeContainers } from "../../../src/engine/container/list.ts";
import { removeContainer } from "../../../src/engine/container/remove.ts";
import { findImage } from "../../../src/engine/image/layers.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { removeImage } from "../../../src/engine/image/remove.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { readSystem } from "../../../src/engine/system/info.ts";
import { decodeConfig, decodeHostConfig } from "../../../src/spec/decode.ts";
import { settle } from "../../../src/engine/end/settle.ts";
import { waitForEnd } from "../../../src/engine/end/end.ts";
import type { Client } from "../../../src/engine/session/client.ts";
import { execInContainer, type ExecStart } from "../../../src/engine/session/exec.ts";
import { attach, runForeground } from "../../../src/engine/session/foreground.ts";
import { beginExisting } from "../../../src/engine/start/begin.ts";
import { detachedStreaming } from "../../../src/engine/start/monitor-plan.ts";
import { startBegun } from "../../../src/engine/start/start.ts";
import { pruneVolumes, removeVolume } from "../../../src/engine/volume/remove.ts";
import { createVolume, findVolume } from "../../../src/engine/volume/volumes.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { pipe } from "../../helpers/shim-container.ts";

useBusyboxWorld();

const open = (): string[] => readdirSync("/proc/self/fd").map((fd) => {
  try { return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`; } catch { return ""; } // that of readdir itself
}).filter((line) => line !== "").sort();

/** Once the event loop has seen the end of the children that were started: Bun holds a pidfd of each until then. Two seconds at most. */
async function openAtRest(): Promise<string[]> {
  for (let look = 0; look < 100 && open().some((line) => line.endsWith("anon_inode:[pidfd]")); look++) await Bun.sleep(20);
  return open();
}

/** Leaves none from the second round on: the first opens the database, the shim, the event loop's own. */
async function expectNoneLeft(round: () => Promise<void>): Promise<void> {
  await round();
  const before = await openAtRest();
  for (let turn = 0; turn < 3; turn++) await round();
  expect(await openAtRest()).toEqual(before);
}

/** A client without a terminal, whose output is kept. */
function client(): { client: Client; output: () => string } {
  const input = openSync("/dev/null", "r");
  const [read, write] = pipe();
  const listening = new Set<(signal: number) => void>();
  return {
    client: {
      stdin: { descriptor: input, terminal: false }, stdout: { descriptor: write, terminal: false }, stderr: { descriptor: write, terminal: false },
      window: () => ({ rows: 0, columns: 0 }),
      listen: (take) => (listening.add(take), () => listening.delete(take)),
    },
    output() {
      closeSync(write);
      closeSync(input);
      const buffer = Buffer.alloc(1000);
      const text = buffer.subarray(0, readSync(read, buffer)).toString();
      closeSync(read);
      expect(listening.size).toBe(0);
      return text;
    },
  };
}

const joining = (own: Client): Parameters<typeof runForeground>[2] => ({
  client: own, stdin: false, stdout: true, stderr: true, detachKeys: new Uint8Array(), sigProxy: true, warn: () => {},
});

const contextOf = (): Context => createContext({ root: world.root, runRoot: world.runRoot, environment: {}, now: () => new Date() });

test("run, exec, attach, logs, wait, stop and starts that fail leave no descriptor and no listener", async () => {
  const context = contextOf();
  world.ok("create", "--name", "speaks", "--network", "none", busybox, "sh", "-c", "sleep 0.05; echo said; exit 3");
  world.ok("create", "--name", "stays", "--network", "none", busybox, "sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.05; done");
  world.ok("create", "--name", "absent", "--network", "none", busybox, "no-such-command");
  world.ok("create", "--name", "late", "--network", "none", busybox, "sh", "-c", "sleep 0.3; echo later; exit 5");
  world.ok("create", "--name", "mounts", "--network", "none", "-v", `${world.folder}:/etc/passwd`, busybox, "true");
  const start = async (name: string): Promise<void> => void (await startBegun(context, beginExisting(context, findContainer(context, name).id)!, {
    streaming: detachedStreaming(findContainer(context, name)), window: null, warn: () => {},
  }));
  const round = async (): Promise<void> => {
    const [foreground, refused, inside, missing, attached] = Array.from({ length: 5 }, client);
    expect(await runForeground(context, beginExisting(context, findContainer(context, "speaks").id)!, joining(foreground!.client))).toBe(3);
    expect(foreground!.output()).toBe("said\n");
    for (const name of ["absent", "mounts"]) await expect(runForeground(context, beginExisting(context, findContainer(context, name).id)!, joining(refused!.client))).rejects.toThrow();
    refused!.output();
    await start("stays");
    const exec = { env: [], workdir: null, user: null, privileged: false, terminal: false, interactive: false };
    const joined = (client: Client): ExecStart => ({ detach: false, detachKeys: new Uint8Array(), client });
    expect(await execInContainer(context, findContainer(context, "stays"), { ...exec, args: ["sh", "-c", "sleep 0.05; echo inside; exit 6"] }, joined(inside!.client))).toBe(6);
    expect(inside!.output()).toBe("inside\n");
    await expect(execInContainer(context, findContainer(context, "stays"), { ...exec, args: ["no-such-command"] }, joined(missing!.client))).rejects.toThrow();
    missing!.output();
    beginStop(context, findContainer(context, "stays"), { signal: null, seconds: 5, by: "stop" }).finish();
    await expect(execInContainer(context, findContainer(context, "stays"), { ...exec, args: ["true"] }, joined(inside!.client))).rejects.toThrow("is not running");
    await start("late");
    expect(await attach(context, findContainer(context, "late"), joining(attached!.client))).toBe(5);
    expect(attached!.output()).toBe("later\n");
    settle(context, findContainer(context, "late").id);
    await start("late");
    let log = "";
    followLog(context, findContainer(context, "late"), { tail: 1, since: null, until: null, timestamps: false, details: false, follow: true }, { write: (_, bytes) => void (log += Buffer.from(bytes).toString()), lost: () => {} });
    expect(log).toContain("later\n");
    expect(waitForEnd(context, findContainer(context, "late"))).toBe(5);
    await aside();
  };
  /** What looks, makes and takes away. */
  const aside = async (): Promise<void> => {
    let bytes = 0;
    exportContainer(context, findContainer(context, "late"), (part) => void (bytes += part.length));
    expect(bytes).toBeGreaterThan(100_000);
    expect(() => exportContainer(context, findContainer(context, "late"), () => { throw new Error("no reader"); })).toThrow("no reader");
    expect((await summarizeContainers(context, { all: true })).length).toBeGreaterThan(3);
    expect(summarizeImages(context).length).toBeGreaterThan(0);
    expect(readInspect(context, "late", { type: null, size: true, platform: null })).toMatchObject({ kind: "container", json: { Name: "/late" } });
    await readSystem(context);
    const image = findImage(context, busybox, null)!;
    const request = { name: "brief", config: decodeConfig({ Image: busybox, Cmd: ["true"] }), host: decodeHostConfig({ NetworkMode: "none" }), networks: {} };
    await createContainer(context, request, image, () => {});
    await expect(createContainer(context, request, image, () => {})).rejects.toThrow("Conflict");
    removeContainer(context, findContainer(context, "brief"), { force: false });
    await start("stays");
    expect(() => removeContainer(context, findContainer(context, "stays"), { force: false })).toThrow("container is running");
    killContainer(context, findContainer(context, "stays"));
    await expect(pull(context, "127.0.0.1:1/nothing")).rejects.toThrow("connection refused");
  };
  await expectNoneLeft(round);
}, 60_000);

test("pause, restart, rename, update, top, stats, cp, diff, commit and verbs of volumes leave no descriptor, refused ones too", async () => {
  const context = contextOf();
  const found = (name: string): ReturnType<typeof findContainer> => findContainer(context, name);
  createVolume(context, { name: "used", driver: "local", options: {}, labels: {} });
  world.ok("run", "-d", "--name", "runs", "--network", "none", "-v", "used:/used", busybox, "sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.05; done");
  world.ok("create", "--name", "rests", "--network", "none", busybox, "no-such-command");
  const local = join(world.folder, "local");
  writeFileSync(local, "bytes of a file");

  const living = async (): Promise<void> => {
    expect(() => unpauseContainer(context, found("runs").id)).toThrow("not paused");
    pauseContainer(context, found("runs").id);
    expect(() => pauseContainer(context, found("runs").id)).toThrow("already paused");
    unpauseContainer(context, found("runs").id);
    expect(() => pauseContainer(context, found("rests").id)).toThrow("not running");
    await restartContainer(context, found("runs"), { signal: null, seconds: 5, by: "stop" }, () => {});
    await expect(restartContainer(context, found("rests"), { signal: null, seconds: 5, by: "stop" }, () => {})).rejects.toThrow("no-such-command");
    rename(context, found("runs").id, "renamed");
    expect(() => rename(context, found("renamed").id, "rests")).toThrow("Conflict");
    rename(context, found("renamed").id, "runs");
    updateContainer(context, found("runs").id, { PidsLimit: 100 });
    expect(() => updateContainer(context, found("runs").id, { PidsLimit: 99999999999 })).toThrow("pids.max");
    expect(() => updateContainer(context, found("rests").id, { Memory: 1 })).toThrow("Minimum memory");
    expect(listTop(context, found("runs"), []).processes.length).toBeGreaterThan(0);
    expect(() => listTop(context, found("runs"), ["-o", "nonsense"])).toThrow();
    expect(() => listTop(context, found("rests"), [])).toThrow("is not running");
    expect([readSample(context, found("runs")) === null, readSample(context, found("rests")) === null]).toEqual([false, true]);
  };

  const files = async (name: string): Promise<void> => {
    const from = (path: string, to: string | ((bytes: Uint8Array) => void)) => (): number => copyFrom(context, found(name), { word: name, path, followLink: false, to, told() {} });
    const to = (path: string, source: string | AsyncIterable<Uint8Array>): Promise<number> => copyTo(context, found(name), { word: name, path, followLink: false, archive: false, from: source, told() {} });
    async function* bytes(text: string): AsyncGenerator<Uint8Array> { yield Buffer.from(text); }
    expect(await to("/tmp/file", local)).toBeGreaterThan(0);
    await expect(to("/tmp/no/such/file", local)).rejects.toThrow();
    await expect(to("/tmp/file", `${local}-not`)).rejects.toThrow();
    await expect(to("/tmp", bytes("no archive".repeat(100)))).rejects.toThrow();
    expect(from("/tmp/file", `${local}-back`)()).toBeGreaterThan(0);
    rmSync(`${local}-back`);
    expect(from("/bin", () => {})()).toBeGreaterThan(100_000);
    expect(from("/bin", () => { throw new Error("no reader"); })).toThrow("no reader");
    expect(from("/no/such", `${local}-back`)).toThrow("Could not find the file");
    expect(from("/tmp/file", "/no/such/place")).toThrow();
    expect(diffContainer(context, found(name))).toContainEqual({ kind: "added", path: "tmp/file" });
    const commit = { name: "committed:1", message: "", author: "", changes: [], pause: true };
    await commitContainer(context, found(name), commit);
    await expect(commitContainer(context, found(name), { ...commit, changes: ["NONSENSE x"] })).rejects.toThrow();
    await expect(commitContainer(context, found(name), { ...commit, name: "UPPER" })).rejects.toThrow();
    removeImage(context, "committed:1", { force: false });
  };

  const gone = async (): Promise<void> => {
    world.ok("create", "--name", "brief", busybox);
    const container = found("brief");
    removeContainer(context, container, { force: false });
    for (const verb of [
      () => pauseContainer(context, container.id), () => rename(context, container.id, "other"), () => updateContainer(context, container.id, { PidsLimit: 1 }), () => listTop(context, container, []),
      () => diffContainer(context, container), () => copyFrom(context, container, { word: "brief", path: "/", followLink: false, to: () => {}, told() {} }),
    ]) expect(verb).toThrow();
    await expect(commitContainer(context, container, { name: null, message: "", author: "", changes: [], pause: true })).rejects.toThrow();
  };

  const volumes = (): void => {
    const volume = { name: "made", driver: "local", options: {}, labels: {} };
    createVolume(context, volume);
    expect(readVolumeJson(context, "made")).toMatchObject({ Name: "made" });
    expect(() => createVolume(context, { ...volume, name: "bad name" })).toThrow();
    expect(() => createVolume(context, { ...volume, driver: "nonsense" })).toThrow();
    expect(() => findVolume(context, "missing")).toThrow("no such volume");
    expect(() => removeVolume(context, "used", { force: false })).toThrow("volume is in use");
    expect(() => removeVolume(context, "missing", { force: false })).toThrow("no such volume");
    removeVolume(context, "made", { force: false });
    createVolume(context, volume);
    expect(pruneVolumes(context, true, () => true).names).toEqual(["made"]);
  };

  await expectNoneLeft(async () => {
    await living();
    for (const name of ["runs", "rests"]) await files(name);
    await gone();
    volumes();
  });
}, 60_000);
