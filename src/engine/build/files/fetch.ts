/** What ADD fetches from a URL, into a file without a name. */
import { closeSync } from "node:fs";
import type { LayerSettings } from "../../../config/settings.ts";
import { MdkError } from "../../../error.ts";
import { requestFor, transportTo, withoutSecrets, type DownloadOptions } from "../../../registry/download.ts";
import { bodyChunks, type HttpRequest } from "../../../registry/transport.ts";
import type { StorePaths } from "../../../store/paths.ts";
import { roomGuard } from "../../../store/room.ts";
import { appendTo, openSpool } from "../../../store/spool.ts";
import type { Time } from "../../../sys/at.ts";

export interface FetchOptions extends DownloadOptions {
  readonly paths: StorePaths;
  readonly limits: LayerSettings;
}

export interface Fetched {
  /** The caller's to close. */
  readonly fd: number;
  readonly size: number;
  /** "sha256:…" */
  readonly digest: string;
  /** Last-Modified; 1970 where the server does not say. */
  readonly modified: Time;
  /** Of just these bytes, with the place that it is of; null: the server gives none that promises so much. */
  readonly tag: string | null;
}

/** No file of a build is larger; what a server sends has to end somewhere. */
const BYTES_MAX = 64 * 2 ** 30;

/** --checksum of a URL. Throws MdkError "invalid". */
export function parseChecksum(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  const algorithm = /^[a-z0-9+._-]+:/i.exec(text);
  const known = algorithm === null || algorithm[0] === "sha256:";
  throw new MdkError("invalid", "add-checksum", known ? `invalid checksum digest format: ${text}` : `unsupported digest algorithm: ${text}`, { hint: "write it as sha256:, with 64 hexadecimal digits" });
}

/**
 * Redirects lead to http and https only, and from https not back. `checksum`: what it must be, or null. Throws MdkError: "add-fetch" for what cannot be
 * had, "add-length" for an answer that is not as long as it says, "add-checksum".
 */
export async function fetchFile(url: string, checksum: string | null, options: FetchOptions): Promise<Fetched> {
  const fd = openSpool(options.paths);
  try {
    const fetched = await fill(fd, url, options);
    if (checksum !== null && fetched.digest !== checksum) {
      throw new MdkError("corrupt", "add-checksum", `digest mismatch for ${withoutSecrets(url).href}: ${fetched.digest} (expected: ${checksum})`);
    }
    return { fd, ...fetched };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The tag of what is at the URL now; null: the server gives none, or no good answer: who fetches it hears what is wrong. */
export async function askTag(url: string, { signal, environment }: FetchOptions): Promise<string | null> {
  try {
    const clean = withoutSecrets(url);
    const response = await transportTo(clean, { environment, signal }).send({ ...requestOf(url, signal), method: "HEAD", once: true });
    await response.body?.cancel();
    return response.status === 200 ? tagOf(response) : null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MdkError) return null;
    throw error;
  }
}

/** Encoded on the way it would have another length than it says, and another digest. */
function requestOf(url: string, signal: AbortSignal): HttpRequest {
  return { ...requestFor(url), headers: { "Accept-Encoding": "identity" }, signal };
}

async function fill(fd: number, url: string, { signal, environment, paths, limits }: FetchOptions): Promise<Omit<Fetched, "fd">> {
  const clean = withoutSecrets(url);
  const transport = transportTo(clean, { environment, signal });
  const response = await transport.send(requestOf(url, signal)).catch((error: unknown) => { throw told(error); });
  if (response.status < 200 || response.status >= 300) {
    await response.body?.cancel();
    throw new MdkError("unavailable", "add-fetch", `Get "${clean.href}": invalid response status ${response.status}`);
  }
  const promised = response.headers.get("content-length");
  const hash = new Bun.CryptoHasher("sha256");
  const guard = roomGuard(paths, limits.freePercent);
  let size = 0;
  try {
    for await (const chunk of bodyChunks(response, transport.reading)) {
      size += chunk.length;
      if (size > BYTES_MAX) throw new MdkError("exhausted", "add-length", `Get "${clean.href}": it is longer than ${BYTES_MAX} bytes`);
      guard(chunk.length);
      hash.update(chunk);
      appendTo(fd, chunk);
    }
  } catch (error) {
    if (error instanceof MdkError) throw told(error);
    throw new MdkError("unavailable", "add-fetch", `Get "${clean.href}": it ends too early${promised === null ? "" : `, before its ${promised} bytes`}: unexpected EOF`, { cause: error });
  }
  signal.throwIfAborted();
  if (promised !== null && Number(promised) !== size) throw new MdkError("corrupt", "add-length", `Get "${clean.href}": it says that it is ${promised} bytes long, and is ${size}`);
  return { size, digest: `sha256:${hash.digest("hex")}`, modified: modifiedOf(response), tag: tagOf(response) };
}

/** A strong validator (RFC 9110, 8.8.1), of the place where redirects have led: it says nothing of any other. */
function tagOf({ headers, url }: Response): string | null {
  const tag = headers.get("etag");
  return tag === null || tag.startsWith("W/") ? null : JSON.stringify([url, tag]);
}

function modifiedOf(response: Response): Time {
  const milliseconds = Date.parse(response.headers.get("last-modified") ?? "");
  return { seconds: Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000), nanoseconds: 0 };
}

/** It is no registry. */
function told(error: unknown): unknown {
  if (!(error instanceof MdkError) || !error.code.startsWith("registry-")) return error;
  return new MdkError(error.kind, "add-fetch", error.message.replace("the registry", "the server"), { cause: error, hint: "check the address and the network" });
}
