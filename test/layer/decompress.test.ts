/** Compressed layers whose bytes go on behind the compressed stream. */
import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
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
