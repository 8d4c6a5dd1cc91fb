/** Compressed layers whose bytes go on behind the compressed stream. */
import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompress } from "../../src/layer/decompress.ts";
import { hasTool, testIf } from "../helpers/requires.ts";

/** More than zlib takes at once: the rest comes when the inflating is over. */
const ZEROS = Array.from({ length: 6 }, () => new Uint8Array(1 << 18));

test("zeros behind the stream mean nothing, and the source is read to its end all the same", async () => {
  let ended = false;
  const source = async function* () {
    yield gzipSync("archive");
    yield* ZEROS;
    await Bun.sleep(10);
    ended = true;
  };
  const parts: Uint8Array[] = [];
  await decompress(source(), (bytes) => void parts.push(Uint8Array.from(bytes)));
  expect([Buffer.concat(parts).toString(), ended]).toEqual(["archive", true]);
});

test("what the source says at its end counts, though the inflating ended before: a wrong digest is an error", async () => {
  const source = async function* () {
    yield gzipSync("archive");
    yield* ZEROS;
    throw new Error("wrong digest");
  };
  await expect(decompress(source(), () => {})).rejects.toThrow("wrong digest");
});

test("anything else behind the stream is refused: another reader might take it for more of the archive", async () => {
  const garbage = Buffer.from("garbage");
  const zeros = Buffer.alloc(1 << 18);
  for (const pack of [gzipSync, zstdCompressSync]) {
    for (const parts of [[Buffer.concat([pack("archive"), garbage])], [pack("archive"), ...ZEROS, garbage], [Buffer.concat([pack("archive"), zeros, garbage])]]) {
      const source = async function* () { yield* parts; };
      await expect(decompress(source(), () => {})).rejects.toThrow(/data after the end of the compressed stream|incorrect header check/);
    }
  }
});

/** What the tool makes of the bytes. */
function packed(tool: "xz" | "bzip2", bytes: Uint8Array, ...flags: readonly string[]): Buffer {
  return Buffer.from(Bun.spawnSync([tool, "-c", ...flags], { stdin: bytes }).stdout);
}

async function inflated(bytes: Uint8Array, piece = 1 << 16): Promise<Buffer> {
  const source = async function* () { for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece); };
  const parts: Uint8Array[] = [];
  await decompress(source(), (part) => void parts.push(Uint8Array.from(part)), { what: "the archive", isFile: true });
  return Buffer.concat(parts);
}

for (const tool of ["xz", "bzip2"] as const) {
  testIf(hasTool(tool), `needs ${tool}`)(`${tool}: as its own tool unpacks it, several streams too; cut, damaged and of a source that fails it is an error; in a layer it is refused`, async () => {
    const bytes = Buffer.concat([crypto.getRandomValues(new Uint8Array(50_000)), Buffer.from("text ".repeat(500_000))]);
    const archive = packed(tool, bytes);
    expect((await inflated(archive)).equals(bytes)).toBe(true);
    expect((await inflated(archive, 7001)).equals(bytes)).toBe(true);
    expect((await inflated(Buffer.concat([archive, archive]))).length).toBe(2 * bytes.length);
    for (const length of [20, archive.length >> 1, archive.length - 3]) await expect(inflated(archive.subarray(0, length))).rejects.toThrow("an archive cannot be decompressed");
    const damaged = Buffer.from(archive);
    damaged[30_000]! ^= 1;
    await expect(inflated(damaged)).rejects.toThrow("an archive cannot be decompressed");
    const failing = async function* () {
      yield archive.subarray(0, 30_000);
      throw new Error("of the source");
    };
    await expect(decompress(failing(), () => {}, { isFile: true })).rejects.toThrow("of the source");
    const refusing = (): never => { throw new Error("of the sink"); };
    await expect(decompress((async function* () { yield archive; })(), refusing, { isFile: true })).rejects.toThrow("of the sink");
    await expect(decompress((async function* () { yield archive; })(), () => {})).rejects.toThrow(`a layer is compressed with ${tool}, which no layer is`);
  });

  testIf(hasTool(tool), `needs ${tool}`)(`${tool}: a bomb is given up, too`, async () => {
    const bomb = packed(tool, new Uint8Array(32 << 20));
    let out = 0;
    const source = async function* () { for (let member = 0; member < 64; member++) yield bomb; };
    await expect(decompress(source(), (part) => void (out += part.length), { isFile: true, limits: { size: 8 << 20, ratio: 100 } })).rejects.toThrow("inflates to more than");
    expect(out).toBeLessThan(64 << 20);
  });
}

testIf(hasTool("xz"), "needs xz")("xz with a dictionary that nobody's memory is for is refused", async () => {
  await expect(inflated(packed("xz", Buffer.from("x"), "--lzma2=dict=256MiB"))).rejects.toThrow("its dictionary is larger than 64 MiB");
});

test("a bomb is given up before it has filled a disk", async () => {
  const megabyte = Buffer.alloc(1 << 20);
  const bomb = gzipSync(Buffer.concat(Array.from({ length: 64 }, () => megabyte)));
  let out = 0;
  // Members of one stream: as good as one of their sum, and cheap to make.
  const source = async function* () { for (let member = 0; member < 64; member++) yield bomb; };
  await expect(decompress(source(), (bytes) => void (out += bytes.length))).rejects.toThrow("inflates to more than");
  expect(out).toBeLessThan(1100 * 2 ** 20);
});
