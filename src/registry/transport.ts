/**
 * HTTP as registries need it: requests with our own name, redirects followed by hand so that credentials never leave the
 * origin they are for, a limit on every wait, and another try where one may help. Nothing here knows about images.
 */
import { MdkError, messageOf } from "../error.ts";
import { isLoopback, type Tls } from "./endpoint.ts";

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly headers?: Readonly<Record<string, string>>;
  /** Only ever sent to the origin of `url`. */
  readonly authorization?: string | null;
  /** A stream is sent once, as long as it takes: who makes it watches it, and ends it by `signal`. */
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal;
  /** Not the registry itself: what it was forgiven, and our certificate for it, are not for this one. */
  readonly foreign?: boolean;
  /** A first look: no second try. */
  readonly once?: boolean;
}

export interface TransportOptions {
  readonly tls: Tls;
  /** "mdk/0.1.0 …" */
  readonly userAgent: string;
  readonly signal: AbortSignal | null;
  /** Whose errors are told with what a registry's user can do; false: of a URL that is none's. Default: true. */
  readonly isRegistry?: boolean;
  /** Of one request; default: TRIES. */
  readonly tries?: number;
  /** Waits between tries; tests make it short. */
  readonly backOffMs?: number;
  /** For an answer, for a short body, and for each LEAST_BYTES of a long one. */
  readonly patienceMs?: number;
}

const REDIRECTS_MAX = 10;
const TRIES = 5;
const BACK_OFF_MS = 500;
const BACK_OFF_MAX_MS = 30_000;
const PATIENCE_MS = 60_000;
/** A body that brings less than this within the patience is given up: a byte now and then keeps nobody for ever. */
const LEAST_BYTES = 64 * 1024;

/** Another try may succeed: rate limits and servers in trouble (distribution-spec, "Error Codes"; RFC 9110). */
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

/**
 * fetch itself takes HTTP_PROXY, HTTPS_PROXY and NO_PROXY from the environment, in lower case too, but for this machine as well: what is
 * meant for loopback, passwords on plain HTTP among it, would go to another host. As Go's httpproxy, it never does. Bun's types do not know
 * that `false` is no proxy.
 */
const DIRECT = { proxy: false as unknown as string } as const;

export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** For who reads the answers. */
  get reading(): BodyReading {
    return this.#options;
  }

  /**
   * Sends the request until it is answered by something other than trouble; the answer may still be an error (401, 404).
   * Errors: "registry-unreachable", "registry-tls", "pull-cancelled".
   */
  async send(request: HttpRequest): Promise<Response> {
    const tries = request.once === true ? 1 : (this.#options.tries ?? TRIES);
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#follow(request);
        if (!AGAIN.has(response.status) || attempt === tries) return response;
        await response.body?.cancel();
        await this.wait(attempt, retryAfterMs(response));
      } catch (error) {
        if (!isTransient(error) || attempt === tries) throw this.#told(error, request.url);
        await this.wait(attempt, 0);
      }
    }
  }

  /** Sleeps before try `attempt` + 1; ends at once, with an error, when the pull is given up. */
  async wait(attempt: number, leastMs: number): Promise<void> {
    const base = this.#options.backOffMs ?? BACK_OFF_MS;
    const delay = Math.min(Math.max(leastMs, base * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)), BACK_OFF_MAX_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#options.signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
    if (this.#options.signal?.aborted === true) throw cancelled();
  }

  async #follow(request: HttpRequest): Promise<Response> {
    const { origin } = new URL(request.url);
    let url = request.url;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      const response = await this.#once(request, url, origin);
      if (![301, 302, 303, 307, 308].includes(response.status)) return response;
      await response.body?.cancel();
      const location = response.headers.get("location");
      if (location === null) throw new MdkError("corrupt", "registry-answer", `${new URL(url).origin} redirects to nowhere`);
      const next = URL.parse(location, url);
      if (next === null) throw new MdkError("corrupt", "registry-answer", `${new URL(url).origin} redirects to ${JSON.stringify(location)}, which is no address`);
      if (next.protocol !== "https:" && !(next.protocol === "http:" && new URL(url).protocol === "http:")) {
        throw new MdkError("corrupt", "registry-answer", `${new URL(url).origin} redirects to ${next.protocol}//${next.host}, which is not followed`);
      }
      if (request.body instanceof ReadableStream) throw new MdkError("unsupported", "registry-answer", `${origin} redirects an upload, which is not followed`);
      // A body may hold a refresh token.
      if (request.body !== undefined && next.origin !== origin) throw new MdkError("corrupt", "registry-answer", `${origin} redirects to ${next.origin}, which is not followed`);
      next.username = next.password = "";
      url = next.href;
    }
    throw new MdkError("corrupt", "registry-answer", `${origin} redirects more than ${REDIRECTS_MAX} times`);
  }

  async #once(request: HttpRequest, url: string, origin: string): Promise<Response> {
    const streams = request.body instanceof ReadableStream;
    const timeout = streams ? new AbortController().signal : AbortSignal.timeout(this.#options.patienceMs ?? PATIENCE_MS);
    const answered = new AbortController();
    const stop = (): void => answered.abort(timeout.reason);
    timeout.addEventListener("abort", stop);
    const headers: Record<string, string> = { ...request.headers, "User-Agent": this.#options.userAgent };
    const home = new URL(url).origin === origin;
    if (home && request.authorization) headers.Authorization = request.authorization;
    const own = home && request.foreign !== true;
    const { ca, cert, key, rejectUnauthorized } = this.#options.tls;
    const tls = {
      // What is insecure for the registry is not for whoever it redirects to.
      rejectUnauthorized: rejectUnauthorized || !own,
      ...(ca === null ? {} : { ca: [...ca] }),
      ...(own && cert !== null && key !== null ? { cert, key } : {}),
    };
    try {
      return await fetch(url, {
        method: request.method ?? "GET", headers, redirect: "manual", decompress: false,
        signal: AbortSignal.any([answered.signal, ...[this.#options.signal, request.signal ?? null].flatMap((signal) => signal ?? [])]),
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(url.startsWith("https:") ? { tls } : {}),
        ...(isLoopback(new URL(url).hostname) ? DIRECT : {}),
      });
    } finally {
      timeout.removeEventListener("abort", stop);
    }
  }

  #told(error: unknown, url: string): unknown {
    if (error instanceof MdkError) return error;
    if (this.#options.signal?.aborted === true) return cancelled();
    const { host } = new URL(url);
    const isRegistry = this.#options.isRegistry ?? true;
    const code = codeOf(error);
    if (/CERT|SSL|TLS|UNABLE_TO|SELF_SIGNED|ISSUER/.test(code)) {
      return new MdkError("unavailable", "registry-tls", `Get "${url}": the certificate of ${host} cannot be verified: ${messageOf(error)}`, {
        cause: error, hint: `put its authority into /etc/docker/certs.d/${host}/ca.crt${isRegistry ? `, or name it with --insecure-registry ${host}` : ""}`,
      });
    }
    return new MdkError("unavailable", "registry-unreachable", `Get "${url}": ${host}: ${wordsOf(error)}`, {
      cause: error, hint: `check the ${isRegistry ? "name of the registry" : "address"} and the network`,
    });
  }
}

export function cancelled(): MdkError {
  return new MdkError("unavailable", "pull-cancelled", "context canceled");
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "";
}

/** Go's words for what fetch says by a code. */
const WORDS: Readonly<Record<string, string>> = {
  ConnectionRefused: "connection refused", ECONNREFUSED: "connection refused", ENOTFOUND: "no such host", DNSException: "no such host",
  ConnectionClosed: "connection reset by peer", ECONNRESET: "connection reset by peer", TimeoutError: "timeout while waiting for an answer",
  FailedToOpenSocket: "connection refused",
};

/** What fetch cannot read it tells to who wrote the program: "pass `verbose: true` in the second argument to fetch()". */
function wordsOf(error: unknown): string {
  const text = messageOf(error);
  return WORDS[codeOf(error)] ?? (text.includes("fetch()") ? "malformed HTTP response" : text);
}

/** A connection that broke; one that is refused is not tried again, as a user who mistyped a port waits for nothing. */
function isTransient(error: unknown): boolean {
  return ["ConnectionClosed", "ECONNRESET", "EPIPE", "TimeoutError", "ETIMEDOUT", "Timeout"].includes(codeOf(error));
}

/** Retry-After in seconds or as a date (RFC 9110 section 10.2.3); 0 when there is none. */
function retryAfterMs(response: Response): number {
  const value = Number(response.headers.get("retry-after") ?? "");
  return Number.isFinite(value) && value > 0 ? Math.min(value * 1000, BACK_OFF_MAX_MS) : 0;
}

/** How a body is read: by the options of the transport that it came by. */
export type BodyReading = Pick<TransportOptions, "signal" | "patienceMs">;

/** The whole body, at most `limit` bytes of it, in at most one patience. Throws "registry-answer" when there is more, "registry-slow", "registry-broken" when it breaks off. */
export async function readBody(response: Response, limit: number, what: string, reading: BodyReading): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const deadline = performance.now() + (reading.patienceMs ?? PATIENCE_MS);
  try {
    for await (const chunk of bodyChunks(response, reading)) {
      length += chunk.length;
      if (length > limit) throw new MdkError("corrupt", "registry-answer", `${what} is larger than ${limit} bytes`);
      if (performance.now() > deadline) throw tooSlow();
      parts.push(chunk);
    }
  } catch (error) {
    if (error instanceof MdkError || reading.signal?.aborted === true) throw error;
    throw new MdkError("unavailable", "registry-broken", `${what} breaks off after ${length} bytes: ${wordsOf(error)}`, { cause: error, hint: "try again later" });
  }
  return Buffer.concat(parts, length);
}

/** The body's chunks. Throws "registry-slow" for a connection that brings less than 64 KiB in a patience; it is closed in any case. */
export async function* bodyChunks(response: Response, { signal, patienceMs = PATIENCE_MS }: BodyReading): AsyncGenerator<Uint8Array, void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let [left, received] = [patienceMs, 0]; ; ) {
      const begun = performance.now();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const stalled = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(tooSlow()), Math.max(0, left));
      });
      const next = await Promise.race([reader.read(), stalled]).finally(() => clearTimeout(timer));
      if (next.done || signal?.aborted === true) return;
      received += next.value.length;
      left -= performance.now() - begun;
      yield next.value;
      if (received >= LEAST_BYTES) [left, received] = [patienceMs, 0];
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function tooSlow(): MdkError {
  return new MdkError("unavailable", "registry-slow", "the registry sends too slowly: given up", { hint: "try again later" });
}
