/** Where the files of a build come from besides a directory: git repositories, archives and layouts. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive, directory, file } from "../../helpers/archive.ts";
import { alive, descendants, until, World } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["git", "skopeo"].every(hasTool);
const rootTest = testIf(able, "needs root, git and skopeo");
let world: World;
let server: ReturnType<typeof Bun.serve>;
let address = "";
const asked: string[] = [];

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
      asked.push(`${new URL(request.url).pathname} ${request.headers.get("authorization") ?? ""}`);
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
  expect(left()).toEqual([]);
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
  expect(left()).toEqual([]);
});

rootTest("a password in an address is for its server only: nothing that is said or made has it", async () => {
  const secret = address.replace("//", "//user:SECRET@");
  const own = join(world.folder, "secret");
  mkdirSync(own);
  const written = (...lines: readonly string[]): void => writeFileSync(join(own, "Dockerfile"), ["FROM scratch", ...lines, ""].join("\n"));
  for (const [says, ...words] of [["git failed", `${secret}/none.git`], ["git failed", `${secret}/bare.git#none`], ["has no directory", `${secret}/bare.git#:none`], ["404", `${secret}/none.tar`], ["dockerfile: open", "-f", "none", `${secret}/sub.tgz`]] as const) {
    const { status, stderr } = await build(...words);
    expect([status, stderr.includes("SECRET"), stderr]).toEqual([1, false, expect.stringContaining(says)]);
  }
  for (const line of [`ADD ${secret}/none /x`, `ADD ${secret}/none.git /x`, `ADD ${secret}/bare.git#:none /x`, `ARG A=${secret}/none\nADD $A /x`]) {
    written(line);
    const { status, stderr } = await build("--progress", "plain", own);
    expect([line, status, stderr.includes("SECRET")]).toEqual([line, 1, false]);
  }
  written(`ADD ${secret}/sub.tgz /x`, `ADD --keep-git-dir ${secret}/bare.git /y`);
  asked.length = 0;
  expect(await build("--progress", "plain", own)).toEqual({ status: 0, stderr: expect.not.stringContaining("SECRET") });
  expect(asked).toContain("/sub.tgz Basic dXNlcjpTRUNSRVQ=");
  expect(world.ok("history", "--no-trunc", "x")).not.toContain("SECRET");
  // 1: no line of any file.
  expect(Bun.spawnSync(["grep", "-rq", "SECRET", join(await filesOf(own), "y/.git")]).exitCode).toBe(1);
});

/** A repository "NAME.git" on the server, whose files a script makes. */
function serveRepository(name: string, script: string): void {
  run("sh", "-euc", `cd ${world.folder}
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
    rm -rf ${name} ${name}.git; git init -q -b main ${name}; cd ${name}; ${script}
    git add -A; git commit -q -m ${name}; cd ..; git clone -q --bare ${name} ${name}.git; git -C ${name}.git update-server-info`);
}

/** A submodule as git keeps it: a line of .gitmodules, and a commit in the tree. */
const submodule = (path: string, url: string, of: string): string => `git config -f .gitmodules submodule.${path}.path ${path}; git config -f .gitmodules submodule.${path}.url ${url}
    git update-index --add --cacheinfo 160000,$(git -C ../${of}.git rev-parse main),${path}; mkdir ${path};`;

rootTest("git: submodules and theirs, by whole and relative addresses; .git stays where that is asked for", async () => {
  serveRepository("leaf", "echo leaf > leaf");
  serveRepository("middle", `echo middle > middle; ${submodule("inner", "../leaf.git", "leaf")}`);
  serveRepository("outer", `printf 'FROM scratch\\nCOPY . /\\n' > Dockerfile; ${submodule("lib", `${address}/middle.git`, "middle")}`);
  const files = (directory: string): string[] => run("sh", "-c", `cd ${directory}; find . -name .git -prune -print -o -type f -print`).trim().split("\n").sort();
  expect(files(await filesOf(`${address}/outer.git`))).toEqual(["./.gitmodules", "./Dockerfile", "./lib/.gitmodules", "./lib/inner/leaf", "./lib/middle"]);
  const kept = await filesOf("--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", `${address}/outer.git`);
  expect(files(kept)).toEqual(["./.git", "./.gitmodules", "./Dockerfile", "./lib/.git", "./lib/.gitmodules", "./lib/inner/.git", "./lib/inner/leaf", "./lib/middle"]);
  expect(run("git", "-c", "safe.directory=*", "-C", join(kept, "lib/inner"), "log", "--format=%s")).toBe("leaf\n");
  const own = join(world.folder, "added");
  mkdirSync(own);
  writeFileSync(join(own, "Dockerfile"), `FROM scratch\nADD ${address}/outer.git /x\nADD --keep-git-dir=true ${address}/outer.git /y\n`);
  const added = await filesOf(own);
  expect([files(join(added, "x")).length, files(join(added, "y")).length]).toEqual([5, 8]);
});

rootTest("git: a submodule with several names is one", async () => {
  serveRepository("leaf", "echo leaf > leaf");
  const again = ["./lib", "lib/", "."].map((path, at) => `git config -f .gitmodules submodule.n${at}.path ${path}; git config -f .gitmodules submodule.n${at}.url ${address}/leaf.git;`).join(" ");
  serveRepository("named", `printf 'FROM scratch\\nCOPY . /\\n' > Dockerfile; ${submodule("lib", `${address}/leaf.git`, "leaf")} ${again}`);
  expect(run("sh", "-c", `cd ${await filesOf(`${address}/named.git`)}; find . -type f | sort`)).toBe("./.gitmodules\n./Dockerfile\n./lib/leaf\n");
});

rootTest("git: a submodule leads to nothing of this host, and executes nothing", async () => {
  const told = async (script: string): Promise<string> => {
    serveRepository("evil", `printf 'FROM scratch\\nCOPY . /\\n' > Dockerfile; ${script}`);
    return (await build(`${address}/evil.git`)).stderr;
  };
  serveRepository("leaf", "echo leaf > leaf");
  for (const url of [`${world.folder}/leaf.git`, `file://${world.folder}/leaf.git`, "ext::sh\\ -c\\ touch\\ ran", "--upload-pack=touch", "http://--upload-pack=x/y"]) {
    expect(await told(submodule("lib", `'${url}'`, "leaf"))).toContain("is no address that one is fetched from");
  }
  expect(await told(submodule("lib", `${address}/none.git`, "leaf"))).toContain("git failed: submodule:");
  const ran = await told(`${submodule("lib", `${address}/leaf.git`, "leaf")} git config -f .gitmodules submodule.lib.update '!touch ran'`);
  expect(ran).toContain("invalid value for 'submodule.lib.update'");
  // A link where the submodule would be: git takes it away, or refuses.
  const linked = await told(`${submodule("lib", `${address}/leaf.git`, "leaf")} git config -f .gitmodules submodule.lib.path link/lib; ln -s /tmp link; true`);
  expect(existsSync("/tmp/lib")).toBe(false);
  expect(linked).not.toContain("panic");
  expect(readdirSync(world.folder).filter((name) => name.startsWith("mdk-context-") || name === "ran")).toEqual([]);
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

rootTest("an interrupt ends the fetch of a context with its own status, and git with all that it started", async () => {
  const silent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => {}) });
  try {
    for (const word of ["x.git", "x.tar"]) {
      const child = Bun.spawn(world.words("build", `http://127.0.0.1:${silent.port}/${word}`), { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { ...process.env, TMPDIR: world.folder } });
      await until(() => silent.pendingRequests > 0, "a request");
      const started = descendants(child.pid);
      child.kill("SIGINT");
      expect([word, await new Response(child.stderr).text(), await child.exited]).toEqual([word, "mdk: context canceled\n", 130]);
      await until(() => started.every((pid) => !alive(pid)), "the end of what it started");
      expect(started.length > 1).toBe(word === "x.git");
      await until(() => silent.pendingRequests === 0, "the end of the request");
    }
    const child = Bun.spawn(world.words("build", "-"), { stdin: "pipe", stdout: "ignore", stderr: "pipe" });
    await Bun.sleep(500);
    child.kill("SIGTERM");
    expect([await new Response(child.stderr).text(), await child.exited]).toEqual(["mdk: context canceled\n", 143]);
    expect(left()).toEqual([]);
  } finally {
    await silent.stop(true);
  }
});

const left = (): string[] => readdirSync(world.folder).filter((name) => name.startsWith("mdk-context-"));

rootTest("directories as deep as paths can be go with the rest of a context", async () => {
  const deep = Array.from({ length: 10 }, (_, chain) => directory(`${chain}/${"d/".repeat(1900)}`));
  writeFileSync(join(world.folder, "deep.tgz"), gzipSync(archive([file("Dockerfile", "FROM scratch\nLABEL a=b\n"), ...deep])));
  const words = ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", ...world.words("build", `${address}/deep.tgz`)];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { ...process.env, TMPDIR: world.folder } });
  expect([await new Response(child.stderr).text(), await child.exited]).toEqual([expect.not.stringContaining("mdk:"), 0]);
  expect(left()).toEqual([]);
});

rootTest("a context that would fill its disk is refused, and nothing of it stays", async () => {
  const disk = join(world.folder, "disk");
  mkdirSync(disk);
  run("mount", "-t", "tmpfs", "-o", "size=64m", "none", disk);
  try {
    writeFileSync(join(world.folder, "large.tgz"), gzipSync(archive([file("Dockerfile", "FROM scratch\n"), file("zeros", Buffer.alloc(400 << 20))])));
    const child = Bun.spawn(world.words("build", `${address}/large.tgz`), { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { ...process.env, TMPDIR: disk } });
    expect([await new Response(child.stderr).text(), await child.exited]).toEqual([expect.stringContaining("no space left on device: the build context would leave less than 5 % of it free"), 1]);
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    run("umount", disk);
  }
});
