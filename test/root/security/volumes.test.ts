/**
 * A container that shares a volume with others and swaps links in it while they start with mounts at targets below it (CVE-2021-30465,
 * CVE-2024-45310, CVE-2023-0778): no mount is moved out of a container, no inode is made outside, nothing of the host is read. MDK_TEST_STARTS:
 * how many starts (`npm run test:races`: 500).
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { buildProbe } from "../../helpers/probe.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const ready = isRoot && existsSync("dist/mdk");
const rootTest = testIf(ready, "needs root and a built dist/mdk");
const STARTS = Number(process.env["MDK_TEST_STARTS"] ?? 60);
const AT_ONCE = 4;

useBusyboxWorld();

const canary = mkdtempSync(join(tmpdir(), "mdk-canary-"));
beforeAll(() => {
  for (const path of ["deep", "t"]) mkdirSync(join(canary, path));
  for (const path of ["secret", "deep/secret", "t/secret"]) writeFileSync(join(canary, path), "of the host");
});
afterAll(() => rmSync(canary, { recursive: true, force: true }));

/** Every inode of the canary with its last change, and the host's mounts at it or of this world: other tests run beside this one. */
function hostState(): unknown {
  const inodes = ["", ...(readdirSync(canary, { recursive: true }) as string[]).sort()].map((name) => {
    const { ino, ctimeMs, nlink } = lstatSync(join(canary, name));
    return [name, ino, ctimeMs, nlink];
  });
  const own = [canary, world.folder].map((path) => basename(path));
  return { inodes, mounts: readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => own.some((name) => line.includes(name))) };
}

/** The hostile one: /s/d, a directory with what the script makes in it, and /s/l, a link, change places as fast as can be. */
function hostile(volume: string, link: string, script: string): void {
  world.ok("run", "-d", "--name", `hostile-${volume}`, "-v", `${volume}:/s`, "-v", `${buildProbe()}:/probe:ro`, busybox, "sh", "-c", `mkdir -p /s/d; ln -s ${link} /s/l; ${script}; : >/begun; exec /probe swap /s/d /s/l`);
  while (world.mdk(["exec", `hostile-${volume}`, "test", "-e", "/begun"]).status !== 0);
}

/** Runs so many, a few at once; what each said and its status. */
async function starts(count: number, args: (index: number) => readonly string[]): Promise<{ status: number; text: string }[]> {
  const told: { status: number; text: string }[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const child = world.spawn(["run", "--rm", ...args(next++)], "ignore");
      const text = `${await new Response(child.stdout).text()}${await new Response(child.stderr).text()}`;
      told.push({ status: await child.exited, text });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return told;
}

for (const [what, link] of [["absolute", canary], ["climbing", `../../../../../../../../../..${canary}`]] as const) {
  rootTest(`a target, and targets that are missing, below a directory that changes places with an ${what} link to the host`, async () => {
    const volume = `race-${what}`;
    const mine = join(world.folder, "mine");
    mkdirSync(mine, { recursive: true });
    writeFileSync(join(mine, "file"), "mine");
    hostile(volume, link, "mkdir -p /s/d/t");
    const before = hostState();
    const forms = [
      (index: number) => ["-v", `${mine}:/s/d/t`, "-v", `${mine}:/s/d/new${index}/deep`],
      (index: number) => ["-v", `${mine}/file:/s/d/file${index}`, "--tmpfs", `/s/d/tmpfs${index}`],
      (index: number) => ["-v", `other:/s/d/volume${index}`, "--mount", `type=image,source=${busybox},target=/s/d/image${index}`],
    ];
    const told = await starts(Math.ceil(STARTS / 2), (index) => [
      "-v", `${volume}:/s`, ...forms[index % forms.length]!(index), busybox, "sh", "-c", "grep -c mdk-canary /proc/self/mountinfo; find / -xdev -name secret 2>/dev/null; cat /s/d/secret /s/l/secret 2>/dev/null; true",
    ]);
    expect(told.filter(({ text }) => text.includes("of the host"))).toEqual([]);
    expect(hostState()).toEqual(before);
    // Else nothing was tried at all.
    expect(told.filter(({ status }) => status === 0).length).toBeGreaterThan(0);
    expect(told.filter(({ status }) => status !== 0 && status !== 125)).toEqual([]);
    world.removeAll();
    expect(world.ok("run", "--rm", "-v", `${volume}:/s`, busybox, "ls", "/s").split("\n")).toEqual(expect.arrayContaining(["d", "l"]));
  }, 240_000);
}

rootTest("a part of a volume, by a path that changes places with a link to the host", async () => {
  hostile("race-part", canary, "mkdir -p /s/d/deep; echo inside >/s/d/deep/secret");
  const before = hostState();
  const told = await starts(STARTS, (index) => ["--mount", `source=race-part,target=/t,volume-subpath=${index % 2 === 0 ? "d/deep" : "d/deep/secret"}`, busybox, "sh", "-c", "cat /t/secret /t 2>/dev/null; true"]);
  expect(told.filter(({ status, text }) => (status === 0 ? text !== "inside\n" : !text.includes("cannot access path")))).toEqual([]);
  expect(told.filter(({ status }) => status === 0).length).toBeGreaterThan(told.length / 10);
  expect(hostState()).toEqual(before);
}, 240_000);

rootTest("copies of the image into a volume whose directories are swapped under them, and a copy into a container at rest", async () => {
  const id = world.ok("run", "-d", busybox, "sh", "-c", "mkdir -p /data; for d in $(seq 30); do mkdir /data/d$d; for f in $(seq 20); do echo $f >/data/d$d/f$f; done; done");
  world.ok("wait", id);
  world.ok("commit", id, "filling:1");
  const before = hostState();
  for (let round = 0; round < 6; round++) {
    const volume = `fill${round}`;
    const device = join(world.folder, volume);
    mkdirSync(device);
    world.ok("volume", "create", ...(round % 2 === 0 ? [] : ["-o", "type=none", "-o", "o=bind", "-o", `device=${device}`]), volume);
    // It has the volume first, and waits for the name that will come.
    world.ok("run", "-d", "--name", "swapper", "-v", `${volume}:/s`, "-v", `${buildProbe()}:/probe:ro`, busybox, "sh", "-c", `: >/begun; until [ -d /s/d1 ]; do :; done; ln -s ${canary} /s/l; exec /probe swap /s/d1 /s/l`);
    while (world.mdk(["exec", "swapper", "test", "-e", "/begun"]).status !== 0);
    world.mdk(["run", "--rm", "-v", `${volume}:/data`, "filling:1", "true"]);
    world.mdk(["create", "--name", "rests", "-v", `${volume}:/data`, "--tmpfs", "/data/d1/deep", "-v", `${world.folder}:/data/d1/missing`, busybox]);
    for (const to of ["/data/d1/", "/data/d1/x", "/data/d1/missing/x"]) world.mdk(["cp", join(world.root, "mdk.db"), `rests:${to}`]);
    world.removeAll();
  }
  expect(hostState()).toEqual(before);
}, 240_000);
