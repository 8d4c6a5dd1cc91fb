/**
 * One repository of one registry (distribution-spec, "Pull"): its manifests, checked against their digests, and its blobs. Speaks
 * Docker's error sentences.
 */
import { MdkError } from "../error.ts";
import { algorithmOf, digestOf, isDigest } from "../image/digest.ts";
import { ACCEPT, MANIFEST_BYTES_MAX, type Descriptor } from "../image/manifest.ts";
import type { FetchedManifest, Source } from "../image/transfer.ts";
import { canonicalName, familiarName, familiarRepository, repositoryOf, type Reference } from "../image/reference.ts";
import { parseChallenges } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { fetchToken } from "./token.ts";
import { bodyChunks, cancelled, readBody, Transport, type Reading, type TransportOptions } from "./transport.ts";

export interface RemoteOptions extends Omit<TransportOptions, "tls"> {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials | null;
}

/** A connection that broke within a blob is taken up again this many times, as long as each brought something. */
const RESUMES_MAX = 10;

export class Remote implements Source {
  readonly #reference: Reference;
  readonly #options: RemoteOptions;
  readonly #transport: Transport;
  /** Chosen by the first request that is answered at all. */
  #origin: string | null = null;
  #authorization: string | null = null;
  /** Requests that meet a 401 together ask for one token. */
  #renewal: Promise<boolean> | null = null;

  constructor(reference: Reference, options: RemoteOptions) {
    this.#reference = reference;
    this.#options = options;
    this.#transport = new Transport({ ...options, tls: options.endpoint.tls });
  }

  /**
   * The manifest or index that a tag or digest names. A digest is checked; a tag's is computed, and compared with what
   * the registry says. Errors: "image-not-found", "pull-denied", "digest-mismatch", "registry-answer".
   */
  async manifest(target: string): Promise<FetchedManifest> {
    const response = await this.#get(`manifests/${target}`, { Accept: ACCEPT });
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
        await this.#transport.wait(1, 0);
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

  async #open(descriptor: Descriptor, from: number): Promise<Response> {
    const range: Record<string, string> = from === 0 ? {} : { Range: `bytes=${from}-` };
    const response = await this.#get(`blobs/${descriptor.digest}`, range);
    if (response.status !== 200 && response.status !== 206) {
      throw await this.#refusal(response, familiarName(this.#reference), `blob ${descriptor.digest}`);
    }
    const start = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? from);
    if (response.status === 206 && start !== from) throw new MdkError("corrupt", "registry-answer", `the registry answers with another part of blob ${descriptor.digest} than was asked for`);
    return response;
  }

  /** GET below /v2/NAME/, with credentials once the registry asks for them; an expired token is renewed once. */
  async #get(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const used = this.#authorization;
    const response = await this.#send(path, headers);
    if (response.status !== 401) return response;
    // Somebody else renewed it meanwhile, or we do.
    if (used === this.#authorization && !(await this.#authorize(response))) return response;
    await response.body?.cancel();
    return await this.#send(path, headers);
  }

  async #send(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const origins = this.#origin === null ? this.#options.endpoint.origins : [this.#origin];
    let failure: unknown;
    for (const [index, origin] of origins.entries()) {
      try {
        const url = `${origin}/v2/${this.#reference.path}/${path}`;
        const once = index < origins.length - 1;
        const response = await this.#transport.send({ url, headers, authorization: this.#authorization, once });
        this.#origin = origin;
        return response;
      } catch (error) {
        // A registry that does not speak TLS breaks the handshake in many ways: plain HTTP is tried where it is allowed.
        const unreachable = error instanceof MdkError && (error.code === "registry-unreachable" || error.code === "registry-tls");
        if (!unreachable) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #authorize(response: Response): Promise<boolean> {
    return (this.#renewal ??= this.#answer(response).finally(() => (this.#renewal = null)));
  }

  /**
   * Answers the challenge of a 401; false when there is nothing to answer it with, or when it is not the registry that asks
   * but somebody it redirected to: that one would choose who gets the user's password (CVE-2020-15157).
   */
  async #answer(response: Response): Promise<boolean> {
    const origin = this.#origin as string;
    if (new URL(response.url).origin !== new URL(origin).origin) return false;
    const challenges = parseChallenges(response.headers.get("www-authenticate") ?? "");
    const { credentials } = this.#options;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      const scope = `repository:${this.#reference.path}:pull`;
      const token = await fetchToken({ transport: this.#transport, challenge: bearer, scope, credentials, origin });
      if (token === null) throw new MdkError("denied", "pull-denied", denied(this.#reference));
      this.#authorization = `Bearer ${token}`;
      return true;
    }
    if (!challenges.some(({ scheme }) => scheme === "basic") || credentials?.kind !== "password") return false;
    const header = basicHeader(credentials.username, credentials.password);
    if (header === this.#authorization) return false;
    this.#authorization = header;
    return true;
  }

  /** What an answer other than 200 means, in Docker's words. */
  async #refusal(response: Response, name: string, blob: string | null = null): Promise<MdkError> {
    const codes = await errorCodes(response, this.#options);
    const { status } = response;
    if (status === 401 || status === 403 || codes.includes("DENIED") || codes.includes("UNAUTHORIZED")) {
      return new MdkError("denied", "pull-denied", denied(this.#reference));
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

function denied(reference: Reference): string {
  return `pull access denied for ${familiarRepository(repositoryOf(reference))}, repository does not exist or may require 'docker login'`;
}

function familiarOf(reference: Reference, target: string): string {
  return familiarName(isDigest(target) ? { ...reference, digest: target } : { ...reference, tag: target, digest: null });
}

/** A connection that breaks may hold another time; an answer that is whole, and too short, is a lie. */
function shortBlob({ digest, size }: Descriptor, { received, broken }: { readonly received: number; readonly broken: unknown }): MdkError {
  return new MdkError(broken === null ? "corrupt" : "unavailable", "blob-size", `the blob ${digest} ends after ${received} of ${size} bytes: unexpected EOF`, { cause: broken });
}

/** The codes in an error document (distribution-spec, "Error Codes"); none when it is something else. */
async function errorCodes(response: Response, reading: Reading): Promise<string[]> {
  try {
    const document = JSON.parse(new TextDecoder().decode(await readBody(response, 1 << 16, "the answer", reading))) as { errors?: { code?: unknown }[] };
    return (document.errors ?? []).map(({ code }) => String(code));
  } catch {
    return [];
  }
}
