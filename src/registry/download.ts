/** What stands at a URL that is no registry's: an archive, a Dockerfile, a file of a build. */
import { MdkError } from "../error.ts";
import { resolveEndpoint } from "./endpoint.ts";
import { bodyChunks, Transport } from "./transport.ts";

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

/** The bytes at the URL. Throws MdkError "download" where the answer is not 200, its message `what` before it, and what Transport throws. */
export async function* download(url: string, what: string, options: DownloadOptions): AsyncGenerator<Uint8Array, void> {
  const transport = transportTo(new URL(url), options);
  const response = await transport.send({ url });
  if (response.status !== 200) throw new MdkError("unavailable", "download", `${what}: it answers ${response.status}`);
  yield* bodyChunks(response, transport.reading);
}
