/** One layer in several images: shared where it is the same, and never where what is below makes another one of it. */
import { afterAll, afterEach, beforeEach, expect } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { imageJson } from "../../../src/api/json/image.ts";
import { inspectImage } from "../../../src/engine/image/inspect.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { digestOf } from "../../../src/image/digest.ts";
import { mountLayers } from "../../../src/layer/overlay.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { fakeImage, fakeRegistry, serveImage } from "../../helpers/fake-registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "needs root");
const base = archive([directory("./"), directory("tmp/", { mode: 0o1777, uid: 7 })]);
/** Says nothing of tmp itself. */
const upper = archive([file("tmp/x", "x")]);
const other = archive([file("tmp/y", "y")]);
/** All of its directories have entries: the same above anything. */
const whole = archive([directory("./"), directory("opt/"), file("opt/z", "z")]);
const images: Readonly<Record<string, ReturnType<typeof fakeImage>>> = {
  low: fakeImage([upper]), high: fakeImage([base, upper]), one: fakeImage([base, upper, other, whole, upper]), two: fakeImage([base, other, upper, whole, other]),
};
const registry = fakeRegistry((path) => serveImage(images[path.split("/")[2] ?? ""] ?? fakeImage([]), path));
afterAll(() => registry.stop());

let folder = "";
let context: Context;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-shared-"));
  context = createContext({ root: join(folder, "root"), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function modeOfTmp(name: string): string {
  const { GraphDriver } = imageJson(inspectImage(context, `${registry.host}/${name}`, null)) as { GraphDriver: { Data: { LowerDir?: string; UpperDir: string } } };
  const empty = join(folder, "empty");
  mkdirSync(empty, { recursive: true });
  const view = mountLayers([GraphDriver.Data.UpperDir, ...(GraphDriver.Data.LowerDir?.split(":") ?? [])], empty);
  try {
    return (statSync(`/proc/self/fd/${view}/tmp`).mode & 0o7777).toString(8);
  } finally {
    closeSync(view);
  }
}

rootTest("a directory that a layer only implies has the mode of the one below, also when the layer is known as another image's lowest", async () => {
  await pull(context, `${registry.host}/low`);
  await pull(context, `${registry.host}/high`);
  expect(modeOfTmp("low")).toBe("755");
  expect(modeOfTmp("high")).toBe("1777");
});

rootTest("images with the same layers in another order, pulled at once: all arrive, and what is the same is there once", async () => {
  await Promise.all(["one", "two", "one", "two", "high"].map((name) => pull(context, `${registry.host}/${name}`)));
  expect([modeOfTmp("one"), modeOfTmp("two")]).toEqual(["1777", "1777"]);
  // base and whole once; the others once for each place they have in a chain.
  expect(readdirSync(join(context.root, "layers"))).toHaveLength(2 + 6);
  expect(readdirSync(join(context.root, "tmp")).filter((name) => name !== "empty" && !name.endsWith("lock"))).toEqual([]);
});

rootTest("a layer is given to no image that only names its diff id: whoever wants its files must have its blob", async () => {
  const secret = archive([directory("./"), file("secret", "s")]);
  const owner = fakeImage([secret]);
  const diffId = digestOf(secret);
  const thief = fakeImage([whole], { diffIds: [diffId] });
  const served: Record<string, ReturnType<typeof fakeImage>> = { owner, thief, again: fakeImage([secret], { config: { Cmd: ["other"] } }) };
  const private_ = fakeRegistry((path) => serveImage(served[path.split("/")[2] ?? ""] ?? fakeImage([]), path));
  try {
    await pull(context, `${private_.host}/owner`);
    await expect(pull(context, `${private_.host}/thief`)).rejects.toThrow("its diff id is");
    expect(readdirSync(join(context.root, "layers"))).toHaveLength(1);
    const before = private_.seen.length;
    await pull(context, `${private_.host}/again`);
    expect(private_.seen.slice(before).some(({ path }) => path.endsWith(`/blobs/${digestOf(secret)}`))).toBe(false);
    // The same files, packed in another way: fetched once, kept once.
    served.packed = gzipped(secret);
    await pull(context, `${private_.host}/packed`);
    expect(readdirSync(join(context.root, "layers"))).toHaveLength(1);
  } finally {
    private_.stop();
  }
});

/** An image whose layer is sent compressed. */
function gzipped(layer: Buffer): ReturnType<typeof fakeImage> {
  return fakeImage([gzipSync(layer)], { diffIds: [digestOf(layer)], config: { Cmd: ["packed"] } });
}
