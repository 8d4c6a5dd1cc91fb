/** Bearer tokens (distribution's "Docker Registry v2 authentication via central service"): fetched, kept, fetched anew. */
import { MdkError } from "../error.ts";
import type { Challenge } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import { isLoopback } from "./endpoint.ts";
import { readBody, type Transport } from "./transport.ts";

const TOKEN_BYTES_MAX = 1 << 20;

export interface TokenRequest {
  readonly transport: Transport;
  readonly challenge: Challenge;
  /** "repository:library/ubuntu:pull", each. */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | null;
  /** The registry's origin: a realm on plain HTTP is only believed when the registry itself is there. */
  readonly origin: string;
}

/** A token for the scopes, or null when the service refuses. Errors: "registry-answer" and those of the transport. */
export async function fetchToken({ transport, challenge, scopes, credentials, origin }: TokenRequest): Promise<string | null> {
  const realm = realmOf(challenge, origin);
  const service = challenge.parameters.get("service") ?? "";
  const foreign = realm.hostname !== new URL(origin).hostname;
  const response = credentials?.kind === "identity"
    ? await transport.send({
        foreign, url: realm.href, method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ grant_type: "refresh_token", service, scope: scopes.join(" "), client_id: "mdk", refresh_token: credentials.token }).toString(),
      })
    : await transport.send({
        foreign, url: withQuery(realm, { service, scopes, account: credentials?.username }),
        authorization: credentials === null ? null : basicHeader(credentials.username, credentials.password),
      });
  const body = await readBody(response, TOKEN_BYTES_MAX, `the answer of ${realm.origin}`, transport.reading);
  if (response.status === 401 || response.status === 403) return null;
  if (response.status !== 200) throw new MdkError("corrupt", "registry-answer", `failed to fetch a token from ${realm.origin}: it answers ${response.status}`);
  return tokenIn(body, realm.origin);
}

/**
 * Where the challenge says that tokens are had. A registry may name another host (docker.io names auth.docker.io), as it would be told the
 * password itself; but not one on plain HTTP that is neither itself nor this machine, nor when itself is reached by TLS. Throws
 * "registry-answer".
 */
export function realmOf(challenge: Challenge, origin: string): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : null;
  const registry = new URL(origin);
  const near = realm !== null && (realm.hostname === registry.hostname || isLoopback(realm.hostname));
  const plain = realm?.protocol === "http:" && registry.protocol === "http:" && near;
  if (realm === null || (realm.protocol !== "https:" && !plain)) {
    throw new MdkError("corrupt", "registry-answer", `${origin} names an unusable token service: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return realm;
}

interface Query {
  readonly service: string;
  readonly scopes: readonly string[];
  readonly account: string | undefined;
}

function withQuery(realm: URL, { service, scopes, account }: Query): string {
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  url.searchParams.delete("scope");
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (account !== undefined) url.searchParams.set("account", account);
  return url.href;
}

/** The token in a service's answer. Throws "registry-answer". */
export function tokenIn(body: Uint8Array, origin: string): string {
  try {
    const { token, access_token } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    for (const found of [token, access_token]) {
      if (typeof found === "string" && /^[\x21-\x7e]+$/.test(found)) return found;
    }
  } catch {
    // Told below.
  }
  throw new MdkError("corrupt", "registry-answer", `${origin} answers without a token`);
}
