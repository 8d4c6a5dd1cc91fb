/** Compressed layers whose bytes go on behind the compressed stream. */
import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompress } from "../../src/layer/decompress.ts";

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

test("a bomb is given up before it has filled a disk", async () => {
  const megabyte = Buffer.alloc(1 << 20);
  const bomb = gzipSync(Buffer.concat(Array.from({ length: 64 }, () => megabyte)));
  let out = 0;
  // Members of one stream: as good as one of their sum, and cheap to make.
  const source = async function* () { for (let member = 0; member < 64; member++) yield bomb; };
  await expect(decompress(source(), (bytes) => void (out += bytes.length))).rejects.toThrow("inflates to more than");
  expect(out).toBeLessThan(1100 * 2 ** 20);
});
