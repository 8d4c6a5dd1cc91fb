/** Debian's docker-registry, packed as an image by umoci, runs under mdk, which then pushes to it and pulls from it. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { archive, directory, file, type Entry } from "../../helpers/archive.ts";
import { until } from "../../helpers/mdk.ts";
import { makeImage, run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "umoci", "skopeo", "curl", "ldd"].every(hasTool);
const folder = mkdtempSync(join(tmpdir(), "mdk-registry-image-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

useBaseStage();

/** "LAYOUT:t": the program with what it is linked to, below the names under which it asks for it. */
function packRegistry(): string {
  const program = "/usr/bin/docker-registry";
  const libraries = run("ldd", program).match(/\/\S+/g) ?? [];
  const files = [program, ...libraries].map((path): Entry => file(path.slice(1), readFileSync(path), { mode: 0o755 }));
  const folders = new Set([program, ...libraries, "/etc/registry/x", "/var/lib/x", "/tmp/x"].flatMap((path) => {
    const above: string[] = [];
    for (let at = dirname(path); at !== "/"; at = dirname(at)) above.unshift(`${at.slice(1)}/`);
    return above;
  }));
  const config = "version: 0.1\nlog: { level: info }\nstorage: { filesystem: { rootdirectory: /var/lib/registry }, delete: { enabled: true } }\nhttp: { addr: \":5000\" }\n";
  const packed = makeImage(folder, [archive([directory("./"), ...[...folders].map((name) => directory(name)), ...files, file("etc/registry/config.yml", config)])]);
  run("umoci", "config", "--image", packed, "--config.entrypoint", program, "--config.cmd", "serve", "--config.cmd", "/etc/registry/config.yml", "--config.volume", "/var/lib/registry", "--config.exposedports", "5000/tcp", "--config.env", "OTEL_TRACES_EXPORTER=none");
  return packed;
}

testIf(able, "needs root, docker-registry, umoci, skopeo, curl and ldd")("a registry in a container: tag, push, rmi, pull, run; its catalog and tags; the same after it was started anew", async () => {
  const ok = async (...args: readonly string[]): Promise<string> => {
    const { code, out, err } = await stage.mdk(...args);
    expect([args, code, err]).toEqual([args, 0, ""]);
    return out.trim();
  };
  const curl = async (path: string): Promise<unknown> => {
    const { out } = await stage.inside(["curl", "-sf", "--max-time", "5", `http://127.0.0.1:5000${path}`]);
    return out === "" ? null : JSON.parse(out);
  };
  const answers = (): Promise<void> => until(async () => (await curl("/v2/")) !== null, "the registry answers");
  await ok("run", "-d", "--name", "registry", "-p", "5000:5000", `oci:${packRegistry()}`);
  await answers();
  expect(await curl("/v2/_catalog")).toEqual({ repositories: [] });
  const id = await ok("images", "-q", "--no-trunc", image);
  for (const name of ["127.0.0.1:5000/team/box:1", "127.0.0.1:5000/team/box:2"]) await ok("tag", image, name);
  const [, digest] = /^1: digest: (\S+) size: \d+$/m.exec(await ok("push", "127.0.0.1:5000/team/box:1")) ?? [];
  expect(await ok("push", "-q", "127.0.0.1:5000/team/box:2")).toBe("127.0.0.1:5000/team/box:2");
  await ok("rmi", "127.0.0.1:5000/team/box:1", "127.0.0.1:5000/team/box:2");
  await ok("rmi", image);
  expect((await stage.mdk("image", "inspect", id)).code).toBe(1);
  expect(await curl("/v2/_catalog")).toEqual({ repositories: ["team/box"] });
  // In the order of its directory.
  const listed = (await curl("/v2/team/box/tags/list")) as { readonly name: string; readonly tags: string[] };
  expect({ ...listed, tags: listed.tags.sort() }).toEqual({ name: "team/box", tags: ["1", "2"] });
  expect(await ok("pull", "localhost:5000/team/box:2")).toContain(`Digest: ${digest}`);
  expect(await ok("images", "-q", "--no-trunc", "localhost:5000/team/box")).toBe(id);
  expect(await ok("run", "--rm", "--network", "none", "localhost:5000/team/box:2", "echo", "there")).toBe("there");
  // Its volume lives on; another reader finds the same bytes.
  await ok("restart", "-t", "2", "registry");
  await answers();
  const { out } = await stage.inside(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://127.0.0.1:5000/team/box:1"]);
  expect(out.trim()).toBe(digest!);
  expect(await ok("search", "127.0.0.1:5000/box")).toContain("team/box");
  await ok("rm", "-fv", "registry");
}, 120_000);
