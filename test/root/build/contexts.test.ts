/** Where the files of a build come from besides a directory: git repositories, archives and layouts. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { World } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["git", "skopeo"].every(hasTool);
const rootTest = testIf(able, "needs root, git and skopeo");
let world: World;
let server: ReturnType<typeof Bun.serve>;
let address = "";

beforeAll(() => {
  if (!able) return;
  world = new World();
  const repository = join(world.folder, "repository");
  const git = (...words: readonly string[]): string => run("git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.org", ...words);
  mkdirSync(join(repository, "sub/deep"), { recursive: true });
  git("init", "-q", "-b", "main");
  writeFileSync(join(repository, "Dockerfile"), "FROM scratch\nCOPY . /\n");
  writeFileSync(join(repository, "sub/Dockerfile"), "FROM scratch\nCOPY . /sub/\n");
  writeFileSync(join(repository, "sub/deep/file"), "one");
  symlinkSync("/etc", join(repository, "out"));
  mkdirSync(join(repository, "led"));
  symlinkSync("/etc/hostname", join(repository, "led/Dockerfile"));
  git("add", "-A");
  git("commit", "-q", "-m", "one");
  git("tag", "v1");
  writeFileSync(join(repository, "sub/deep/file"), "two");
  git("commit", "-q", "-a", "-m", "two");
  run("git", "clone", "-q", "--bare", repository, join(world.folder, "bare.git"));
  run("git", "-C", join(world.folder, "bare.git"), "update-server-info");
  run("tar", "-C", join(repository, "sub"), "-czf", join(world.folder, "sub.tgz"), ".");
  server = Bun.serve({
    port: 0, hostname: "127.0.0.1",
    fetch: async (request) => {
      const file = Bun.file(join(world.folder, new URL(request.url).pathname));
      return (await file.exists()) ? new Response(file) : new Response("", { status: 404 });
    },
  });
  address = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server?.stop(true);
  world?.close();
});

/** Asynchronous: the server is in this process. */
async function build(...words: readonly string[]): Promise<{ readonly status: number; readonly stderr: string }> {
  const child = Bun.spawn([...world.words("build", "-t", "x"), ...words], { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { ...process.env, TMPDIR: world.folder } });
  const stderr = await new Response(child.stderr).text();
  return { status: await child.exited, stderr };
}

async function filesOf(...words: readonly string[]): Promise<string> {
  const target = join(world.folder, crypto.randomUUID());
  const { status, stderr } = await build("-o", target, ...words);
  if (status !== 0) throw new Error(stderr);
  return target;
}

rootTest("git: the branch, a tag, a commit, a directory; without .git, and nothing is left of the checkout", async () => {
  const whole = await filesOf(`${address}/bare.git`);
  expect([readdirSync(whole).sort(), readFileSync(join(whole, "sub/deep/file"), "utf8")]).toEqual([["Dockerfile", "led", "out", "sub"], "two"]);
  expect(readFileSync(join(await filesOf(`${address}/bare.git#v1`), "sub/deep/file"), "utf8")).toBe("one");
  expect(readFileSync(join(await filesOf(`${address}/bare.git#v1:sub`), "sub/deep/file"), "utf8")).toBe("one");
  const commit = run("git", "-C", join(world.folder, "bare.git"), "rev-parse", "main").trim();
  expect(readFileSync(join(await filesOf(`${address}/bare.git#${commit}:sub`), "sub/deep/file"), "utf8")).toBe("two");
  expect(readdirSync(world.folder).filter((name) => name.startsWith("mdk-context-"))).toEqual([]);
});

rootTest("git: what is not there is told, and links lead nowhere else", async () => {
  const told = async (word: string): Promise<string> => {
    const { status, stderr } = await build(word);
    return `${status} ${stderr}`;
  };
  expect(await told(`${address}/bare.git#nothing`)).toContain("mdk: git failed: fetch nothing of");
  expect(await told(`${address}/bare.git#:nowhere`)).toContain("has no directory nowhere");
  expect(await told(`${address}/bare.git#:out`)).toContain("has no directory out");
  expect(await told(`${address}/bare.git#:led`)).toContain("leads out of the build context");
  expect(await told(`${address}/bare.git#main:../x`)).toContain('invalid subdirectory "../x"');
  expect(readdirSync(world.folder).filter((name) => name.startsWith("mdk-context-"))).toEqual([]);
});

rootTest("an archive by HTTP, as the context and as a named one; a layout and git as named ones", async () => {
  const own = join(world.folder, "own");
  mkdirSync(own);
  writeFileSync(join(own, "Dockerfile"), "FROM base\nCOPY --from=archive deep/file /archived\nCOPY --from=code sub/deep/file /coded\n");
  expect(readFileSync(join(await filesOf(`${address}/sub.tgz`), "sub/deep/file"), "utf8")).toBe("two");
  const layout = join(world.folder, "layout");
  await build("-o", `type=oci,tar=false,dest=${layout}`, `${address}/bare.git#v1:sub`);
  const target = await filesOf("--build-context", `base=oci-layout://${layout}:latest`, "--build-context", `archive=${address}/sub.tgz`, "--build-context", `code=${address}/bare.git#v1`, own);
  expect(["archived", "coded", "sub/deep/file"].map((name) => readFileSync(join(target, name), "utf8"))).toEqual(["two", "one", "one"]);
  const missing = await build("--build-context", `base=oci-layout://${world.folder}/none`, own);
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining("no such file or directory")]);
});
