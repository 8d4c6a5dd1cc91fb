/**
 * Requests to one repository of one registry: to the origin that answers, with credentials once it asks for them, and with a token that
 * is renewed when it has expired.
 */
import { MdkError } from "../error.ts";
import { familiarRepository, repositoryOf, type Reference } from "../image/reference.ts";
import { parseChallenges } from "./challenge.ts";
import { basicHeader, type AskCredentials, type Credentials } from "./credentials.ts";
import type { RegistryEndpoint } from "./endpoint.ts";
import { fetchToken } from "./token.ts";
import { readBody, Transport, type BodyReading, type HttpRequest, type TransportOptions } from "./transport.ts";

export interface RemoteOptions extends Omit<TransportOptions, "tls"> {
  readonly endpoint: RegistryEndpoint;
  readonly credentials: AskCredentials;
}

/** What a request of a session may say; a body that streams is made anew for each try. */
export interface SessionRequest extends Pick<HttpRequest, "method" | "headers" | "signal"> {
  readonly body?: Uint8Array | (() => ReadableStream<Uint8Array>);
}

export class Session {
  readonly reference: Reference;
  readonly transport: Transport;
  /** Of the token that is asked for: "repository:library/ubuntu:pull", and those of repositories that are read from. */
  readonly #scopes: readonly string[];
  readonly #options: RemoteOptions;
  /** Chosen by the first request that is answered at all. */
  #origin: string | null = null;
  #authorization: string | null = null;
  /** Requests that meet a 401 together ask for one token. */
  #renewal: Promise<boolean> | null = null;
  /** Why it is not known who the user is. */
  #unasked: string | null = null;

  constructor(reference: Reference, scopes: readonly string[], options: RemoteOptions) {
    [this.reference, this.#scopes, this.#options] = [reference, scopes, options];
    this.transport = new Transport({ ...options, tls: options.endpoint.tls });
  }

  /** For who reads the answers. */
  get reading(): BodyReading {
    return this.#options;
  }

  /**
   * `path`: below /v2/NAME/, below the registry's origin if it begins with a slash, or a whole URL that the registry named. Credentials go to the registry's own origin only. Errors: those of the
   * transport, "pull-denied" where no token is given.
   */
  async send(path: string, request: SessionRequest = {}): Promise<Response> {
    const used = this.#authorization;
    const response = await this.#try(path, request);
    if (response.status !== 401) return response;
    // Somebody else renewed it meanwhile, or we do.
    if (used === this.#authorization && !(await this.#authorize(response))) return response;
    await response.body?.cancel();
    return await this.#try(path, request);
  }

  async #try(path: string, request: SessionRequest): Promise<Response> {
    if (/^https?:/.test(path)) return await this.#request(path, request, false);
    const origins = this.#origin === null ? this.#options.endpoint.origins : [this.#origin];
    let failure: unknown;
    for (const [index, origin] of origins.entries()) {
      try {
        const response = await this.#request(`${origin}${path.startsWith("/") ? path : `/v2/${this.reference.path}/${path}`}`, request, index < origins.length - 1);
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

  async #request(url: string, { body, ...request }: SessionRequest, once: boolean): Promise<Response> {
    const foreign = this.#origin !== null && new URL(url).origin !== this.#origin;
    return await this.transport.send({
      ...request, url, foreign, authorization: foreign ? null : this.#authorization, once: once || typeof body === "function",
      ...(body === undefined ? {} : { body: typeof body === "function" ? body() : body }),
    });
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
    const credentials = await this.#who();
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      const token = await fetchToken({ transport: this.transport, challenge: bearer, scopes: this.#scopes, credentials, origin });
      if (token === null) throw new MdkError("denied", "pull-denied", denied(this.reference), this.unknown);
      this.#authorization = `Bearer ${token}`;
      return true;
    }
    if (!challenges.some(({ scheme }) => scheme === "basic") || credentials?.kind !== "password") return false;
    const header = basicHeader(credentials.username, credentials.password);
    if (header === this.#authorization) return false;
    this.#authorization = header;
    return true;
  }

  /** Whose helper does not answer comes as nobody, as with Docker: what is public needs no credentials. */
  async #who(): Promise<Credentials | null> {
    try {
      return await this.#options.credentials();
    } catch (error) {
      if (!(error instanceof MdkError) || error.code !== "credential-helper") throw error;
      this.#unasked = error.message;
      return null;
    }
  }

  /** For an error about a user who is not let in: why it is not known who he is, if that is so. */
  get unknown(): { readonly hint?: string } {
    return this.#unasked === null ? {} : { hint: `the credentials are not known: ${this.#unasked}` };
  }
}

export function denied(reference: Reference): string {
  return `pull access denied for ${familiarRepository(repositoryOf(reference))}, repository does not exist or may require 'docker login'`;
}

/** The codes in an error document (distribution-spec, "Error Codes"); none when it is something else. */
export async function errorCodes(response: Response, reading: BodyReading): Promise<string[]> {
  try {
    const document = JSON.parse(new TextDecoder().decode(await readBody(response, 1 << 16, "the answer", reading))) as { errors?: { code?: unknown }[] };
    return (document.errors ?? []).map(({ code }) => String(code));
  } catch {
    return [];
  }
}
