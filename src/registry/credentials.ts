/** Who the user is to a registry: ~/.docker/config.json as `docker login` writes it. */
import { readFileSync } from "node:fs";
import { MdkError } from "../error.ts";

export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly kind: "identity"; readonly token: string };

const FILE_BYTES_MAX = 1 << 20;
/** docker.io's entry has kept the key of the first registry protocol. */
const DOCKER_IO = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"];

/**
 * The credentials for a registry ("docker.io", "host:5000"), null where there are none. `path`: the config file; one that
 * is not there is no error. Helpers (credsStore) are other programs and are not run: an entry they hold is not found.
 * Errors: "credentials-invalid".
 */
export function readCredentials(path: string, domain: string): Credentials | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  if (text.length > FILE_BYTES_MAX) throw new MdkError("corrupt", "credentials-invalid", `${path} is too large`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new MdkError("corrupt", "credentials-invalid", `${path} is not valid JSON`, { cause: error });
  }
  const auths = field(document, "auths");
  for (const key of domain === "docker.io" ? DOCKER_IO : [domain, `https://${domain}`, `https://${domain}/`, `http://${domain}`]) {
    const found = fromEntry(field(auths, key));
    if (found !== null) return found;
  }
  return null;
}

function field(object: unknown, name: string): unknown {
  return typeof object === "object" && object !== null && Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function fromEntry(entry: unknown): Credentials | null {
  const identity = field(entry, "identitytoken");
  if (typeof identity === "string" && identity !== "") return { kind: "identity", token: identity };
  const auth = field(entry, "auth");
  if (typeof auth === "string" && auth !== "") {
    const decoded = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
    const colon = decoded.indexOf(":");
    if (colon > 0) return { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  const [username, password] = [field(entry, "username"), field(entry, "password")];
  if (typeof username === "string" && username !== "" && typeof password === "string") return { kind: "password", username, password };
  return null;
}

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
