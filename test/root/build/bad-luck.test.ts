/**
 * A build that is killed, interrupted, out of room, doubled, or whose steps misbehave: nothing is left of it, and the next one goes on from the cache.
 * MDK_TEST_BUILD_KILLS: how many builds are killed, 12 when not given.
 */
import { afterEach, describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { monitorsOf, until } from "../../helpers/mdk.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");
const KILLS = Number(process.env["MDK_TEST_BUILD_KILLS"] ?? 12);
const SECRET = `of-nobody-${crypto.randomUUID()}`;

useBuildStage();

type Started = Bun.Subprocess<"ignore", "pipe", "pipe">;
function start(dockerfile: string, flags: readonly string[] = []): Started {
  if (!existsSync(join(builds.context, "many"))) builds.fill("mkdir many; for n in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=many/$n bs=1M count=2 2>/dev/null; done");
  writeFileSync(join(builds.context, "Dockerfile"), dockerfile);
  return Bun.spawn(builds.command(...flags, builds.context), { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...process.env, TOKEN: SECRET } });
}

/** What a build leaves once it is over and another command has looked: but for the mounts of other tests nothing of the stage. */
async function expectNothing(): Promise<void> {
  await until(() => monitorsOf(builds.stage.runRoot).length === 0, "no monitor is left");
  expect(await builds.ok("ps", "-aq")).toBe("");
  await builds.ok("builder", "prune", "-f", "--filter", "until=1h");
  expect(readdirSync(join(builds.stage.root, "tmp")).filter((name) => !["pull.lock", "empty"].includes(name))).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(builds.stage.folder);
  expect(readdirSync(builds.stage.runRoot).filter((name) => name.startsWith("secret-"))).toEqual([]);
  expect(builds.filesWith(SECRET)).toEqual([]);
}

const TEXT = `FROM base:1
RUN echo first > /first; sleep 0.1
COPY many /many
RUN --mount=type=secret,id=s --mount=type=cache,target=/c,id=killed cat /run/secrets/s > /dev/null; echo x >> /c/x; sleep 0.2; echo second > /second
COPY many /again
`;

rootTest("an interrupt ends what packs a file of holes that is larger than anybody's patience", async () => {
  const child = start("FROM base:1\nRUN truncate -s 2000G /x && echo made\n", ["--progress", "plain"]);
  for await (const chunk of child.stderr) if (Buffer.from(chunk).includes(" made")) break;
  await Bun.sleep(500);
  const asked = performance.now();
  child.kill("SIGINT");
  await child.exited;
  // By the signal itself; or, where it does not pack yet, in order.
  expect(["SIGINT", 130]).toContain((child.signalCode ?? child.exitCode)!);
  expect(performance.now() - asked).toBeLessThan(5000);
  await expectNothing();
});

describe("kill -9 at any moment", () => {
  rootTest(`${KILLS} times: nothing is left, and the next one goes on`, async () => {
    const flags = ["-t", "survived:1", "--secret", "id=s,env=TOKEN"];
    const begun = performance.now();
    expect(await start(TEXT, ["--no-cache", ...flags]).exited).toBe(0);
    const whole = performance.now() - begun;
    for (let round = 0; round < KILLS; round++) {
      await builds.ok("builder", "prune", "-f");
      const child = start(TEXT, ["--no-cache", ...flags]);
      await Bun.sleep(whole * ((round + Math.random()) / KILLS));
      child.kill("SIGKILL");
      await child.exited;
    }
    const { code, err } = await builds.build("", flags, { environment: { TOKEN: SECRET } });
    expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
    expect(await builds.ok("run", "--rm", "survived:1", "cat", "/first", "/second")).toBe("first\nsecond\n");
    await expectNothing();
  });

  rootTest("what was made before is not made again", async () => {
    const child = start("FROM base:1\nRUN echo once > /once\nRUN sleep 20\n", ["--no-cache"]);
    await until(async () => (await builds.ok("ps", "-q")) !== "" && (await builds.ok("ps", "--no-trunc")).includes("sleep 20"), "the second step runs");
    child.kill("SIGKILL");
    await child.exited;
    const said = await builds.built("FROM base:1\nRUN echo once > /once\nRUN true\n");
    expect(said).toMatch(/RUN echo once > \/once\n#\d+ CACHED/);
    await expectNothing();
  });
});

rootTest("SIGINT and SIGTERM: the step ends, status 130 and 143, nothing is left", async () => {
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const child = start("FROM base:1\nRUN --mount=type=secret,id=s trap '' INT TERM; sleep 20\n", ["--no-cache", "--secret", "id=s,env=TOKEN"]);
    await until(async () => (await builds.ok("ps", "-q")) !== "", "the step runs");
    child.kill(signal);
    expect([signal, await child.exited]).toEqual([signal, status]);
    await expectNothing();
  }
});

rootTest("no room for a layer: it says so, the draft is gone, and what was made before stays", async () => {
  const [small, run] = [join(builds.stage.folder, "small"), join(builds.stage.folder, "small-run")];
  builds.fill("dd if=/dev/zero of=big bs=1M count=40 2>/dev/null; printf 'FROM base:1\\nRUN echo first > /first\\nRUN dd if=/dev/zero of=/x bs=1M count=40\\n' > Run; printf 'FROM base:1\\nRUN echo first > /first\\nCOPY big /\\n' > Copy");
  const mdk = builds.stage.command().map((word) => (word === builds.stage.root ? `${small}/root` : word === builds.stage.runRoot ? `${run}/run` : word)).join(" ");
  await builds.ok("builder", "prune", "-af");
  const script = `mkdir ${small} ${run}; mount -t tmpfs -o size=24m small ${small}; mount -t tmpfs -o size=4m small ${run}; ${mdk} info >/dev/null
    ${builds.stage.command("save", "-o", `${builds.stage.folder}/base.tar`, "base:1").join(" ")}; ${mdk} load -q -i ${builds.stage.folder}/base.tar
    for file in Run Copy; do ${mdk} build -f ${builds.context}/$file ${builds.context} 2>&1; echo status $?; ls ${small}/root/tmp | grep -v -e pull.lock -e empty; ${mdk} ps -aq; done
    ${mdk} build -t fits:1 - <<'END'
FROM base:1
RUN echo first > /first
END
    ${mdk} run --rm fits:1 cat /first; ${mdk} clean -f >/dev/null`;
  const { out, err } = await builds.stage.inside(["unshare", "--mount", "--propagation", "private", "sh", "-c", script]);
  expect([...out.matchAll(/^status (\d+)$/gm)].map(([, status]) => status)).toEqual(["1", "1"]);
  expect(out).toMatch(/No space left on device/i);
  expect(out).toMatch(/status 1\n(.*\n)*#6 CACHED/);
  expect(out).toMatch(/no space left on device.*\nstatus 1\nfirst\n$/i);
  expect(err).toMatch(/RUN echo first > \/first\n#\d+ CACHED/);
});

describe("two builds at once", () => {
  rootTest("each step runs once", async () => {
    const text = "FROM base:1\nRUN --mount=type=cache,target=/c,id=twice echo x >> /c/one; sleep 0.5; date +%N > /one\nRUN --mount=type=cache,target=/c,id=twice echo x >> /c/two; date +%N > /two\n";
    const children = [1, 2, 3].map((number) => start(text, ["-t", `twice:${number}`]));
    expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0, 0]);
    const said = await builds.built("FROM base:1\nRUN --mount=type=cache,target=/c,id=twice wc -l < /c/one; wc -l < /c/two\n", ["--no-cache"]);
    expect([...said.matchAll(/^#\d+ \d+\.\d{3} (\d+)$/gm)].map(([, count]) => count)).toEqual(["1", "1"]);
    const [first, ...others] = await Promise.all([1, 2, 3].map((number) => builds.ok("run", "--rm", `twice:${number}`, "cat", "/one", "/two")));
    expect(others).toEqual([first!, first!]);
  });

  rootTest("of which the first one fails, the second goes on", async () => {
    const text = "FROM base:1\nRUN --mount=type=cache,target=/c,id=fails test -e /c/seen || { touch /c/seen; sleep 0.4; exit 3; }; echo made > /made\n";
    const first = start(text);
    await until(async () => (await builds.ok("ps", "-q")) !== "", "the step runs");
    const second = start(text, ["-t", "second:1"]);
    expect([await first.exited, await second.exited]).toEqual([1, 0]);
    expect(await builds.ok("run", "--rm", "second:1", "cat", "/made")).toBe("made\n");
  });
});

describe("steps that misbehave", () => {
  afterEach(() => (builds === undefined ? undefined : expectNothing()));

  rootTest("processes in the background end with the step", async () => {
    const begun = performance.now();
    await builds.built("FROM base:1\nRUN sleep 100 & setsid sleep 100 & echo done\n", ["--no-cache"]);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  rootTest("output without newlines, of bytes that are no text, and of lines without end", async () => {
    const said = await builds.built("FROM base:1\nRUN printf 'a\\tb\\033[31mred\\rover\\n'; printf '\\377\\376\\n'; dd if=/dev/zero bs=1k count=300 2>/dev/null | tr '\\0' x; printf end\n", ["--no-cache"]);
    expect(said).not.toContain("\x1b");
    // In pieces, and the last of them is as long as it happens to be.
    expect(said.replace(/\n#\d+ [0-9.]+ /g, "")).toMatch(/xend$/m);
    expect(said.match(/x/g)!.length).toBeGreaterThan(300_000);
  });

  rootTest("100 MB of output: two of them are shown, and mdk holds little of it", async () => {
    const child = start("FROM base:1\nRUN yes 'a line of output that somebody wrote' | head -c 60000000\nRUN dd if=/dev/zero bs=1M count=45 2>/dev/null | tr '\\0' x\n", ["--no-cache"]);
    let peak = 0;
    const watch = setInterval(() => {
      const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, "utf8") : "";
      peak = Math.max(peak, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0));
    }, 20);
    let bytes = 0;
    for await (const chunk of child.stderr) bytes += chunk.length;
    clearInterval(watch);
    expect(await child.exited).toBe(0);
    expect(bytes).toBeGreaterThan(2 << 20);
    expect(bytes).toBeLessThan(10 << 20);
    expect(peak).toBeLessThan(300_000);
  });
});
