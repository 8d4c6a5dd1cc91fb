/** What pull, push, load and save show: bars on a terminal, Docker's lines in pipes, objects in JSON, nothing with -q. */
import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { archive, directory, file } from "../../helpers/archive.ts";
import { countingProxy, type CountingProxy } from "../../helpers/counting-proxy.ts";
import { World } from "../../helpers/mdk.ts";
import { makeImage, push, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { Screen } from "../../helpers/terminal.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "python3"].every(hasTool);
const rootTest = testIf(able, "needs root, docker-registry, skopeo, umoci and python3");
const LAYER_BYTES = 2_000_000;
let world: World;
let registry: Registry;
let proxy: CountingProxy;
let name = "";
let digest = "";
beforeAll(async () => {
  if (!able) return;
  world = new World();
  registry = await startRegistry();
  proxy = countingProxy(registry.host);
  name = `${registry.host}/bars:1`;
  const layers = Array.from({ length: 3 }, (_, at) => archive([directory("./"), file(`f${at}`, randomBytes(LAYER_BYTES))]));
  push(makeImage(join(world.folder, "image"), layers), name);
  digest = world.ok("pull", name).match(/Digest: (\S+)/)![1]!;
  world.ok("rmi", name);
});
afterAll(async () => {
  world?.close();
  proxy?.stop();
  await registry?.stop();
});

const objects = (text: string): Record<string, unknown>[] => text.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
const screen = (...args: readonly string[]): Screen => new Screen(world.words(...args), { columns: 120, rows: 24 });

async function whole(shown: Screen): Promise<string> {
  await shown.expect(/Status: .*\r\n/, 20_000);
  expect(await shown.ended()).toBe(0);
  return shown.text;
}

rootTest("a pull on a terminal: a bar a layer with bytes and speed, all of it in a line below, the digest at the end", async () => {
  proxy.bytesPerSecond = 1_500_000;
  const slow = `${proxy.host}/bars:1`;
  const text = await whole(screen("pull", slow));
  expect(text).toMatch(/[0-9a-f]{12}: Downloading \[=+> +\] +[\d.]+[kM]B\/[\d.]+MB {2}[\d.]+[kM]B\/s/);
  expect(text).toMatch(/Total: [\d.]+MB\/6\.\d+MB {2}[\d.]+MB\/s/);
  expect(text).toMatch(/Total: (6\.\d+MB)\/\1\r/);
  expect(text.match(/[0-9a-f]{12}: Pull complete/g)).toHaveLength(3);
  expect(text).toEndWith(`Digest: ${digest}\r\nStatus: Downloaded newer image for ${slow}\r\n${slow}\r\n`);
  world.ok("rmi", slow);
});

rootTest("a terminal with fewer lines than layers is not written over above its top; one without a size has 80 columns", async () => {
  for (const rows of [2, 0]) {
    const text = await whole(new Screen(world.words("pull", name), { columns: rows === 0 ? 0 : 40, rows }));
    for (const [, up] of text.matchAll(/\x1b\[(\d+)A/g)) expect(Number(up)).toBeLessThan(rows === 0 ? 10 : rows);
    for (const [, drawn] of text.matchAll(/\x1b\[2K([^\r]*)\r/g)) expect(drawn!.length).toBeLessThan(rows === 0 ? 80 : 40);
    world.ok("rmi", name);
  }
});

rootTest("in a pipe Docker's lines, one a change; --progress tty draws there, too; nothing with -q", () => {
  const plain = world.ok("pull", name).split("\n");
  expect(plain[0]).toBe("1: Pulling from bars");
  expect(plain.filter((line) => line.endsWith(": Pulling fs layer"))).toHaveLength(3);
  expect(plain.filter((line) => line.endsWith(": Pull complete"))).toHaveLength(3);
  expect(plain.some((line) => line.includes("Downloading") || line.includes("\x1b"))).toBe(false);
  expect(plain.slice(-3)).toEqual([`Digest: ${digest}`, `Status: Downloaded newer image for ${name}`, name]);
  world.ok("rmi", name);
  expect(world.ok("pull", "--progress", "tty", name)).toContain("\x1b[2K");
  for (const mode of ["auto", "plain", "tty", "json"]) expect(world.ok("pull", "-q", "--progress", mode, name)).toBe(name);
  expect(world.mdk(["pull", "--progress", "fancy", name])).toMatchObject({ status: 125, stdout: "", stderr: expect.stringContaining('unknown progress "fancy": it is auto, plain, tty or json') });
  world.ok("rmi", name);
});

rootTest("in JSON an object a line, in the shape of Docker's API", () => {
  const seen = objects(world.ok("pull", "--progress", "json", name));
  expect(seen[0]).toEqual({ status: "Pulling from bars", id: "1" });
  expect(seen.slice(-2)).toEqual([{ status: `Digest: ${digest}` }, { status: `Status: Downloaded newer image for ${name}` }]);
  const layers = seen.slice(1, -2);
  expect(new Set(layers.map(({ id }) => id)).size).toBe(3);
  for (const { id, status, progressDetail, ...rest } of layers) {
    expect(rest).toEqual({});
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(["Pulling fs layer", "Waiting", "Downloading", "Download complete", "Pull complete"]).toContain(status as string);
    const { current, total } = progressDetail as { current?: number; total?: number };
    expect(status === "Downloading" ? current! >= 0 && current! <= total! && total! > LAYER_BYTES : progressDetail).toEqual(status === "Downloading" ? true : {});
  }
});

rootTest("push, save and load: bars on a terminal, lines and objects when asked for, in a pipe what Docker says", async () => {
  const there = `${registry.host}/pushed:1`;
  world.ok("tag", name, there);
  const pushed = objects(world.ok("push", "--progress", "json", there));
  expect(pushed[0]).toEqual({ status: `The push refers to repository [${registry.host}/pushed]` });
  expect(pushed.at(-2)!.status).toMatch(/^1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  expect(pushed.at(-1)).toEqual({ progressDetail: {}, aux: { Tag: "1", Digest: digest, Size: expect.any(Number) } });
  const again = screen("push", there);
  await again.expect(/digest: sha256:[0-9a-f]{64} size: \d+\r\n/, 20_000);
  expect(await again.ended()).toBe(0);
  expect(again.text).toContain("Layer already exists");
  const path = join(world.folder, "saved.tar");
  expect(world.mdk(["save", "-o", path, name])).toEqual({ status: 0, stdout: "", stderr: "" });
  const saving = screen("save", "-o", `${path}.2`, name);
  await saving.expect(/Saving layer \[[=> ]*\] +[\d.]+[kM]?B\/2\.\d+MB/, 20_000);
  expect(await saving.ended()).toBe(0);
  expect(saving.text.match(/: Saved/g)).toHaveLength(3);
  expect(readFileSync(`${path}.2`).equals(readFileSync(path))).toBe(true);
  const piped = world.mdk(["save", "--progress", "plain", name]);
  expect(piped.stderr.match(/^[0-9a-f]{12}: Saved$/gm)).toHaveLength(3);
  const id = world.ok("images", "-q", "--no-trunc", name);
  world.ok("rmi", "-f", id);
  expect(world.ok("load", "-i", path)).toBe(`Loaded image: ${name}`);
  world.ok("rmi", name);
  const loaded = objects(world.ok("load", "--progress", "json", "-i", path));
  expect(loaded.slice(-2)).toEqual([{ stream: `Loaded image: ${name}\n` }, { aux: { ID: id } }]);
  expect(loaded.filter(({ status }) => status === "Loaded")).toHaveLength(3);
  world.ok("rmi", name);
  const shown = screen("load", "-i", path);
  await shown.expect(`Loaded image: ${name}\r\n`, 20_000);
  expect(await shown.ended()).toBe(0);
  expect(shown.text).toMatch(/Loading layer \[/);
  expect(world.ok("load", "-q", "--progress", "json", "-i", path)).toBe(`Loaded image: ${name}`);
  world.ok("rmi", name);
});
