/** push, pull -a, import and manifest inspect as a user types them, beside a registry that stays. */
import { afterAll, beforeAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive, directory, file } from "../../helpers/archive.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { fakeRegistry } from "../../helpers/fake-registry.ts";
import { run, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

useBusyboxWorld();

const able = isRoot && hasTool("docker-registry") && hasTool("skopeo");
const rootTest = testIf(able, "needs root, docker-registry and skopeo");
let registry: Registry;
beforeAll(async () => void (able && (registry = await startRegistry())));
afterAll(async () => await registry?.stop());

rootTest("tag, push, rmi, pull: the same digest and id; the catalog and the tags are there", async () => {
  const name = `${registry.host}/team/box`;
  const id = world.ok("images", "-q", "--no-trunc", busybox);
  for (const tag of ["1", "2"]) world.ok("tag", busybox, `${name}:${tag}`);
  const lines = world.ok("push", "-a", name).split("\n");
  expect(lines[0]).toBe(`The push refers to repository [${name}]`);
  const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(lines.join("\n"))![1]!;
  expect(lines).toContain(lines.find((line) => line.startsWith(`2: digest: ${digest} size: `))!);
  expect(world.ok("push", "-q", `${name}:1`)).toBe(`${name}:1`);
  expect(await (await fetch(`http://${registry.host}/v2/_catalog`)).json()).toEqual({ repositories: ["team/box"] });
  const listed = (await (await fetch(`http://${registry.host}/v2/team/box/tags/list`)).json()) as { tags: string[] };
  expect(listed.tags.sort()).toEqual(["1", "2"]);
  expect(world.ok("image", "inspect", "--format", "{{json .RepoDigests}}", id)).toContain(`${name}@${digest}`);
  world.ok("rmi", `${name}:1`, `${name}:2`);
  expect(world.ok("pull", "-a", name).split("\n").filter((line) => line === `Digest: ${digest}`)).toHaveLength(2);
  expect(world.ok("images", "-q", "--no-trunc", name)).toBe(id);
  expect(JSON.parse(world.ok("manifest", "inspect", `${name}:1`))).toEqual(JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}:1`)));
  expect(world.mdk(["manifest", "inspect", `${name}:none`])).toMatchObject({ status: 1, stderr: `mdk: no such manifest: ${name}:none\n` });
  expect(JSON.parse(world.ok("manifest", "inspect", "-v", `${name}:1`))).toMatchObject({ Ref: `${name}:1`, Descriptor: { digest } });
  expect(world.mdk(["pull", "-a", `${name}:1`])).toMatchObject({ status: 1, stderr: "mdk: tag can't be used with --all-tags/-a\n" });
  expect(world.mdk(["push", `${registry.host}/nothing`])).toMatchObject({ status: 1, stderr: `mdk: An image does not exist locally with the tag: ${registry.host}/nothing\n` });
  world.ok("rmi", `${name}:1`, `${name}:2`);
});

rootTest("what commit made is pushed, and what others pull of it is the same image", () => {
  world.ok("run", "--name", "changed", "--network", "none", busybox, "sh", "-c", "echo new >/new");
  const id = world.ok("commit", "changed", `${registry.host}/committed:1`);
  world.ok("push", "-q", `${registry.host}/committed:1`);
  expect(JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${registry.host}/committed:1`))).toMatchObject({ config: { digest: id } });
  run("skopeo", "copy", "--quiet", "--src-tls-verify=false", `docker://${registry.host}/committed:1`, `dir:${world.folder}/copied`);
  world.ok("rm", "changed");
  world.ok("rmi", `${registry.host}/committed:1`);
});

rootTest("import: from a file, packed, from a pipe and from a server; with changes, and saved again", () => {
  const bytes = archive([directory("./"), directory("bin/"), file("bin/a", "a", { mode: 0o755, uid: 7 })]);
  const path = join(world.folder, "rootfs.tar.gz");
  writeFileSync(path, gzipSync(bytes));
  const id = world.ok("import", "-c", "CMD [\"/bin/a\"]", "-c", "ENV A=b", "-m", "from a test", path, "imported:1", "passed over");
  expect(JSON.parse(world.ok("image", "inspect", "imported:1"))[0]).toMatchObject({ Id: id, Comment: "from a test", Size: 1, Config: { Cmd: ["/bin/a"], Env: ["A=b"] } });
  const piped = world.mdk(["import", "-"], { stdin: bytes });
  expect([piped.status, piped.stderr]).toEqual([0, ""]);
  expect(JSON.parse(world.ok("image", "inspect", piped.stdout.trim()))[0]).toMatchObject({ RepoTags: [], Comment: "Imported from -", RootFS: JSON.parse(world.ok("image", "inspect", "imported:1"))[0].RootFS });
  const saved = join(world.folder, "imported.tar");
  world.ok("save", "-o", saved, "imported:1");
  world.ok("rmi", "imported:1", piped.stdout.trim());
  expect(world.ok("load", "-i", saved)).toBe("Loaded image: imported:1");
  expect(world.ok("images", "-q", "--no-trunc", "imported")).toBe(id);
  world.ok("rmi", "imported:1");
  expect(world.mdk(["import", "-"], { stdin: "no archive" })).toMatchObject({ status: 1, stderr: expect.stringContaining("unexpected EOF") });
  expect(world.mdk(["import", "-"], { stdin: archive([file("../evil")]) })).toMatchObject({ status: 1, stderr: expect.stringContaining("climbs out of its root") });
});

rootTest("import from a server", async () => {
  const bytes = archive([directory("./"), file("a", "a")]);
  const server = fakeRegistry((path) => (path === "/rootfs.tar" ? new Response(bytes) : null));
  try {
    const called = Bun.spawn(world.words("import", `http://${server.host}/rootfs.tar`, "served:1"), { stdout: "pipe", stderr: "pipe" });
    expect([await new Response(called.stderr).text(), await called.exited]).toEqual(["", 0]);
    const refused = Bun.spawn(world.words("import", `http://${server.host}/nothing`), { stdout: "pipe", stderr: "pipe" });
    expect(await new Response(refused.stderr).text()).toContain("it answers 404");
    const nobody = Bun.spawn(world.words("import", "http://127.0.0.1:1/x"), { stdout: "pipe", stderr: "pipe" });
    expect(await new Response(nobody.stderr).text()).toEndWith("connection refused\ncheck the address and the network\n");
    const broken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void (socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc"), socket.end()) } });
    const short = Bun.spawn(world.words("import", `http://127.0.0.1:${broken.port}/x`), { stdout: "pipe", stderr: "pipe" });
    expect(await new Response(short.stderr).text()).toBe(`mdk: Get "http://127.0.0.1:${broken.port}/x": it ends too early: unexpected EOF\n`);
    broken.stop(true);
  } finally {
    server.stop();
  }
  world.ok("rmi", "served:1");
});
