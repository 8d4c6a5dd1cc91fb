/**
 * A pull killed at its state-changing system calls: the first and the last of each kind, by strace's injection. Never a
 * name whose image is not whole, and the next pull succeeds and leaves only the image. (kernel-traps 27: the calls come
 * from a recorded trace, and each kill is seen to have happened.)
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { closeSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext } from "../../../src/engine/context.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { layerDirectories } from "../../../src/engine/image/layers.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { mountLayers } from "../../../src/layer/overlay.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { makeImage, push, run, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "python3", "strace"].every(hasTool);

const CALLS = [
  "mkdir", "mkdirat", "mknodat", "symlinkat", "linkat", "rename", "renameat", "unlink", "unlinkat", "rmdir", "fsync", "fdatasync", "syncfs",
  "pwrite64", "ftruncate", "fchmod", "fchown", "fchownat", "utimensat", "fsetxattr", "lsetxattr", "fsmount", "fsconfig", "fcntl",
];

const PULLER = `
import { createContext } from "./src/engine/context.ts";
import { pull } from "./src/engine/image/pull.ts";
const context = createContext({ root: process.argv[1], runRoot: process.argv[1], environment: {}, now: () => new Date() });
await pull(context, process.argv[2]);
`;

let folder = "";
let registry: Registry;

beforeAll(async () => {
  if (!able) return;
  folder = mkdtempSync(join(tmpdir(), "mdk-kill-"));
  registry = await startRegistry();
});
afterAll(async () => {
  await registry?.stop();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

/** Runs a pull under strace with these options; true when it was killed. */
async function traced(root: string, name: string, ...options: string[]): Promise<boolean> {
  const child = Bun.spawn(["strace", "-f", "-qq", ...options, process.execPath, "-e", PULLER, root, name], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  const code = await child.exited;
  return code !== 0 || child.signalCode !== null;
}

/** The most that one thread made of each call: strace counts by thread. */
function countCalls(trace: string): Map<string, number> {
  const byThread = new Map<string, number>();
  for (const line of readFileSync(trace, "utf8").split("\n")) {
    const match = /^(\d+) +(\w+)\(/.exec(line);
    if (match !== null) byThread.set(`${match[1]} ${match[2]}`, (byThread.get(`${match[1]} ${match[2]}`) ?? 0) + 1);
  }
  const most = new Map<string, number>();
  for (const [key, count] of byThread) {
    const call = key.split(" ")[1] as string;
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
}

function linesOf(root: string): string[][] {
  const context = createContext({ root, runRoot: root, environment: {}, now: () => new Date() });
  return summarizeImages(context).map(({ id }) => {
    const view = mountLayers(layerDirectories(context, id), mkdtempSync(join(folder, "empty-")));
    try {
      return run("python3", "test/helpers/snapshot.py", `/proc/${process.pid}/fd/${view}/.`).trim().split("\n");
    } finally {
      closeSync(view);
    }
  });
}

testIf(able, "needs root and docker-registry, skopeo, umoci, python3, strace")("a pull killed at any of its calls is no pull, or a whole one", async () => {
  const name = `${registry.host}/kill:1`;
  const [base, top] = [
    [directory("./"), directory("d/", { mode: 0o700 }), file("d/f", "f", { pax: { "SCHILY.xattr.user.k": "v" } }), { name: "l", type: "2", link: "d" }, { name: "h", type: "1", link: "d/f" }, { name: "fifo", type: "6" }],
    [file("d/new", "n"), file(".wh.h"), file("d/.wh..wh..opq")],
  ];
  push(makeImage(join(folder, "image"), [archive(base!), archive(top!)]), name);
  const trace = join(folder, "trace");
  const whole = join(folder, "whole");
  expect(await traced(whole, name, "-o", trace, "-e", `trace=${CALLS.join(",")}`)).toBe(false);
  const [expected] = linesOf(whole);
  const counts = countCalls(trace);
  expect(counts.size).toBeGreaterThan(12);
  let kills = 0;
  const root = join(folder, "killed");
  for (const [call, count] of counts) {
    for (const when of new Set([1, Math.ceil(count / 2), count])) {
      rmSync(root, { recursive: true, force: true });
      // The last calls may be more or fewer by chance (threads, timing): those that did not hit ended as whole pulls.
      if (await traced(root, name, "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${when}`)) kills++;
      else expect(when).toBeGreaterThan(1);
      if (existsSync(join(root, "mdk.db"))) for (const lines of linesOf(root)) expect(lines).toEqual(expected!);
      await pull(createContext({ root, runRoot: root, environment: {}, now: () => new Date() }), name);
      expect(linesOf(root)).toEqual([expected!]);
      const left = readdirSync(join(root, "tmp")).filter((entry) => entry !== "pull.lock" && entry !== "empty");
      expect([call, when, left, readdirSync(join(root, "layers")).length]).toEqual([call, when, [], 2]);
    }
  }
  expect(kills).toBeGreaterThanOrEqual(counts.size);
}, 300_000);
