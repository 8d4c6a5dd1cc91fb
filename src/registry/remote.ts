/**
 * One repository of one registry (distribution-spec, "Pull"): its manifests, checked against their digests, and its blobs. Speaks
 * Docker's error sentences.
 */
import { MdkError } from "../error.ts";
import { algorithmOf, digestOf, isDigest } from "../image/digest.ts";
import { optional, parseObject, stringsOf } from "../image/json.ts";
import { ACCEPT, MANIFEST_BYTES_MAX, type Descriptor } from "../image/manifest.ts";
import { canonicalName, familiarName, type Reference } from "../image/reference.ts";
import type { FetchedManifest, Source } from "../image/transfer.ts";
import { denied, errorCodes, Session, type RemoteOptions } from "./session.ts";
import { bodyChunks, cancelled, readBody } from "./transport.ts";

/** A connection that broke within a blob is taken up again this many times, as long as each brought something. */
const RESUMES_MAX = 10;
/** Of a list of tags, each of 100 or more. */
const TAG_PAGES_MAX = 1000;

export class Remote implements Source {
  readonly #reference: Reference;
  readonly #options: RemoteOptions;
  readonly #session: Session;

  constructor(reference: Reference, options: RemoteOptions) {
    this.#reference = reference;
    this.#options = options;
    this.#session = new Session(reference, [`repository:${reference.path}:pull`], options);
  }

  /**
   * The manifest or index that a tag or digest names. A digest is checked; a tag's is computed, and compared with what
   * the registry says. Errors: "image-not-found", "pull-denied", "digest-mismatch", "registry-answer".
   */
  async manifest(target: string): Promise<FetchedManifest> {
    const response = await this.#session.send(`manifests/${target}`, { headers: { Accept: ACCEPT } });
    const name = canonicalName({ ...this.#reference, ...(isDigest(target) ? { tag: null, digest: target } : { tag: target, digest: null }) });
    if (response.status !== 200) throw await this.#refusal(response, familiarOf(this.#reference, target));
    const bytes = await readBody(response, MANIFEST_BYTES_MAX, `the manifest of ${name}`, this.#options);
    const said = response.headers.get("docker-content-digest");
    const digest = digestOf(bytes, isDigest(target) ? algorithmOf(target) : isDigest(said) ? algorithmOf(said) : "sha256");
    const wanted = isDigest(target) ? target : (said ?? digest);
    if (digest !== wanted) {
      throw new MdkError("corrupt", "digest-mismatch", `manifest verification failed for digest ${wanted}: the registry served ${digest}`);
    }
    return { bytes, contentType: response.headers.get("content-type") ?? "", digest };
  }

  /** The bytes of a blob as they arrive. A connection that breaks is taken up where it broke. Throws "blob-size" when it ends too early. */
  async *blob(descriptor: Descriptor, from: number): AsyncGenerator<Uint8Array, void> {
    let received = from;
    let before = -1;
    /** Why the last connection brought no more. */
    let broken: unknown = null;
    for (let attempt = 1; received < descriptor.size || attempt === 1; attempt++) {
      if (attempt > 1) {
        if (attempt > RESUMES_MAX || received === before) throw broken instanceof MdkError ? broken : shortBlob(descriptor, { received, broken });
        await this.#session.transport.wait(1, 0);
      }
      before = received;
      const response = await this.#open(descriptor, received);
      let skip = response.status === 206 ? 0 : received;
      try {
        for await (const chunk of bodyChunks(response, this.#options)) {
          const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - fresh.length;
          if (fresh.length === 0) continue;
          received += fresh.length;
          yield fresh;
        }
      } catch (error) {
        if (this.#options.signal?.aborted === true) throw cancelled();
        if (error instanceof MdkError && error.code !== "registry-slow") throw error;
        broken = error;
      }
    }
  }

  /** All tags of the repository, page by page. Errors as of manifest(). */
  async tags(): Promise<string[]> {
    const tags = new Set<string>();
    let path = "tags/list";
    for (let page = 0; page < TAG_PAGES_MAX; page++) {
      const response = await this.#session.send(path);
      if (response.status !== 200) throw await this.#refusal(response, familiarName({ ...this.#reference, tag: null, digest: null }));
      const what = `the list of tags of ${this.#reference.path}`;
      const document = parseObject(await readBody(response, MANIFEST_BYTES_MAX, what, this.#options), what);
      for (const tag of optional(document.tags, (value) => stringsOf(value, `${what}: tags`), [])) tags.add(tag);
      const next = /<([^>]*)>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
      if (next === undefined) return [...tags];
      const url = URL.canParse(next, response.url) ? new URL(next, response.url) : null;
      if (url === null || url.origin !== new URL(response.url).origin) break;
      path = `tags/list${url.search}`;
    }
    throw new MdkError("corrupt", "registry-answer", `${this.#reference.domain} does not come to an end with the tags of ${this.#reference.path}`);
  }

  async #open(descriptor: Descriptor, from: number): Promise<Response> {
    const range: Record<string, string> = from === 0 ? {} : { Range: `bytes=${from}-` };
    const response = await this.#session.send(`blobs/${descriptor.digest}`, { headers: range });
    if (response.status !== 200 && response.status !== 206) {
      throw await this.#refusal(response, familiarName(this.#reference), `blob ${descriptor.digest}`);
    }
    const start = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? from);
    if (response.status === 206 && start !== from) throw new MdkError("corrupt", "registry-answer", `the registry answers with another part of blob ${descriptor.digest} than was asked for`);
    return response;
  }

  /** What an answer other than 200 means, in Docker's words. */
  async #refusal(response: Response, name: string, blob: string | null = null): Promise<MdkError> {
    const codes = await errorCodes(response, this.#options);
    const { status } = response;
    if (status === 401 || status === 403 || codes.includes("DENIED") || codes.includes("UNAUTHORIZED")) {
      return new MdkError("denied", "pull-denied", denied(this.#reference), this.#session.unknown);
    }
    if (status === 404 && blob !== null) return new MdkError("corrupt", "registry-answer", `${name}: the registry does not have ${blob}`);
    if (status === 404 && codes.includes("NAME_UNKNOWN")) {
      return new MdkError("not-found", "image-not-found", denied(this.#reference));
    }
    if (status === 404) return new MdkError("not-found", "image-not-found", `manifest for ${name} not found: manifest unknown: manifest unknown`);
    if (status === 429) {
      return new MdkError("unavailable", "registry-busy", `toomanyrequests: ${this.#reference.domain} limits the number of pulls`, { hint: "try again later" });
    }
    return new MdkError("corrupt", "registry-answer", `${this.#reference.domain} answers ${status} for ${blob ?? name}`);
  }
}

function familiarOf(reference: Reference, target: string): string {
  return familiarName(isDigest(target) ? { ...reference, digest: target } : { ...reference, tag: target, digest: null });
}

/** A connection that breaks may hold another time; an answer that is whole, and too short, is a lie. */
function shortBlob({ digest, size }: Descriptor, { received, broken }: { readonly received: number; readonly broken: unknown }): MdkError {
  return new MdkError(broken === null ? "corrupt" : "unavailable", "blob-size", `the blob ${digest} ends after ${received} of ${size} bytes: unexpected EOF`, { cause: broken });
}
