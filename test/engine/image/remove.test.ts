/** Names and images going away: what goes with what, and what refuses to go, in Docker's words. No registry: rows only. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { removeImage, removeOfPlatform } from "../../../src/engine/image/remove.ts";
import type { Digest } from "../../../src/image/digest.ts";
import { addImage, findImageRow } from "../../../src/store/images.ts";
import { addIndex } from "../../../src/store/indexes.ts";
import { storePaths } from "../../../src/store/paths.ts";

let folder = "";
let context: Context;

const hex = (digit: string): string => digit.repeat(64);
const id = (digit: string): Digest => `sha256:${hex(digit)}` as Digest;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-rmi-"));
  context = createContext({ root: folder, runRoot: join(folder, "run"), environment: {}, now: () => new Date() });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An image of these layers under a name; layers are made when they are new. */
function add(digit: string, repository: string, tag: string | null, layers: readonly string[]): void {
  for (const layer of layers) {
    mkdirSync(storePaths(folder).layerTree(layer), { recursive: true });
    context.database().run("INSERT OR IGNORE INTO layers VALUES (?1, ?2, ?2, 10)", [layer, `sha256:${layer.padEnd(64, "0")}`]);
  }
  addImage(context.database(), {
    id: id(digit), created: "2024-01-01T00:00:00Z", architecture: "amd64", os: "linux", variant: "", size: 10, pulled: "", layers,
    repository, tag, origin: { kind: "pulled", digest: id("d"), manifest: id("e") }, manifest: null,
  });
}

function container(image: string): void {
  context.database().run("INSERT INTO containers (id, name, image, image_name, command, exposed, created, config, host, mounts, cgroup, phase) VALUES (?, 'c', ?, 'c', '', '', 0, '{}', '{}', '[]', '', 'created')", [hex("c"), image]);
}

const remove = (word: string, force = false): string[] => removeImage(context, word, { force }).map(({ kind, name }) => `${kind} ${name}`.slice(0, `${kind} `.length + 30));
const layersLeft = (): string[] => readdirSync(join(folder, "layers")).sort();

test("the last name takes the image and the layers that nobody else has", () => {
  add("1", "docker.io/library/one", "latest", ["aaa", "bbb"]);
  add("2", "docker.io/library/two", "1", ["aaa", "ccc"]);
  expect(remove("one")).toEqual(["untagged one:latest", "untagged one@sha256:ddddddddddddddddddd", `deleted ${id("1").slice(0, 30)}`, expect.stringContaining("deleted sha256:")]);
  expect(layersLeft()).toEqual(["aaa", "ccc"]);
  expect(remove("222")).toHaveLength(5);
  expect(layersLeft()).toEqual([]);
  expect(() => remove("two:1")).toThrow("No such image: two:1");
});

test("one of several names goes alone; an id with several repositories needs force", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  add("1", "docker.io/library/one", "2", ["aaa"]);
  add("1", "docker.io/user/other", "3", ["aaa"]);
  expect(remove("one:2")).toEqual(["untagged one:2"]);
  expect(() => remove(hex("1"))).toThrow("conflict: unable to delete 111111111111 (must be forced) - image is referenced in multiple repositories");
  expect(summarizeImages(context).filter(({ repository }) => repository === "user/other")).toMatchObject([{ tag: "3" }]);
  expect(remove(hex("1"), true).at(-1)).toContain("deleted");
  expect(summarizeImages(context)).toEqual([]);
});

test("a digest goes alone while anything else names the image, and takes it when it was the last name", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  const digest = `one@${id("d")}`;
  expect(remove(digest)).toEqual([`untagged ${digest.slice(0, 30)}`]);
  expect(summarizeImages(context)).toMatchObject([{ repository: "one", tag: "latest", digest: null }]);
  expect(() => remove(digest)).toThrow("No such image");
  add("2", "docker.io/library/two", null, ["bbb"]);
  expect(remove(`two@${id("e")}`)).toEqual([`untagged two@${id("d").slice(0, 26)}`, `deleted ${id("2").slice(0, 30)}`, expect.stringContaining("deleted sha256:")]);
  expect(summarizeImages(context)).toHaveLength(1);
});

test("a digest that images of several platforms share goes from all of them, told once", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  add("2", "docker.io/library/one", null, ["bbb"]);
  expect(remove(`one@${id("d")}`)).toEqual([`untagged one@${id("d").slice(0, 26)}`, `deleted ${id("2").slice(0, 30)}`, expect.stringContaining("deleted sha256:")]);
  expect(summarizeImages(context).map(({ id: image }) => image)).toEqual([id("1")]);
});

test("a tag of several platforms takes them along, and names their digest once", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  add("2", "docker.io/library/one", null, ["aaa", "bbb"]);
  addIndex(context.database(), id("f"), [{ id: id("1"), manifest: id("e") }, { id: id("2"), manifest: id("e") }]);
  context.database().run("UPDATE image_tags SET index_digest = ?", [id("f")]);
  expect(remove(`one@${id("d")}`)).toEqual([`untagged one@${id("d").slice(0, 26)}`]);
  add("1", "docker.io/library/one", null, []);
  add("2", "docker.io/library/one", null, []);
  expect(remove("one").filter((line) => line.startsWith("untagged"))).toEqual(["untagged one:latest", `untagged one@${id("d").slice(0, 26)}`]);
  expect(layersLeft()).toEqual([]);
});

test("of a platform only that image goes; the tag goes to what is left of it", () => {
  const [own, other] = process.arch === "arm64" ? ["2", "1"] : ["1", "2"]; // 1 is amd64's
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  add("2", "docker.io/library/one", "latest", ["bbb"]);
  const database = context.database();
  database.run("UPDATE images SET architecture = 'arm64' WHERE id = ?", [id("2")]);
  addIndex(database, id("f"), [{ id: id("1"), manifest: id("e") }, { id: id("2"), manifest: id("e") }]);
  database.run("UPDATE image_tags SET index_digest = ?, image_id = ?", [id("f"), id(own)]);
  const removeOf = (platform: string): string[] => removeOfPlatform(context, "one", { force: false, platform }).map(({ kind, name }) => `${kind} ${name.slice(0, 12)}`);
  expect(() => removeOf("linux/s390x")).toThrow("image with reference one was found but does not provide the specified platform (linux/s390x)");
  container(id(own));
  expect(() => removeOf(process.arch)).toThrow("image is being used by stopped container");
  database.run("DELETE FROM containers");
  expect(removeOf(process.arch)).toEqual([`deleted ${id(own).slice(0, 12)}`, expect.stringContaining("deleted sha256:")]);
  expect(summarizeImages(context)).toMatchObject([{ id: id(other), repository: "one", tag: "latest" }]);
  expect(removeOf(other === "1" ? "amd64" : "arm64")[0]).toBe("untagged one:latest");
  expect(summarizeImages(context, { all: true })).toEqual([]);
});

test("of a platform goes a pulled image too, with the tag on the one that is left", () => {
  for (const digit of ["1", "2"]) add(digit, "docker.io/library/one", "latest", [digit.repeat(3)]);
  context.database().run("UPDATE images SET architecture = 'arm64' WHERE id = ?", [id("2")]);
  expect(removeOfPlatform(context, "one", { force: false, platform: "arm64" }).map(({ kind }) => kind)).toEqual(["deleted", "deleted"]);
  expect(summarizeImages(context)).toMatchObject([{ id: id("1"), repository: "one", tag: "latest" }]);
  add("2", "docker.io/library/one", null, ["222"]);
  context.database().run("UPDATE images SET architecture = 'arm64' WHERE id = ?", [id("2")]);
  add("2", "docker.io/user/other", "1", []);
  context.database().run("DELETE FROM image_digests WHERE repository = 'docker.io/user/other'");
  expect(() => removeOfPlatform(context, "one", { force: false, platform: "arm64" })).toThrow("must be forced");
  expect(removeOfPlatform(context, "one", { force: true, platform: "arm64" })[0]).toEqual({ kind: "untagged", name: "user/other:1" });
});

test("the last tag goes alone while another repository has the image", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  add("1", "docker.io/user/other", null, []);
  container(id("1"));
  expect(remove("one")).toEqual(["untagged one:latest", `untagged one@${id("d").slice(0, 26)}`]);
  expect(() => remove(`user/other@${id("d")}`)).toThrow("must force");
});

test("a container keeps its image; with force its names go, and it stays nameless", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  container(id("1"));
  expect(() => remove("one")).toThrow('conflict: unable to remove repository reference "one:latest" (must force) - container cccccccccccc is using its referenced image 111111111111');
  expect(() => remove("1111")).toThrow("conflict: unable to delete 111111111111 (must be forced) - image is being used by stopped container cccccccccccc");
  expect(() => remove("1111", true)).toThrow("cannot be forced");
  expect(remove("one", true)).toEqual(["untagged one:latest", "untagged one@sha256:ddddddddddddddddddd"]);
  expect(summarizeImages(context)).toMatchObject([{ repository: null, tag: null }]);
  expect(layersLeft()).toEqual(["aaa"]);
});

test("a tag that moved leaves its old image without one", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  add("2", "docker.io/library/one", "latest", ["bbb"]);
  expect(summarizeImages(context).map(({ id: image, tag }) => [image.at(-1), tag]).sort()).toEqual([["1", null], ["2", "latest"]]);
});

test("words lead to images as Docker's do: whole ids, names, prefixes of ids, and never to two", () => {
  add("1", "docker.io/library/one", "latest", ["aaa"]);
  context.database().run("INSERT INTO images (id, created, architecture, os, variant, size, pulled) SELECT ?, created, architecture, os, variant, size, pulled FROM images", [`sha256:1${hex("2").slice(1)}`]);
  const find = (word: string): string | undefined => findImageRow(context.database(), word)?.image.id;
  expect([find("one"), find(id("1")), find(hex("1")), find("11"), find("sha256:11")]).toEqual([id("1"), id("1"), id("1"), id("1"), id("1")]);
  expect(find("nothing")).toBeUndefined();
  expect(() => find("1")).toThrow("multiple IDs found with provided prefix: 1");
  expect(() => find("A B")).toThrow("must be lowercase");
});
