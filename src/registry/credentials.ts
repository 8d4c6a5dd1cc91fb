/**
 * Who the user is to a registry, as `docker login` left it: in config.json itself, or with the helper that config.json names. What is kept
 * for one registry is never given for another: host and port must be the same.
 */
import { MdkError } from "../error.ts";
import { changeAuths, readConfigFile, type ConfigFile } from "./config-file.ts";
import { eraseKept, getKept, listServers, storeKept, TOKEN_USER, type Helper } from "./credential-helper.ts";

export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly kind: "identity"; readonly token: string };

/** Whose credentials: a config.json (config-file.ts says where it is), and the environment that helpers run in. */
export interface Wallet {
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Asked when a registry wants to know who comes: nobody opens a keychain for what is public. Throws what findCredentials throws. */
export type AskCredentials = () => Promise<Credentials | null>;

const HUB = "docker.io";
/** docker.io's entry has kept the key of the first registry protocol. */
const HUB_SERVER = "https://index.docker.io/v1/";
const HUB_HOSTS = new Set([HUB, "index.docker.io", "registry-1.docker.io"]);

/** What a user calls a registry ("", "docker.io", "host:5000", "https://host/v2/") as references have it: "docker.io", "host:5000". */
export function domainOf(word: string): string {
  const host = hostOf(word);
  return host === "" || HUB_HOSTS.has(host) ? HUB : host;
}

/** The key of a registry's credentials: "https://index.docker.io/v1/", "host:5000". */
export function serverOf(domain: string): string {
  return domain === HUB ? HUB_SERVER : domain;
}

/** Docker's ConvertToHostname: without scheme and path. */
function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
}

/** The one way to ask who the user is at a registry ("docker.io", "host:5000"). The answer is looked for once. */
export function askCredentials(wallet: Wallet, domain: string): AskCredentials {
  let found: Promise<Credentials | null> | null = null;
  return () => (found ??= findCredentials(wallet, domain));
}

/** Null: none are kept. Throws "credentials-invalid" for the file, "credential-helper". */
export async function findCredentials(wallet: Wallet, domain: string): Promise<Credentials | null> {
  const file = readConfigFile(wallet.path);
  const helper = helperFor(file, wallet, domain);
  if (helper !== null) return await fromHelper(helper, domain);
  for (const server of keysOf(domain, file.auths.keys())) {
    const found = fromEntry(file.auths.get(server));
    if (found !== null) return found;
  }
  return null;
}

/** Those of the keys that mean this registry, its own key first. */
function keysOf(domain: string, keys: Iterable<string>): string[] {
  const own = serverOf(domain);
  return [...keys].filter((key) => key !== "" && domainOf(key) === domain).toSorted((a, b) => Number(b === own) - Number(a === own));
}

/** Null: the file itself. `credHelpers` knows single registries, `credsStore` is for all others. */
function helperFor({ credHelpers, credsStore }: ConfigFile, { environment }: Wallet, domain: string): Helper | null {
  const [own] = keysOf(domain, credHelpers.keys());
  const name = own === undefined ? credsStore : credHelpers.get(own)!;
  return name === "" ? null : { name, environment };
}

async function fromHelper(helper: Helper, domain: string): Promise<Credentials | null> {
  const own = serverOf(domain);
  const kept = (await getKept(helper, own)) ?? (await otherSpelling(helper, domain, own));
  if (kept === null) return null;
  return kept.username === TOKEN_USER ? { kind: "identity", token: kept.secret } : { kind: "password", username: kept.username, password: kept.secret };
}

/** Other programs keep "https://host". A helper that cannot list knows only what it is asked for. */
async function otherSpelling(helper: Helper, domain: string, own: string): ReturnType<typeof getKept> {
  const [other] = keysOf(domain, await listServers(helper).catch(() => [])).filter((server) => server !== own);
  return other === undefined ? null : await getKept(helper, other);
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

/**
 * Keeps what proved right, where config.json says. `username`: whose the credentials are. True: they have come into the file as they are, a
 * password for whoever may read it. Throws what findCredentials throws, and what changeAuths does.
 */
export async function storeCredentials(wallet: Wallet, domain: string, username: string, credentials: Credentials): Promise<boolean> {
  const server = serverOf(domain);
  const file = readConfigFile(wallet.path);
  const helper = helperFor(file, wallet, domain);
  if (helper !== null) await storeKept(helper, server, credentials.kind === "identity" ? { username: TOKEN_USER, secret: credentials.token } : { username, secret: credentials.password });
  // With a helper an empty entry tells that there is something.
  const entry = helper === null ? entryOf(username, credentials) : {};
  if (Bun.deepEquals(file.auths.get(server), entry)) return false;
  changeAuths(wallet.path, (auths) => void auths.set(server, entry));
  return helper === null && credentials.kind === "password";
}

function entryOf(username: string, credentials: Credentials): unknown {
  const auth = (password: string): string => Buffer.from(`${username}:${password}`).toString("base64");
  return credentials.kind === "identity" ? { auth: auth(""), identitytoken: credentials.token } : { auth: auth(credentials.password) };
}

/**
 * Forgets what is kept for a registry, however it is spelled, in the file and with its helper; nothing kept is no error. What the helper
 * refuses is returned; the file is changed all the same. Throws "credentials-invalid", and what changeAuths throws.
 */
export async function eraseCredentials(wallet: Wallet, domain: string): Promise<string[]> {
  const file = readConfigFile(wallet.path);
  const helper = helperFor(file, wallet, domain);
  const problems: string[] = [];
  if (helper !== null) {
    const listed = await listServers(helper).catch(() => []);
    for (const server of new Set([serverOf(domain), ...keysOf(domain, listed)])) {
      await eraseKept(helper, server).catch((error: unknown) => {
        if (!(error instanceof MdkError)) throw error;
        problems.push(`${server}: ${error.message}`);
      });
    }
  }
  const keys = keysOf(domain, file.auths.keys());
  if (keys.length > 0) changeAuths(wallet.path, (auths) => keys.forEach((key) => auths.delete(key)));
  return problems;
}

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
