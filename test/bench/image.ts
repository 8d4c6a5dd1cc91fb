/**
 * The image of the pull row: 6 layers, 770 MB, about 310 MB compressed, 19 500 entries, with the sizes of a real file
 * system (many small files, few large ones) and text that compresses as programs do. The same bytes every time.
 */
import { createHash, type Hash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { constants, createGzip } from "node:zlib";
import { cacheFolder } from "../helpers/probe.ts";
import type { Bench } from "./engines.ts";

const LAYERS = 6;
const FILES = 3160;
const DIRECTORIES = 90;
const LAYER_BYTES = 128_000_000;
const BLOCK = 512;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Pushes it (made once, into the cache) and returns its reference. */
export async function pushBigImage(bench: Bench): Promise<string> {
  const layout = join(cacheFolder(), "bench-image-1");
  if (!existsSync(layout)) {
    rmSync(`${layout}.new`, { recursive: true, force: true });
    await writeLayout(`${layout}.new`);
    renameSync(`${layout}.new`, layout);
  }
  const image = `${bench.registry}/big:latest`;
  await bench.host.run({ argv: ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", `oci:${layout}:latest`, `docker://${image}`] });
  return image;
}

export async function fetchManifest(registry: string, image: string): Promise<{ readonly layers: readonly Descriptor[] }> {
  const name = image.split("/")[1]?.split(":")[0] ?? "";
  const response = await fetch(`http://${registry}/v2/${name}/manifests/latest`, { headers: { Accept: "application/vnd.oci.image.manifest.v1+json" } });
  if (!response.ok) throw new Error(`${image}: ${response.status}`);
  return (await response.json()) as { layers: Descriptor[] };
}

async function writeLayout(folder: string): Promise<void> {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  for (let index = 0; index < LAYERS; index++) {
    const { layer, diffId } = await writeLayer(folder, index);
    layers.push(layer);
    diffIds.push(diffId);
  }
  const config = { architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux", config: { Cmd: ["true"] }, rootfs: { type: "layers", diff_ids: diffIds } };
  const manifest = { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: writeBlob(folder, "config", config), layers };
  const descriptor = { ...writeBlob(folder, "manifest", manifest), annotations: { "org.opencontainers.image.ref.name": "latest" } };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

function writeBlob(folder: string, kind: "config" | "manifest", value: unknown): Descriptor {
  const text = JSON.stringify(value);
  const digest = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  writeFileSync(join(folder, "blobs/sha256", digest), text);
  return { mediaType: `application/vnd.oci.image.${kind}.v1+json`, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

async function writeLayer(folder: string, index: number): Promise<{ readonly layer: Descriptor; readonly diffId: string }> {
  const path = join(folder, `layer-${index}`);
  const file = openSync(path, "w");
  const gzip = createGzip({ level: constants.Z_DEFAULT_COMPRESSION });
  const hash: { readonly plain: Hash; readonly packed: Hash } = { plain: createHash("sha256"), packed: createHash("sha256") };
  let size = 0;
  const written = (async () => {
    for await (const chunk of gzip as AsyncIterable<Uint8Array>) {
      hash.packed.update(chunk);
      size += writeSync(file, chunk);
    }
  })();
  for (const piece of tarPieces(index)) {
    hash.plain.update(piece);
    if (!gzip.write(piece)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  gzip.end();
  await written;
  closeSync(file);
  const digest = hash.packed.digest("hex");
  renameSync(path, join(folder, "blobs/sha256", digest));
  return { layer: { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: `sha256:${digest}`, size }, diffId: `sha256:${hash.plain.digest("hex")}` };
}

function* tarPieces(index: number): Generator<Uint8Array> {
  const random = randomNumbers(index + 1);
  const word = (): string => Math.floor(random() * 0x7fffffff).toString(36);
  const vocabulary = Array.from({ length: 2700 }, () => `${word()}_${word()}`);
  for (let directory = 0; directory < DIRECTORIES; directory++) yield header(`usr/lib/layer${index}/d${directory}/`, 0, "5");
  const weights = Array.from({ length: FILES }, () => Math.exp(2.2 * normal(random)));
  const unit = LAYER_BYTES / weights.reduce((sum, weight) => sum + weight, 0);
  for (const [number, weight] of weights.entries()) {
    const size = Math.max(1, Math.floor(weight * unit));
    yield header(`usr/lib/layer${index}/d${number % DIRECTORIES}/file${number}`, size, "0");
    yield* content(size, random, vocabulary);
    if (size % BLOCK !== 0) yield new Uint8Array(BLOCK - (size % BLOCK));
  }
  yield new Uint8Array(2 * BLOCK);
}

/** Words of a vocabulary and incompressible bytes in turns: gzip makes about two fifths of it. */
function* content(size: number, random: () => number, vocabulary: readonly string[]): Generator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const length = Math.min(left, 65536);
    const piece = Buffer.alloc(length);
    for (let at = 0; at < length; ) {
      if (random() < 0.02) for (const end = Math.min(length, at + 24); at < end; at++) piece[at] = Math.floor(random() * 256);
      else at += piece.write(`${vocabulary[Math.floor(random() ** 2 * vocabulary.length)] ?? ""} `, at, "latin1") || length;
    }
    yield piece;
    left -= length;
  }
}

/** ustar, POSIX.1-1988. */
function header(name: string, size: number, type: "0" | "5"): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;
  block.write(name, 0);
  block.write(octal(type === "5" ? 0o755 : 0o644, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(1_700_000_000, 12) + "        " + type, 100, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** mulberry32: the same numbers for the same seed, 0 ≤ n < 1. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
