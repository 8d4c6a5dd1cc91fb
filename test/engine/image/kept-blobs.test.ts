/** What a pull keeps: blobs and indexes byte for byte, and the beginning of what it could not finish. */
import { afterEach, beforeEach, expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { pruneImages } from "../../../src/engine/image/prune.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { removeImage } from "../../../src/engine/image/remove.ts";
import { digestOf, hexOf } from "../../../src/image/digest.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeRegistry } from "../../helpers/fake-registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "layers hold devices and owners: only root can write them");

let folder = "";
let context: Context;
let server: FakeRegistry;

const small = archive([directory("./"), file("a", "a")]);
const large = archive([file("big", Buffer.alloc(6 << 20, "0123456789abcdef"))]);
const image = fakeImage([small, large]);
const INDEX = "application/vnd.oci.image.index.v1+json";
const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [{
  mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(image.manifest), size: image.manifest.length,
  platform: { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch },
}] }));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-kept-"));
  context = createContext({ root: join(folder, "root"), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });
  server = fakeRegistry((path, request) => {
    if (path.endsWith("/manifests/latest")) return new Response(index, { headers: { "content-type": INDEX } });
    const from = Number(/bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    if (!path.endsWith(digestOf(large))) return serveImage(image, path);
    const ranged = from === 0 ? {} : { status: 206, headers: { "content-range": `bytes ${from}-${large.length - 1}/${large.length}` } };
    return new Response(slowly(large.subarray(from)), ranged);
  });
});
afterEach(() => {
  server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function slowly(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, (at += 1 << 20)));
      await Bun.sleep(5);
    },
  });
}

const blobs = (): string[] => readdirSync(join(context.root, "blobs/sha256")).sort();
const drafts = (): string[] => readdirSync(join(context.root, "tmp")).filter((name) => name.startsWith("part-"));
const part = (): string => join(context.root, "tmp", `part-${hexOf(digestOf(large))}`);
const rangesOf = (): (string | null)[] => server.seen.filter(({ path }) => path.endsWith(digestOf(large))).map(({ range }) => range);

/** A pull that its user gives up when more than so many bytes of the large layer are there. */
async function interrupted(bytes: number): Promise<void> {
  const abort = new AbortController();
  const progress = { start: () => {}, layer: (_: string, __: string, current: number) => void (current > bytes && abort.abort()) };
  await expect(pull(context, `${server.host}/x`, { signal: abort.signal, progress })).rejects.toThrow("context canceled");
}

rootTest("the index, the manifest, the config and each layer's blob are in the store as they were served, until the image goes", async () => {
  await pull(context, `${server.host}/x`);
  const all = [index, image.manifest, image.config, small, large];
  expect(blobs()).toEqual(all.map((bytes) => hexOf(digestOf(bytes))).sort());
  for (const bytes of all) expect(readFileSync(join(context.root, "blobs/sha256", hexOf(digestOf(bytes)))).equals(bytes)).toBe(true);
  removeImage(context, `${server.host}/x`, { force: false });
  expect(blobs()).toEqual([]);
});

rootTest("an interrupted pull is gone on with from where it was, whoever pulls", async () => {
  await interrupted(3 << 20);
  expect([blobs(), readdirSync(join(context.root, "layers"))]).toEqual([[], []]);
  const { size } = statSync(part());
  expect(size).toBeGreaterThanOrEqual(3 << 20);
  expect(await pull(context, `${server.host}/x`)).toMatchObject({ upToDate: false });
  expect([rangesOf(), drafts()]).toEqual([[null, `bytes=${size}-`], []]);
});

rootTest("what was kept and has changed since is fetched again, from the beginning", async () => {
  await interrupted(3 << 20);
  writeFileSync(part(), Buffer.alloc(statSync(part()).size, 1));
  await pull(context, `${server.host}/x`);
  expect(rangesOf().at(-1)).toBeNull();
  expect(drafts()).toEqual([]);
});

const PULLER = `
import { createContext } from "./src/engine/context.ts";
import { pull } from "./src/engine/image/pull.ts";
const context = createContext({ root: process.argv[1], runRoot: process.argv[1], environment: {}, now: () => new Date() });
await pull(context, process.argv[2]);
`;
const puller = (): Bun.Subprocess<"ignore", "ignore", "pipe"> => Bun.spawn([process.execPath, "-e", PULLER, context.root, `${server.host}/x`], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });

rootTest("eight pulls of one image at once fetch each layer once, and all succeed", async () => {
  const all = Array.from({ length: 8 }, puller);
  expect(await Promise.all(all.map(async (child) => [await child.exited, await new Response(child.stderr).text()]))).toEqual(all.map(() => [0, ""]));
  for (const bytes of [small, large]) expect(server.seen.filter(({ path }) => path.endsWith(digestOf(bytes)))).toHaveLength(1);
  expect(drafts()).toEqual([]);
});

rootTest("pulls that are killed cost no more than what was not on the disk yet", async () => {
  for (const delayMs of [150, 200, 250, 300]) {
    const child = puller();
    await Bun.sleep(delayMs);
    child.kill("SIGKILL");
    await child.exited;
    if (existsSync(part())) expect(statSync(part()).size).toBeLessThanOrEqual(large.length);
  }
  await pull(context, `${server.host}/x`);
  const starts = rangesOf().map((range) => Number(/\d+/.exec(range ?? "0")![0]));
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  expect(drafts()).toEqual([]);
});

rootTest("prune removes what interrupted pulls left, and rmi does not", async () => {
  await pull(context, `${server.host}/x`);
  removeImage(context, `${server.host}/x`, { force: false });
  await interrupted(3 << 20);
  expect(drafts()).toHaveLength(1);
  pruneImages(context, false, () => true);
  expect(drafts()).toEqual([]);
});

rootTest("an image that came before blobs were kept gets them with the next pull, and its layers stay", async () => {
  await pull(context, `${server.host}/x`);
  const layers = readdirSync(join(context.root, "layers"));
  context.database().run("UPDATE layer_blobs SET size = NULL, media_type = NULL");
  for (const bytes of [small, large]) rmSync(join(context.root, "blobs/sha256", hexOf(digestOf(bytes))));
  expect(await pull(context, `${server.host}/x`)).toMatchObject({ upToDate: true });
  for (const bytes of [small, large]) expect(existsSync(join(context.root, "blobs/sha256", hexOf(digestOf(bytes))))).toBe(true);
  expect(readdirSync(join(context.root, "layers"))).toEqual(layers);
});
