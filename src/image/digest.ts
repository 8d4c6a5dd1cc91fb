/**
 * Content digests ("sha256:…", image-spec descriptor.md#digests), strict: nothing is made into a path or a URL before it
 * went through `parseDigest` (CVE-2024-3727).
 */
import { MdkError } from "../error.ts";

export type DigestAlgorithm = "sha256" | "sha512";

/** A digest that was checked: algorithm, colon, lower-case hex of the right length. */
export type Digest = string & { readonly checked: "digest" };

const HEX: Readonly<Record<DigestAlgorithm, RegExp>> = { sha256: /^[0-9a-f]{64}$/, sha512: /^[0-9a-f]{128}$/ };

export function isDigest(text: unknown): text is Digest {
  if (typeof text !== "string") return false;
  const colon = text.indexOf(":");
  const pattern = HEX[text.slice(0, colon) as DigestAlgorithm] as RegExp | undefined;
  return colon > 0 && Object.hasOwn(HEX, text.slice(0, colon)) && pattern !== undefined && pattern.test(text.slice(colon + 1));
}

/** Throws "digest-invalid" in the words of Docker's digest package. `what`: of what it is said to be the digest. */
export function parseDigest(text: unknown, what: string): Digest {
  if (isDigest(text)) return text;
  const shown = JSON.stringify(typeof text === "string" ? text.slice(0, 200) : text) ?? "nothing";
  const known = typeof text === "string" && /^sha(256|512):/.test(text);
  const reason = known ? "invalid checksum digest format" : "unsupported digest algorithm";
  throw new MdkError("invalid", "digest-invalid", `${what}: ${reason}: ${shown}`);
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The sha256 digest of bytes in memory, or of the algorithm that is asked for. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** Chain ids of a stack of diff ids, bottom first (image-spec config.md#layer-chainid). */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}
