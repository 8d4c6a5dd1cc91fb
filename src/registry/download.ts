/** What stands at a URL that is no registry's: an archive, a Dockerfile, a file of a build. */
import { MdkError } from "../error.ts";
import { resolveEndpoint } from "./endpoint.ts";
import { bodyChunks, Transport, type HttpRequest } from "./transport.ts";

export interface DownloadOptions {
  /** For proxies, and certificates of hosts. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** A transport to the host of the URL, whose certificate is always verified. */
export function transportTo(url: URL, { environment, signal }: DownloadOptions): Transport {
  const { tls } = resolveEndpoint(url.host, { insecure: [], environment });
  return new Transport({ tls: { ...tls, rejectUnauthorized: true }, userAgent: "mdk", signal, isRegistry: false });
}

/** The URL as it is shown, and as it is asked for: a name and a password in it are for its own origin only. */
export function withoutSecrets(url: string): URL {
  const clean = new URL(url);
  clean.username = clean.password = "";
  return clean;
}

/** What asks for it, with what it says of its user. */
export function requestFor(url: string): HttpRequest {
  return { url: withoutSecrets(url).href, authorization: basic(url) };
}

function basic(url: string): string | null {
  const { username, password } = new URL(url);
  if (username === "" && password === "") return null;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
}

/** A percent sign that begins no escape stays one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The bytes at the URL. Throws MdkError "download" where the answer is not 200 or breaks off, its message `what` before it, and what Transport throws. */
export async function* download(url: string, what: string, options: DownloadOptions): AsyncGenerator<Uint8Array, void> {
  const transport = transportTo(new URL(url), options);
  const response = await transport.send(requestFor(url));
  if (response.status !== 200) throw new MdkError("unavailable", "download", `${what}: it answers ${response.status}`);
  try {
    yield* bodyChunks(response, transport.reading);
  } catch (error) {
    if (error instanceof MdkError || transport.reading.signal?.aborted === true) throw error;
    throw new MdkError("unavailable", "download", `${what}: it ends too early: unexpected EOF`, { cause: error });
  }
}
