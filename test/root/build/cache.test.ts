/** The cache of steps: what changes a key and what does not, the flags that pass it over, and what is kept, shown and pruned. */
import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { until } from "../../helpers/mdk.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBuildStage();

/** Whether the last step of a build was there already. */
async function isCached(dockerfile: string, flags: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const said = await builds.built(dockerfile, flags, { environment });
  const [, number] = [...said.matchAll(/^#(\d+) \[(?:\S+ )?(\d+)\/\2\] /gm)].at(-1)!;
  const [, state] = new RegExp(`^#${number} (CACHED|DONE [0-9.]+s)$`, "m").exec(said)!;
  return state === "CACHED";
}

const FILES = "echo a > a; mkdir d; echo b > d/b; echo other > other";

describe("a COPY is there already", () => {
  const text = "FROM base:1\nCOPY a d /x/\n";
  const KEPT: readonly [string, string][] = [["times", "touch -d 2001-01-01 a d d/b d"], ["another file of the context", "echo changed > other"], ["the mode of a directory whose contents are copied", "chmod 700 d"], ["owners", "chown 7:8 a d/b"], ["the order of names on the disk", "mv d/b d/c; mv d/c d/b"]];
  const CHANGED: readonly [string, string][] = [
    ["content", "echo A > a"], ["content further down", "echo B > d/b"], ["a mode", "chmod 600 a"], ["a name", "mv d/b d/c"], ["a file more", "echo > d/more"], ["a file less", "rm d/b"], ["a link in its place", "rm a; ln -s d/b a"],
  ];
  for (const [what, words] of KEPT) {
    rootTest(`whatever becomes of ${what}`, async () => {
      builds.fill(FILES);
      await builds.built(text);
      builds.fill(`${FILES}; ${words}`);
      expect(await isCached(text)).toBe(true);
    });
  }
  for (const [what, words] of CHANGED) {
    rootTest(`but not when it is another one by ${what}`, async () => {
      builds.fill(FILES);
      await builds.built(text);
      builds.fill(`${FILES}; ${words}`);
      expect(await isCached(text)).toBe(false);
    });
  }
});

describe("a RUN is there already", () => {
  rootTest("for the same words on the same layers, with the same variables, user and directory", async () => {
    const before = "FROM base:1\nARG A=1\nENV B=2\nUSER user\nWORKDIR /tmp\n";
    await builds.built(`${before}RUN echo $A > x\n`);
    expect(await isCached(`${before}RUN echo $A > x\n`)).toBe(true);
    expect(await isCached(`${before}LABEL a=1\nEXPOSE 1\nCMD x\nRUN echo $A > x\n`)).toBe(true);
    expect(await isCached(`# comment\n${before}\n\nRUN   echo $A > x\n`)).toBe(true);
    expect(await isCached(`${before}RUN echo $A > x\n`, ["--build-arg", "HTTP_PROXY=http://192.0.2.1"])).toBe(true);
    for (const [from, to] of [["A=1", "A=2"], ["B=2", "B=3"], ["USER user", "USER root"], ["/tmp", "/tmp/w"]] as const) expect([to, await isCached(`${before.replace(from, to)}RUN echo $A > x\n`)]).toEqual([to, false]);
    expect(await isCached(`${before}RUN echo $A > x\n`, ["--build-arg", "A=9"])).toBe(false);
    expect(await isCached(`${before}RUN --network=none echo $A > x\n`)).toBe(false);
    expect(await isCached(`${before}RUN echo $A > x # more\n`)).toBe(false);
    expect(await isCached(`FROM base:1 AS named\n${before.slice(12)}RUN echo $A > x\n`)).toBe(true);
  });

  rootTest("for mounts of the same content; a secret's value is no part of it, a cache's content neither", async () => {
    builds.fill("echo a > a; echo b > b");
    const text = "FROM base:1\nRUN --mount=type=bind,source=a,target=/m --mount=type=secret,id=s --mount=type=cache,target=/c echo x >> /c/x; cat /run/secrets/s /c/x > /x\n";
    await builds.built(text, ["--secret", "id=s,env=S"], { environment: { S: "one" } });
    expect(await isCached(text, ["--secret", "id=s,env=S"], { S: "two" })).toBe(true);
    builds.fill("echo a > a; echo changed > b");
    expect(await isCached(text, ["--secret", "id=s,env=S"], { S: "two" })).toBe(true);
    builds.fill("echo A > a");
    expect(await isCached(text, ["--secret", "id=s,env=S"], { S: "two" })).toBe(false);
  });

  rootTest("unless what failed: that is tried again, after what succeeded", async () => {
    const text = "FROM base:1\nRUN echo first\nRUN exit 3\n";
    await builds.refused(text);
    const said = await builds.refused(text);
    expect(said).toMatch(/RUN echo first\n#\d+ CACHED/);
    expect(said).toContain("exit code: 3");
  });
});

describe("flags", () => {
  const text = "FROM base:1 AS one\nRUN date +%s.%N > /one\nFROM one AS two\nRUN date +%s.%N > /two\n";
  const cached = (said: string): string[] => [...said.matchAll(/^#\d+ \[(\w+) 2\/2\] .*\n(?:#\d+ CACHED)$/gm)].map(([, name]) => name!);
  rootTest("--no-cache, --no-cache-filter", async () => {
    await builds.built(text);
    expect(cached(await builds.built(text))).toEqual(["one", "two"]);
    expect(cached(await builds.built(text, ["--no-cache-filter", "two"]))).toEqual(["one"]);
    expect(cached(await builds.built(text, ["--no-cache"]))).toEqual([]);
    // What was made anew is what the next build finds.
    expect(cached(await builds.built(text))).toEqual(["one", "two"]);
  });
});

rootTest("builder prune leaves the kept directory that a build uses, and its layers", async () => {
  const child = Bun.spawn(builds.command("-t", "meanwhile:1", "-"), { stdin: Buffer.from("FROM base:1\nRUN echo before > /before\nRUN --mount=type=cache,target=/c,id=used touch /c/x; sleep 0.7; ls /c > /seen\nRUN cat /before /seen > /after\n"), stdout: "ignore", stderr: "ignore" });
  await until(async () => (await builds.ok("ps", "--no-trunc")).includes("sleep 0.7"), "the second step runs");
  await builds.ok("builder", "prune", "-af");
  expect(await child.exited).toBe(0);
  expect(await builds.ok("run", "--rm", "meanwhile:1", "cat", "/after")).toBe("before\nx\n");
});

rootTest("builder prune, df and system prune say and take what builds keep", async () => {
  await builds.ok("builder", "prune", "-af");
  await builds.built("FROM base:1\nRUN dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null\n", ["-t", "kept:1"]);
  await builds.built("FROM base:1\nRUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/big bs=1M count=2 2>/dev/null; dd if=/dev/zero of=/lost bs=1M count=5 2>/dev/null\n", ["-t", "lost:1"]);
  await builds.ok("rmi", "lost:1");
  const cacheRow = async (): Promise<string> => (await builds.ok("system", "df")).split("\n").find((line) => line.startsWith("Build Cache"))!;
  expect(await cacheRow()).toMatch(/^Build Cache +[0-9]+ +[0-9]+ +[0-9.]+MB/);
  expect(await builds.ok("builder", "prune", "-f", "--filter", "until=24h")).toBe("Total reclaimed space: 0B\n");
  expect(await builds.ok("builder", "prune", "-f", "--keep-storage", "6MB")).toMatch(/Total reclaimed space: [25]\.\d+MB/);
  // What only the cache has goes, the kept directory too; what an image has stays.
  const pruned = await builds.ok("builder", "prune", "-f");
  expect(pruned).toMatch(/Total reclaimed space: [25]\.\d+MB/);
  expect(await isCached("FROM base:1\nRUN dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null\n")).toBe(true);
  expect(await builds.built("FROM base:1\nRUN --mount=type=cache,target=/c ls /c | wc -l\n")).toMatch(/ 0$/m);
  expect(await builds.ok("builder", "prune", "-af")).toMatch(/Total reclaimed space: 0B/);
  expect(await builds.ok("run", "--rm", "kept:1", "stat", "-c", "%s", "/big")).toBe("3145728\n");
  expect(await isCached("FROM base:1\nRUN dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null\n")).toBe(false);
  await builds.built("FROM base:1\nRUN echo gone-without-trace > /gone\n");
  await builds.ok("system", "prune", "-af");
  expect(await builds.ok("images", "-q")).toBe("");
  expect(await cacheRow()).toMatch(/^Build Cache +0 +0 +0B/);
  expect(builds.filesWith("gone-without-trace").filter((path) => !path.includes("/mdk.db"))).toEqual([]);
});
