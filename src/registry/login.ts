/**
 * Whether a registry takes a name and a password: asked before they are kept (distribution-spec, "Determining Support";
 * distribution, "Docker Registry v2 authentication via central service", offline_token).
 */
import { MdkError } from "../error.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import type { RegistryEndpoint } from "./endpoint.ts";
import { realmOf, tokenIn } from "./token.ts";
import { readBody, Transport, type TransportOptions } from "./transport.ts";

export interface LoginOptions extends Omit<TransportOptions, "tls"> {
  readonly endpoint: RegistryEndpoint;
  readonly username: string;
  readonly password: string;
}

const ANSWER_BYTES_MAX = 1 << 20;
const TOLD_CHARACTERS_MAX = 300;
/** What an answer's status is called (RFC 9110, section 15). */
const STATUS: Readonly<Record<number, string>> = { 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable" };

/**
 * What is to be kept: the refresh token that the registry's token service gives for it, or name and password themselves. A registry that
 * lets everybody in takes anything. Errors: "login-refused", those of the transport, "registry-answer".
 */
export async function signIn({ endpoint, username, password, ...options }: LoginOptions): Promise<Credentials> {
  const transport = new Transport({ ...options, tls: endpoint.tls });
  let failure: unknown;
  for (const [index, origin] of endpoint.origins.entries()) {
    try {
      return await signInAt({ transport, origin, username, password }, index < endpoint.origins.length - 1);
    } catch (error) {
      // As in remote.ts: plain HTTP is tried where it is allowed.
      if (!(error instanceof MdkError) || (error.code !== "registry-unreachable" && error.code !== "registry-tls")) throw error;
      failure = error;
    }
  }
  throw failure;
}

interface Attempt {
  readonly transport: Transport;
  readonly origin: string;
  readonly username: string;
  readonly password: string;
}

async function signInAt(attempt: Attempt, once: boolean): Promise<Credentials> {
  const { transport, origin, username, password } = attempt;
  const url = `${origin}/v2/`;
  const asked = await transport.send({ url, once });
  await asked.body?.cancel();
  const credentials: Credentials = { kind: "password", username, password };
  if (asked.status === 200) return credentials;
  // Whom the registry redirects to would choose who gets the password (CVE-2020-15157).
  const challenges = asked.status === 401 && new URL(asked.url).origin === new URL(origin).origin ? parseChallenges(asked.headers.get("www-authenticate") ?? "") : [];
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  const basic = challenges.some(({ scheme }) => scheme === "basic");
  if (bearer === undefined && !basic) throw refused(url, asked.status);
  const given = bearer === undefined ? null : await fetchIdentity(attempt, bearer);
  const answer = await transport.send({ url, authorization: given === null ? basicHeader(username, password) : `Bearer ${given.token}` });
  await answer.body?.cancel();
  if (answer.status !== 200) throw refused(url, answer.status);
  return given?.identity == null ? credentials : { kind: "identity", token: given.identity };
}

function refused(url: string, status: number): MdkError {
  return new MdkError("denied", "login-refused", `login attempt to ${url} failed with status: ${status} ${STATUS[status] ?? ""}`.trimEnd());
}

interface Given {
  readonly token: string;
  /** A refresh token; null: the service gives none. */
  readonly identity: string | null;
}

/** A token for no repository, and one to come back with. */
async function fetchIdentity({ transport, origin, username, password }: Attempt, challenge: Challenge): Promise<Given> {
  const realm = realmOf(challenge, origin);
  const url = new URL(realm);
  const service = challenge.parameters.get("service") ?? "";
  for (const [name, value] of Object.entries({ account: username, client_id: "mdk", offline_token: "true", service })) if (value !== "") url.searchParams.set(name, value);
  const response = await transport.send({ url: url.href, authorization: basicHeader(username, password), foreign: realm.hostname !== new URL(origin).hostname });
  const body = await readBody(response, ANSWER_BYTES_MAX, `the answer of ${realm.origin}`, transport.reading);
  if (response.status === 401 || response.status === 403) {
    throw new MdkError("denied", "login-refused", `Get "${origin}/v2/": ${response.status === 401 ? "unauthorized" : "denied"}: ${reasonIn(body, password)}`);
  }
  if (response.status !== 200) throw new MdkError("corrupt", "registry-answer", `failed to fetch a token from ${realm.origin}: it answers ${response.status}`);
  const token = tokenIn(body, realm.origin);
  const { refresh_token: identity } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
  return { token, identity: typeof identity === "string" && /^[\x21-\x7e]+$/.test(identity) ? identity : null };
}

/** What the service says about it; never the password, should it send that back. */
function reasonIn(body: Uint8Array, password: string): string {
  const otherwise = "authentication required";
  let reason: unknown;
  try {
    const { details, errors } = JSON.parse(new TextDecoder().decode(body)) as { details?: unknown; errors?: { message?: unknown }[] };
    reason = details ?? errors?.[0]?.message;
  } catch {
    return otherwise;
  }
  if (typeof reason !== "string" || reason === "" || reason.length > TOLD_CHARACTERS_MAX) return otherwise;
  const encoded = [password, encodeURIComponent(password), Buffer.from(password).toString("base64").replace(/=+$/, "")];
  return encoded.some((secret) => String(reason).includes(secret)) || /Basic [\w+/=]/.test(reason) ? otherwise : reason;
}
