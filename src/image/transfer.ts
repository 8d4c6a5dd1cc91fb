/**
 * What images are copied from: a registry, an archive, a layout and the store are each a source. Whoever copies verifies, here and in
 * one way; a source only says what it has. Pure.
 */
import { MdkError } from "../error.ts";
import { algorithmOf, type Digest } from "./digest.ts";
import { mediaTypeOf, type Descriptor } from "./manifest.ts";

/** A manifest or an index, byte for byte. */
export interface FetchedManifest {
  readonly bytes: Uint8Array;
  /** The source's word for it, "" if none. */
  readonly contentType: string;
  /** Of the bytes; checked when it was asked for by digest. */
  readonly digest: Digest;
}

/** How others name it, when it was parsed. */
export function descriptorOf(fetched: FetchedManifest): Descriptor {
  return { mediaType: mediaTypeOf(fetched), digest: fetched.digest, size: fetched.bytes.length };
}

export interface Source {
  /** The manifest or index that a tag or digest names. Throws "image-not-found", "digest-mismatch" and what reading it throws. */
  manifest(target: string): Promise<FetchedManifest>;
  /** The bytes of a blob from an offset that is less than its size. Not verified: read them through `verified`. */
  blob(descriptor: Descriptor, from: number): AsyncIterable<Uint8Array>;
}

/**
 * Hands on the bytes of a blob as they come. It ends without an error only when size and digest were right: whoever reads it must not
 * use what came before an error. Throws "blob-size" as soon as there is too much, "digest-mismatch", and what `chunks` throws.
 */
export async function* verified(descriptor: Descriptor, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const { digest, size } = descriptor;
  const algorithm = algorithmOf(digest);
  const hash = new Bun.CryptoHasher(algorithm);
  let received = 0;
  for await (const chunk of chunks) {
    received += chunk.length;
    if (received > size) throw new MdkError("corrupt", "blob-size", `the blob ${digest} is longer than the ${size} bytes its manifest says`);
    hash.update(chunk);
    yield chunk;
  }
  if (received < size) throw new MdkError("corrupt", "blob-size", `the blob ${digest} ends after ${received} of ${size} bytes: unexpected EOF`);
  const found = `${algorithm}:${hash.digest("hex")}`;
  if (found !== digest) throw new MdkError("corrupt", "digest-mismatch", `filesystem layer verification failed for digest ${digest}: what was served is ${found}`);
}

/** A small blob as a whole, verified. Throws "blob-size" for one of more than `limit` bytes, and what `verified` throws. */
export async function readSmall(source: Source, descriptor: Descriptor, limit: number): Promise<Uint8Array> {
  if (descriptor.size > limit) throw new MdkError("corrupt", "blob-size", `the blob ${descriptor.digest} is larger than ${limit} bytes`);
  const parts: Uint8Array[] = [];
  for await (const chunk of verified(descriptor, source.blob(descriptor, 0))) parts.push(chunk);
  return Buffer.concat(parts);
}
