/**
 * One repository of one registry as a place for images (distribution-spec, "Push"): what it has is not sent again, what another of its
 * repositories has is mounted, and an upload that breaks is gone on with where it broke.
 */
import { MdkError } from "../error.ts";
import { digestOf, type Digest } from "../image/digest.ts";
import type { Descriptor } from "../image/manifest.ts";
import type { Reference } from "../image/reference.ts";
import { errorCodes, Session, type RemoteOptions, type SessionRequest } from "./session.ts";
import { cancelled } from "./transport.ts";

/** How a blob came to be there. */
export type BlobArrival = "there" | "mounted" | "sent";

export interface Upload {
  readonly descriptor: Descriptor;
  /** Path of a repository of the same registry that has it; null: none is known. */
  readonly from: string | null;
  /** All of its bytes, verified; anew with each call. */
  open(): AsyncIterable<Uint8Array>;
}

/** Up to this a blob is sent in one request. */
const MONOLITHIC_BYTES_MAX = 1 << 20;
/** An upload that breaks is taken up again this many times, as long as each brought something. */
const RESUMES_MAX = 10;
const PATIENCE_MS = 60_000;

export class PushTarget {
  readonly #session: Session;
  readonly #options: RemoteOptions;

  /** `mounts`: paths of repositories that blobs may be mounted from. */
  constructor(reference: Reference, mounts: readonly string[], options: RemoteOptions) {
    this.#options = options;
    this.#session = new Session(reference, [`repository:${reference.path}:pull,push`, ...mounts.map((path) => `repository:${path}:pull`)], options);
  }

  /** Errors: "push-denied", "registry-answer", what reading the blob throws, and those of the transport. */
  async blob(upload: Upload): Promise<BlobArrival> {
    const { descriptor, from } = upload;
    const head = await this.#send(`blobs/${descriptor.digest}`, { method: "HEAD" });
    await head.body?.cancel();
    if (head.status === 200) return "there";
    if (head.status !== 404) throw await this.#refusal(head, `blob ${descriptor.digest}`);
    const mounting = from === null ? "" : `?${new URLSearchParams({ mount: descriptor.digest, from }).toString()}`;
    const begun = await this.#send(`blobs/uploads/${mounting}`, { method: "POST", headers: { "Content-Length": "0" } });
    if (begun.status === 201 && from !== null) {
      await begun.body?.cancel();
      return "mounted";
    }
    if (begun.status !== 202) throw await this.#refusal(begun, `blob ${descriptor.digest}`);
    await begun.body?.cancel();
    const location = locationOf(begun);
    if (descriptor.size <= MONOLITHIC_BYTES_MAX) {
      const parts: Uint8Array[] = [];
      for await (const chunk of upload.open()) parts.push(chunk);
      await this.#close(location, descriptor, Buffer.concat(parts));
    } else await this.#close(await this.#stream(location, upload), descriptor, new Uint8Array());
    return "sent";
  }

  /** Under a tag, or by its digest with a null one. Errors as above. */
  async manifest(bytes: Uint8Array, mediaType: string, tag: string | null): Promise<Digest> {
    const digest = digestOf(bytes);
    const response = await this.#send(`manifests/${tag ?? digest}`, { method: "PUT", headers: { "Content-Type": mediaType }, body: bytes });
    if (response.status !== 201) throw await this.#refusal(response, `manifest ${digest}`);
    await response.body?.cancel();
    const said = response.headers.get("docker-content-digest") ?? digest;
    if (said !== digest) throw new MdkError("corrupt", "digest-mismatch", `manifest verification failed for digest ${digest}: the registry has ${said}`);
    return digest;
  }

  async #close(location: string, { digest }: Descriptor, body: Uint8Array): Promise<void> {
    const url = new URL(location);
    url.searchParams.set("digest", digest);
    const response = await this.#send(url.href, { method: "PUT", headers: { "Content-Type": "application/octet-stream", "Content-Length": String(body.length) }, body });
    if (response.status !== 201) throw await this.#refusal(response, `blob ${digest}`);
    await response.body?.cancel();
  }

  /** Sends a blob as one PATCH, as Docker does, or in as many as it breaks into. Returns where it is closed. */
  async #stream(begun: string, upload: Upload): Promise<string> {
    const { descriptor } = upload;
    let location = begun;
    let offset = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#patch(location, upload, offset);
        if (response.status >= 500) throw new MdkError("unavailable", "registry-answer", `${this.#session.reference.domain} answers ${response.status} for blob ${descriptor.digest}`, { hint: "try again later" });
        if (response.status !== 202 && response.status !== 204) throw await this.#refusal(response, `blob ${descriptor.digest}`);
        await response.body?.cancel();
        return locationOf(response);
      } catch (error) {
        if (this.#options.signal?.aborted === true) throw cancelled();
        if (!(error instanceof MdkError && error.kind === "unavailable") || attempt > RESUMES_MAX) throw error;
        await this.#session.transport.wait(1, 0);
        const status = await this.#send(location);
        await status.body?.cancel();
        const reached = Number(/^(?:bytes=)?0-(\d+)$/.exec(status.headers.get("range") ?? "")?.[1] ?? -1) + 1;
        if (status.status !== 204 || (attempt > 1 && reached <= offset)) throw error;
        [location, offset] = [locationOf(status), reached];
      }
    }
  }

  async #patch(location: string, { descriptor, open }: Upload, offset: number): Promise<Response> {
    const stalled = new AbortController();
    const watch = new Watch(() => stalled.abort(), this.#options.patienceMs ?? PATIENCE_MS);
    let failure: unknown = null;
    try {
      return await this.#send(location, {
        method: "PATCH", signal: stalled.signal,
        headers: { "Content-Type": "application/octet-stream", ...(offset === 0 ? {} : { "Content-Range": `${offset}-${descriptor.size - 1}` }) },
        body: () => streamOf(open, offset, { passed: () => watch.seen(), failed: (error) => void (failure = error) }),
      });
    } catch (error) {
      // What the disk has is wrong, or the user gives up: no other try would help.
      if (failure !== null) throw failure;
      if (stalled.signal.aborted) throw new MdkError("unavailable", "registry-slow", "the registry takes too slowly: given up", { cause: error, hint: "try again later" });
      throw error;
    } finally {
      watch.end();
    }
  }

  async #send(path: string, request?: SessionRequest): Promise<Response> {
    try {
      return await this.#session.send(path, request);
    } catch (error) {
      throw error instanceof MdkError && error.code === "pull-denied" ? refused(this.#session.unknown) : error;
    }
  }

  async #refusal(response: Response, what: string): Promise<MdkError> {
    const codes = await errorCodes(response, this.#options);
    const { status } = response;
    if (status === 401 || codes.includes("UNAUTHORIZED")) return new MdkError("denied", "push-denied", "unauthorized: authentication required", this.#session.unknown);
    if (status === 403 || codes.includes("DENIED")) return refused(this.#session.unknown);
    const { domain, path } = this.#session.reference;
    return new MdkError("corrupt", "registry-answer", `${domain} answers ${status} for ${what} of ${path}${codes.length === 0 ? "" : `: ${codes.join(", ").toLowerCase()}`}`);
  }
}

function refused(unknown: { readonly hint?: string }): MdkError {
  return new MdkError("denied", "push-denied", "denied: requested access to the resource is denied", { hint: "the repository may not exist, or may require a login", ...unknown });
}

/** Ends what has not moved for so long. */
class Watch {
  readonly #give: () => void;
  readonly #patienceMs: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(give: () => void, patienceMs: number) {
    [this.#give, this.#patienceMs] = [give, patienceMs];
    this.#timer = setTimeout(give, patienceMs);
  }

  seen(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#give, this.#patienceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

interface Told {
  passed(): void;
  failed(error: unknown): void;
}

/** The bytes from an offset on; those before are read too, since only the whole can be verified. */
function streamOf(open: () => AsyncIterable<Uint8Array>, offset: number, told: Told): ReadableStream<Uint8Array> {
  const chunks = open()[Symbol.asyncIterator]();
  let skip = offset;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        for (;;) {
          const next = await chunks.next();
          told.passed();
          if (next.done === true) return controller.close();
          const fresh = next.value.subarray(Math.min(skip, next.value.length));
          skip -= next.value.length - fresh.length;
          if (fresh.length > 0) return controller.enqueue(fresh);
        }
      } catch (error) {
        told.failed(error);
        controller.error(error);
      }
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}

/** Of an upload: a whole URL. */
function locationOf(response: Response): string {
  const location = response.headers.get("location");
  const url = location !== null && URL.canParse(location, response.url) ? new URL(location, response.url) : null;
  const sound = url !== null && (url.protocol === "https:" || (url.protocol === "http:" && response.url.startsWith("http:")));
  if (!sound) throw new MdkError("corrupt", "registry-answer", `the registry names no usable place for an upload: ${JSON.stringify(location)}`);
  url.username = url.password = "";
  return url.href;
}
