/** Caches that mdk writes, beside the BuildKit of Debian's docker 20.10, and the other way round: each reads the other's, finds nothing in it, and builds. */
import { afterAll, beforeAll, expect } from "bun:test";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BuildStage } from "../helpers/build-stage.ts";
import { startDockerd, type Dockerd } from "../helpers/dockerd.ts";
import { startRegistry, type Registry } from "../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";

const ready = isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("docker-registry") && existsSync("/bin/busybox");
const rootTest = testIf(ready, "needs root, dockerd, docker-registry, busybox and a built dist/mdk");

let stage: BuildStage;
let docker: Dockerd;
let registry: Registry;

beforeAll(async () => {
  if (!ready) return;
  stage = await BuildStage.open();
  docker = startDockerd(stage.stage.host);
  registry = await startRegistry("", ["nsenter", `--net=/run/netns/${stage.stage.host}`]);
  stage.fill("true");
  copyFileSync("/bin/busybox", join(stage.context, "busybox"));
  writeFileSync(join(stage.context, "Dockerfile"), ["FROM scratch", "COPY busybox /bin/busybox", 'RUN ["/bin/busybox","touch","/x"]', 'RUN ["/bin/busybox","true"]', "COPY busybox /y"].join("\n"));
}, 120_000);

afterAll(async () => {
  await registry?.stop();
  docker?.stop();
  await stage?.end();
}, 60_000);

function byDocker(...flags: readonly string[]): string {
  const { exitCode, stderr } = Bun.spawnSync(["/usr/bin/docker", "build", "--progress", "plain", "--network", "none", ...flags, stage.context], { env: { ...process.env, DOCKER_HOST: docker.host, DOCKER_BUILDKIT: "1", BUILDX_BUILDER: "" }, stdin: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return stderr.toString();
}

rootTest("BuildKit reads the image, the manifest and the index, and is not disturbed", async () => {
  const name = (tag: string): string => `${registry.host}/ours:${tag}`;
  await stage.built("", ["--network", "none", "--push", "-t", name("inline"), "--cache-to", "type=inline", "--cache-to", `type=registry,ref=${name("manifest")}`, "--cache-to", `type=registry,ref=${name("index")},image-manifest=false`]);
  for (const tag of ["inline", "manifest", "index"]) {
    const said = byDocker("--cache-from", name(tag));
    expect([tag, said.includes(`importing cache manifest from ${name(tag)}`), /^#\d+ (CACHED|ERROR)/m.test(said)]).toEqual([tag, true, false]);
    expect(docker.docker("builder", "prune", "-af").status).toBe(0);
  }
});

rootTest("mdk reads the image with BuildKit's cache", async () => {
  const name = `${registry.host}/theirs:inline`;
  byDocker("--build-arg", "BUILDKIT_INLINE_CACHE=1", "-t", name);
  expect(docker.docker("push", name).status).toBe(0);
  const said = await stage.built("", ["--network", "none", "--cache-from", name]);
  expect([said.includes(`importing cache manifest from ${name}`), said.includes("WARNING")]).toEqual([true, false]);
});
