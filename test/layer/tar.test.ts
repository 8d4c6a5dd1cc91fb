/** The tar reader, bytes in and entries out; broken archives byte by byte. */
import { describe, expect, test } from "bun:test";
import { TarReader, type TarEntry } from "../../src/layer/tar.ts";
import { cleanEntryPath, whiteoutOf } from "../../src/layer/whiteout.ts";
import { archive, directory, file, header, padded, paxRecords, type Entry } from "../helpers/archive.ts";

interface Read extends TarEntry {
  text: string;
}

/** Reads the archive in chunks of `step` bytes. */
function read(bytes: Uint8Array, step = bytes.length): Read[] {
  const entries: Read[] = [];
  const reader = new TarReader({
    entry: (entry) => entries.push({ ...entry, text: "" }),
    data: (chunk) => (entries.at(-1)!.text += Buffer.from(chunk).toString("latin1")),
    close: () => {},
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.end();
  return entries;
}

const long = `${"d".repeat(150)}/${"f".repeat(90)}`;

test.each([1, 7, 511, 512, 513, 100_000])("chunks of %d bytes give the same entries", (step) => {
  const bytes = archive([
    directory("a/"), file("a/b", "x".repeat(1000)), file("short", "s", { pax: { path: long, mtime: "-1.5", uid: "4000000000" } }),
    { name: "l", type: "2", link: "a/b" }, file("empty"),
  ]);
  const entries = read(bytes, step);
  expect(entries.map(({ name, type, text }) => [name, type, text.length])).toEqual([
    ["a/", "directory", 0], ["a/b", "file", 1000], [long, "file", 1], ["l", "symlink", 0], ["empty", "file", 0],
  ]);
  expect(entries[2]).toMatchObject({ modified: { seconds: -2, nanoseconds: 500_000_000 }, uid: 4_000_000_000 });
});

test("GNU long names and base-256 numbers are read", () => {
  const name = Buffer.from(`${long}\0`);
  const big = Buffer.alloc(12);
  big[0] = 0x80;
  big[11] = 3;
  const bytes = Buffer.concat([
    header({ name: "././@LongLink", type: "L" }, name.length), padded(name),
    header({ name: "cut", sizeField: big.toString("latin1") }, 0), padded(Buffer.from("abc")), Buffer.alloc(1024),
  ]);
  expect(read(bytes).map((entry) => [entry.name, entry.text])).toEqual([[long, "abc"]]);
});

test("data of a file whose name ends in a slash is not read as the next headers", () => {
  const hidden = Buffer.concat([header(file("hidden", "x"), 1), padded(Buffer.from("x"))]);
  expect(read(archive([file("d/")])).map(({ name, type }) => [name, type])).toEqual([["d/", "directory"]]);
  expect(() => read(archive([file("d/", hidden)]))).toThrow("a directory with data: d/");
});

test("attribute values are bytes: NUL, newline and 0xff come out as they went in", () => {
  const value = Buffer.from([0, 10, 255, 61, 1]);
  const [entry] = read(archive([file("f", "", { pax: { "SCHILY.xattr.security.capability": value } })]));
  expect(Buffer.from(entry!.xattrs.get("security.capability")!)).toEqual(value);
});

test("names are bytes: latin1 comes out as it went in", () => {
  expect(read(archive([file("caf\xe9")]))[0]!.name).toBe("caf\xe9");
});

const size = (bytes: number[]): string => Buffer.from(bytes).toString("latin1");
const HOSTILE: readonly [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["a wrong checksum", Buffer.alloc(512, 1), /wrong checksum|octal/],
  ["a negative size in base-256", archive([file("f", "", { sizeField: size([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]) })]), /out of range/],
  ["a size beyond 2^53", archive([file("f", "", { sizeField: size([0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]) })]), /out of range/],
  ["a negative pax size", archive([file("f", "", { pax: { size: "-1" } })]), /out of range/],
  ["a user id of -1", archive([file("f", "", { pax: { uid: "4294967295" } })]), /out of range/],
  ["a NUL in a pax path", archive([file("f", "", { pax: { path: "a\0b" } })]), /NUL byte/],
  ["a name of 5000 bytes", archive([file("f", "", { pax: { path: "a/".repeat(2500) } })]), /a name of 5000 bytes/],
  ["2 MiB of pax records", archive([file("f", "", { pax: { comment: "x".repeat(2 << 20) } })]), /1 MiB of metadata/],
  ["a pax record with a lying length", Buffer.concat([header({ name: "x", type: "x" }, 10), padded(Buffer.from("99 path=a\n")), archive([file("f")])]), /malformed pax/],
  ["a GNU sparse entry", archive([{ name: "f", type: "S" }]), /sparse/],
  ["a pax sparse entry", archive([file("f", "", { pax: { "GNU.sparse.major": "1" } })]), /sparse/],
  ["an entry of unknown type", archive([{ name: "f", type: "Z" }]), /unknown type "Z"/],
  ["an end within a file", archive([file("f", "x".repeat(2000))], false).subarray(0, 1500), /unexpected EOF/],
  ["an end within a header", archive([file("f")]).subarray(0, 100), /unexpected EOF/],
  ["metadata without an entry", Buffer.concat([header({ name: "x", type: "x" }, paxRecords({ path: "p" }).length), padded(paxRecords({ path: "p" })), Buffer.alloc(1024)]), /without an entry/],
  ["an entry after one block of zeros", Buffer.concat([Buffer.alloc(512), archive([file("f")])]), /after the end/],
];

test.each(HOSTILE)("an archive with %s is refused", (_, bytes, message) => {
  expect(() => read(bytes)).toThrow(message);
  expect(() => read(bytes, 100)).toThrow(message);
});

test("zeros after the end, and a missing end, are taken as GNU tar takes them; anything else there is refused", () => {
  expect(read(Buffer.concat([archive([file("f")]), Buffer.alloc(10_240)]))).toHaveLength(1);
  expect(() => read(Buffer.concat([archive([file("f")]), Buffer.from("rest")]))).toThrow("data after the end of the archive");
  expect(read(archive([file("f")], false))).toHaveLength(1);
});

test("a thousand broken copies of an archive are read or refused, never anything else", () => {
  const entries: Entry[] = [directory("a/"), file("a/b", "hello", { pax: { path: "a/c", mtime: "1.5" } }), { name: "l", type: "1", link: "a/b" }];
  const whole = archive(entries);
  let state = 12345;
  const random = (below: number): number => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below;
  for (let round = 0; round < 1000; round++) {
    const broken = Buffer.from(whole);
    for (let count = 0; count < 1 + random(4); count++) broken[random(broken.length)] = random(256);
    try {
      read(broken, 1 + random(700));
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^archive-/);
    }
  }
});

describe("paths", () => {
  test("are cleaned below the archive's root, and refused when they climb out of it", () => {
    expect(["/a//b/./c/", "./", "a/../b", "."].map(cleanEntryPath)).toEqual(["a/b/c", "", "b", ""]);
    for (const path of ["..", "../x", "a/../../x", "/../etc"]) expect(() => cleanEntryPath(path)).toThrow("climbs out");
    expect(() => cleanEntryPath("n".repeat(256))).toThrow("256 bytes");
  });

  test("whiteouts hide a name, never '.', '..' or nothing", () => {
    expect(whiteoutOf("a/.wh.b")).toEqual({ kind: "whiteout", name: "b" });
    expect(whiteoutOf("a/.wh..wh..opq")).toEqual({ kind: "opaque" });
    expect(whiteoutOf(".wh..wh.plnk/1.2")).toEqual({ kind: "ignored" });
    expect(whiteoutOf("a/x.wh.b")).toEqual({ kind: "entry" });
    for (const path of [".wh.", ".wh..", ".wh...", "a/.wh..", ".wh.a/b"]) expect(() => whiteoutOf(path)).toThrow(/invalid whiteout|below a whiteout/);
  });
});
