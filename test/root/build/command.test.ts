/** `build` as a command: where the context and the Dockerfile come from, what is written besides, and what it says when it refuses. */
import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { archive, file } from "../../helpers/archive.ts";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBuildStage();

const shown = (name: string, path: string): Promise<string> => builds.ok("run", "--rm", name, "cat", path);

describe("the context", () => {
  rootTest("-f: another name, a path outside, standard input", async () => {
    builds.fill("echo a > a; mkdir sub; printf 'FROM base:1\\nCOPY a /sub\\n' > sub/Other");
    const outside = join(builds.stage.folder, "Outside");
    writeFileSync(outside, "FROM base:1\nCOPY a /outside\n");
    await builds.built("", ["-t", "f:1", "-f", join(builds.context, "sub/Other")]);
    expect(await shown("f:1", "/sub")).toBe("a\n");
    await builds.built("", ["-t", "f:1", "-f", outside]);
    expect(await shown("f:1", "/outside")).toBe("a\n");
    await builds.built("", ["-t", "f:1", "-f", "-"], { stdin: "FROM base:1\nCOPY a /stdin\n" });
    expect(await shown("f:1", "/stdin")).toBe("a\n");
  });

  rootTest("-: a Dockerfile, an archive, a packed one; with -f a file in it", async () => {
    await builds.built("", ["-t", "d:1"], { from: "-", stdin: "FROM base:1\nRUN echo d > /d\n" });
    expect(await shown("d:1", "/d")).toBe("d\n");
    expect(await builds.refused("", [], { from: "-", stdin: "FROM base:1\nCOPY a /\n" })).toContain('there is no build context to take "a" from');
    builds.fill("echo a > a; mkdir sub; echo 'no' > .dockerignore; echo no > no; printf 'FROM base:1\\nCOPY . /c/\\n' > Dockerfile; printf 'FROM base:1\\nCOPY a /other\\n' > sub/Other");
    for (const pack of ["-c", "-cz"]) {
      const stdin = Bun.spawnSync(["tar", "-C", builds.context, pack, "."]).stdout;
      await builds.built("", ["-t", "t:1"], { from: "-", stdin });
      expect((await builds.ok("run", "--rm", "t:1", "ls", "/c")).split("\n")).toEqual(["Dockerfile", "a", "sub", ""]);
      await builds.built("", ["-t", "t:1", "-f", "sub/Other"], { from: "-", stdin });
      expect(await shown("t:1", "/other")).toBe("a\n");
    }
  });

  rootTest("by HTTP: a Dockerfile and an archive", async () => {
    builds.fill("echo a > a; printf 'FROM base:1\\nCOPY a /h\\n' > Dockerfile");
    const archive = Bun.spawnSync(["tar", "-C", builds.context, "-cz", "."]).stdout;
    const folder = join(builds.stage.folder, "served");
    mkdirSync(folder);
    writeFileSync(join(folder, "c.tar.gz"), archive);
    writeFileSync(join(folder, "Plain"), "FROM base:1\nRUN echo h > /h\n");
    // In the stage's own network namespace: mdk asks there.
    const server = Bun.spawn(["nsenter", `--net=/run/netns/${builds.stage.host}`, "busybox", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", folder], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    try {
      await Bun.sleep(200);
      await builds.built("", ["-t", "h:1"], { from: "http://127.0.0.1:8080/c.tar.gz" });
      expect(await shown("h:1", "/h")).toBe("a\n");
      await builds.built("", ["-t", "h:1"], { from: "http://127.0.0.1:8080/Plain" });
      expect(await shown("h:1", "/h")).toBe("h\n");
      expect(await builds.refused("", [], { from: "http://127.0.0.1:8080/none" })).toContain("404");
    } finally {
      server.kill();
      await server.exited;
    }
  });
});

describe("what is made", () => {
  rootTest("several tags, --iidfile, --metadata-file, -q", async () => {
    const [iid, metadata] = [join(builds.stage.folder, "iid"), join(builds.stage.folder, "metadata")];
    const { code, out, err } = await builds.build("FROM base:1\nLABEL q=1\n", ["-q", "-t", "one", "-t", "two:2", "-t", "registry.example:5000/three:3", "--iidfile", iid, "--metadata-file", metadata]);
    const id = out.trim();
    expect([code, err, readFileSync(iid, "utf8")]).toEqual([0, "", id]);
    expect(JSON.parse(readFileSync(metadata, "utf8"))).toEqual({ "containerimage.config.digest": id, "containerimage.digest": id, "image.name": "docker.io/library/one:latest,docker.io/library/two:2,registry.example:5000/three:3" });
    const names = (await builds.ok("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")).split("\n").filter((line) => line.includes(id.slice(7, 19)));
    expect(names.map((line) => line.split(" ")[0]!).sort()).toEqual(["one:latest", "registry.example:5000/three:3", "two:2"]);
  });

  rootTest("on an image whose history says nothing, or is none", async () => {
    for (const [at, history] of [[null], ["x", { created_by: "y" }, 7], "z", { a: "b" }].entries()) {
      const config = JSON.stringify({ architecture: process.arch === "x64" ? "amd64" : "arm64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [] }, history });
      const path = join(builds.stage.folder, "odd.tar");
      writeFileSync(path, archive([file("c", config), file("manifest.json", JSON.stringify([{ Config: "c", RepoTags: [`odd:${at}`], Layers: [] }]))]));
      await builds.ok("load", "-i", path);
      await builds.built(`FROM odd:${at}\nLABEL a=b\n`, ["-t", "on-odd"]);
      expect((await builds.ok("history", "--format", "{{.CreatedBy}}", "on-odd")).split("\n")[0]).toBe("LABEL a=b");
      await builds.ok("history", `odd:${at}`);
    }
  });

  rootTest("a tag moves on, and the image that had it stays without a name", async () => {
    const first = (await builds.build("FROM base:1\nLABEL n=1\n", ["-q", "-t", "moving:1"])).out.trim();
    await builds.built("FROM base:1\nLABEL n=2\n", ["-t", "moving:1"]);
    expect(await builds.ok("images", "-q", "--no-trunc", "-f", "dangling=true")).toContain(first);
  });

  rootTest("rules that are errors are skipped where an argument says so; old flags mean nothing; --call=check is --check", async () => {
    const doubtful = "# check=error=true\nFROM base:1\nCMD echo a\n";
    await builds.built(doubtful, ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all", "--rm", "--force-rm=false", "--compress", "--isolation", "default", "--disable-content-trust"]);
    const { code, out } = await builds.build(doubtful, ["--call", "check"]);
    expect([code, out]).toEqual([1, expect.stringContaining("WARNING: JSONArgsRecommended")]);
    expect((await builds.build(doubtful, ["--check", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=JSONArgsRecommended"])).code).toBe(0);
  });

  rootTest("for the cache only: nothing is in the store, and the next build finds all", async () => {
    const dockerfile = "FROM base:1\nRUN echo of-the-cache > /made\n";
    const before = await builds.ok("images", "-aq");
    await builds.built(dockerfile, ["-o", "type=cacheonly"]);
    expect(await builds.ok("images", "-aq")).toBe(before);
    expect(await builds.built(dockerfile)).toMatch(/RUN echo of-the-cache.*\n#\d+ CACHED/);
  });

  rootTest("a step that changes nothing is as old as it is", async () => {
    const begun = Date.now();
    const id = (await builds.build(`FROM base:1\nRUN true ${begun}\n`, ["-q"])).out.trim();
    const created = await builds.ok("inspect", "-f", "{{.Created}}", id);
    expect(Date.parse(created.trim())).toBeGreaterThanOrEqual(begun);
    await Bun.sleep(5);
    expect((await builds.build(`FROM base:1\nRUN true ${begun}\n`, ["-q"])).out.trim()).toBe(id);
  });

  rootTest("no command and nothing on standard output without -q; every way to show the progress", async () => {
    for (const mode of ["plain", "rawjson", "tty", "quiet"]) {
      const { code, out } = await builds.build("FROM base:1\nRUN echo said\n", ["--no-cache", "--progress", mode]);
      expect([mode, code, out]).toEqual([mode, 0, mode === "quiet" ? expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/) : ""]);
      // Without the flag it is what the environment says.
      const asked = await builds.build("FROM base:1\nRUN echo said\n", ["--no-cache"], { environment: { BUILDKIT_PROGRESS: mode } });
      expect([mode, asked.code, asked.out === "", asked.err === ""]).toEqual([mode, 0, mode !== "quiet", mode === "quiet"]);
    }
    expect(await builds.refused("FROM base:1\n", ["-q", "--progress", "plain"])).toContain("progress=plain and quiet cannot be used together");
    const { err } = await builds.build("FROM base:1\nRUN echo said\n", ["--no-cache", "--progress", "rawjson"]);
    const said = err.trim().split("\n").map((line) => JSON.parse(line) as { event: string; data?: string });
    expect(Buffer.from(said.find(({ event }) => event === "output")!.data!, "base64").toString()).toBe("said\n");
  });
});

const REFUSED: readonly [what: string, dockerfile: string, says: string | RegExp, flags?: readonly string[]][] = [
  ["no Dockerfile at all", "", "failed to read dockerfile"],
  ["an empty one", "# nothing\n", /the Dockerfile cannot be empty|file with no instructions/],
  ["no FROM", "RUN true\n", "no build stage in current context"],
  ["a signal that is none", "FROM base:1\nSTOPSIGNAL FOO\n", /Dockerfile:2\n[^]*invalid signal: FOO/],
  ["a mount over everything", "FROM base:1\nRUN --mount=type=cache true\n", /Dockerfile:2\n[^]*invalid mount target "\/"/],
  ["a base that is nowhere, where it is asked for", "FROM base:1 AS a\nFROM registry.invalid/none:1\nCOPY --from=a /x /\n", /Dockerfile:2\n[^]*>>> FROM registry.invalid/],
  ["a tag that is none", "FROM base:1\n", 'invalid tag "a:b:c": ', ["-t", "one", "-t", "a:b:c"]],
  ["rules that the file makes errors", "# check=error=true\nFROM base:1\nCMD echo a\n", "failed to solve: lint violation found for rules: JSONArgsRecommended"],
  ["rules that an argument makes errors", "FROM base:1\nCMD echo a\n", "lint violation found for rules: JSONArgsRecommended", ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=error=true"]],
  ["another call", "FROM base:1\n", "--call=outline is not supported", ["--call", "outline"]],
  ["an unknown instruction", "FROM base:1\nRUNN true\n", "unknown instruction: RUNN"],
  ["an unknown flag", "FROM base:1\nCOPY --nope a /\n", "unknown flag: --nope"],
  ["an unknown target", "FROM base:1\n", 'target stage "none" could not be found', ["--target", "none"]],
  ["stages in a circle", "FROM base:1 AS a\nCOPY --from=b /x /\nFROM base:1 AS b\nCOPY --from=a /x /\nFROM b\n", "circular dependency"],
  ["a stage by its number that is not there", "FROM base:1\nCOPY --from=7 /x /\n", "7"],
  ["what is not in the context", "FROM base:1\nCOPY none /\n", '"/none": not found'],
  ["what leads out of the context", "FROM base:1\nCOPY ../../etc/passwd /\n", '"/etc/passwd": not found'],
  ["COPY over a directory", "FROM base:1\nCOPY Dockerfile /x\nRUN rm /x; mkdir -p /x/Dockerfile\nCOPY Dockerfile /x\n", "/x/Dockerfile"],
  ["a user who is not there", "FROM base:1\nUSER nobody-knows\nRUN true\n", "nobody-knows"],
  ["an argument that must be set", "FROM base:1\nENV A=${B:?must be said}\n", "must be said"],
  ["a base that is not there", "FROM registry.invalid/none:1\n", "registry.invalid"],
  ["a tag with a digest", "FROM base:1\n", "a build cannot give a digest", ["-t", `x@sha256:${"0".repeat(64)}`]],
  ["a bad mount", "FROM base:1\nRUN --mount=type=none,target=/x true\n", "none"],
];

describe("refuses, with status 1 and in words", () => {
  for (const [what, dockerfile, says, flags = []] of REFUSED) {
    rootTest(what, async () => {
      builds.fill("true");
      const said = await builds.refused(dockerfile, flags);
      if (typeof says === "string") expect(said).toContain(says);
      else expect(said).toMatch(says);
      expect(said.trimEnd().split("\n").at(-1)!).toMatch(/\S/);
      expect(await builds.ok("ps", "-aq")).toBe("");
    });
  }

  rootTest("and shows the line", async () => {
    const said = await builds.refused("FROM base:1\nLABEL a=1\nCOPY none /\nLABEL b=2\n");
    expect(said).toContain("Dockerfile:3\n--------------------\n   1 |     FROM base:1\n   2 |     LABEL a=1\n   3 | >>> COPY none /\n   4 |     LABEL b=2\n");
  });
});
