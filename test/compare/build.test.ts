/**
 * The Dockerfiles of build-cases.ts, built with mdk and with Debian's docker 20.10 (its embedded BuildKit) beside each other: config, history and
 * tree, with owners, modes, links and attributes, are the same, but for what a case names with its reason. A dozen in `npm test`, all of them in
 * `npm run test:docker` (MDK_TEST_COMPARE=1).
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildStage } from "../helpers/build-stage.ts";
import { startDockerd, type Dockerd } from "../helpers/dockerd.ts";
import { imageLayout } from "../helpers/fixtures.ts";
import { readSaved, treeLines, type SavedImage } from "../helpers/image-archive.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { CASES, CONTEXT, type BuildCase } from "./build-cases.ts";

const ready = isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("skopeo") && hasTool("setfattr");
const whole = process.env["MDK_TEST_COMPARE"] === "1";

let stage: BuildStage;
let docker: Dockerd;

beforeAll(async () => {
  if (!ready) return;
  stage = await BuildStage.open();
  docker = startDockerd();
  const archive = join(stage.stage.folder, "base.tar");
  expect(Bun.spawnSync(["skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:base:1`]).exitCode).toBe(0);
  expect(docker.docker("load", "-q", "-i", archive).status).toBe(0);
  await stage.ok("rmi", "base:1");
  await stage.ok("load", "-q", "-i", archive);
}, 120_000);

afterAll(async () => {
  docker?.stop();
  await stage?.end();
}, 60_000);

async function byMdk({ dockerfile, flags = [] }: BuildCase): Promise<SavedImage> {
  return stage.image(dockerfile, flags.map((flag) => flag.replace("CONTEXT", stage.context)));
}

function byDocker({ flags = [] }: BuildCase): SavedImage {
  const words = ["build", "--progress", "plain", "-t", "made:1", ...flags.map((flag) => flag.replace("CONTEXT", stage.context)), stage.context];
  const { exitCode, stderr } = Bun.spawnSync(["/usr/bin/docker", ...words], { env: { ...process.env, DOCKER_HOST: docker.host, DOCKER_BUILDKIT: "1", BUILDX_BUILDER: "" }, stdin: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(stderr.toString());
  const path = join(stage.stage.folder, "docker.tar");
  expect(docker.docker("save", "-o", path, "made:1").status).toBe(0);
  return readSaved(readFileSync(path));
}

/** What is unset is said by leaving it out, by null or by an empty text, and a list by nothing. */
function configOf({ config: { config, author, architecture, os } }: SavedImage): Record<string, unknown> {
  const empty = (value: unknown): boolean => value === null || value === "" || value === false || (typeof value === "object" && Object.keys(value as object).length === 0);
  // Docker 20.10 marks a shell form with ArgsEscaped, which says something on Windows only.
  const { ArgsEscaped: _escaped, ...rest } = config;
  return { author: author ?? "", architecture, os, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => !empty(value)).sort()) };
}

/** 20.10 says of WORKDIR as if it made no layer, and later BuildKit marks it as others. */
function historyOf({ config: { history } }: SavedImage): string[] {
  return history.map(({ created_by = "", comment = "" }) => `${created_by.startsWith("WORKDIR ") ? created_by.replace(/ # buildkit$/, "") : created_by}; ${comment}`);
}

async function compare(one: BuildCase): Promise<void> {
  stage.fill(`${CONTEXT}\n${one.before ?? "true"}`);
  writeFileSync(join(stage.context, "Dockerfile"), one.dockerfile);
  const [ours, theirs] = [await byMdk(one), byDocker(one)];
  const differs = one.differs ?? {};
  const left = new Set(["/dev", "/proc", "/sys", ...(one.stubs ?? [])].map((path) => `${path} d 755 0:0`));
  // A layer of mdk says what the root is, too.
  const treeOf = ({ layers }: SavedImage): string[] => treeLines(layers).filter((line) => !left.has(line) && !/^\/(Dockerfile)? /.test(line));
  for (const [what, of] of [["config", configOf], ["history", historyOf], ["tree", treeOf]] as const) {
    if (differs[what] === undefined) expect([what, of(ours)]).toEqual([what, of(theirs)]);
    else expect([what, of(ours)]).not.toEqual([what, of(theirs)]);
  }
  await runsInBoth(ours);
}

/** Who the program is, where, and with what, is the same in both engines; of an image without a shell, that Docker makes a container of it. */
async function runsInBoth({ layers }: SavedImage): Promise<void> {
  const path = join(stage.stage.folder, "saved.tar");
  expect(docker.docker("load", "-q", "-i", path)).toMatchObject({ status: 0 });
  if (!treeLines(layers).some((line) => line.startsWith("/bin/sh "))) {
    expect(docker.docker("create", "--rm", "made:1", "/none")).toMatchObject({ status: 0 });
    expect((await stage.stage.mdk("create", "--rm", "made:1", "/none")).code).toBe(0);
    return;
  }
  const words = ["run", "--rm", "--network", "none", "--hostname", "h", "--entrypoint", "/bin/sh", "made:1", "-c", "export -p; umask; pwd; /bin/busybox id; exit 7"];
  const theirs = docker.docker(...words);
  expect(theirs.status).toBe(7);
  expect(await stage.stage.mdk(...words)).toMatchObject({ code: 7, out: theirs.stdout });
}

for (const one of CASES.filter((_, index) => whole || index % 8 === 0)) testIf(ready, "needs root, a built dist/mdk, dockerd, skopeo and setfattr")(one.name, () => compare(one));

testIf(ready, "needs root, a built dist/mdk, dockerd, skopeo and setfattr")("what mdk built and saved, Docker loads and runs as mdk does, and the other way round", async () => {
  stage.fill("echo a > a");
  const text = `FROM base:1 AS a
RUN mkdir -m 2750 /d && echo x > /d/x && chown -R 7:8 /d && ln /d/x /d/y && rm /etc/group
FROM base:1
COPY --from=a /d /d
COPY --chown=user a /home/
USER user
WORKDIR /home/sub
ENV GREETING=hello
ENTRYPOINT ["sh", "-c", "id -u; pwd; cat ../a; stat -c '%a %u:%g %h' /d/x; echo $GREETING $0"]
CMD ["you"]
`;
  await stage.built(text, ["-t", "ours:1"]);
  const path = join(stage.stage.folder, "ours.tar");
  await stage.ok("save", "-o", path, "ours:1");
  expect(docker.docker("load", "-q", "-i", path)).toMatchObject({ status: 0 });
  const expected = "1000\n/home/sub\na\n644 7:8 2\nhello you\n";
  expect(await stage.ok("run", "--rm", "ours:1")).toBe(expected);
  expect(docker.docker("run", "--rm", "ours:1")).toMatchObject({ status: 0, stdout: expected });
  byDocker({ name: "theirs", dockerfile: text });
  await stage.ok("load", "-q", "-i", join(stage.stage.folder, "docker.tar"));
  expect(await stage.ok("run", "--rm", "made:1")).toBe(expected);
});
