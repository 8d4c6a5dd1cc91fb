/**
 * Docker's config.json of a user, as far as it says who one is to registries: `auths`, `credHelpers`, `credsStore` (docker/cli,
 * cli/config/configfile). Others write it too: what mdk does not know stays in it.
 */
import { closeSync, fchmodSync, fchownSync, fsyncSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { MdkError, messageOf } from "../error.ts";
import { tryLockFile } from "../sys/lock.ts";

export interface ConfigFile {
  readonly path: string;
  /** By server; what an entry is has not been looked at. */
  readonly auths: ReadonlyMap<string, unknown>;
  /** The helper's name by server; "" is the file itself. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** "": the file itself. */
  readonly credsStore: string;
}

const BYTES_MAX = 1 << 20;
const LOCK_TRIES = 500;
const LOCK_WAIT_MS = 20;

/** Where it is: DOCKER_CONFIG names its directory, or it is the home directory's .docker. */
export function configPath(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment["DOCKER_CONFIG"] || join(environment["HOME"] || homeOfUser(), ".docker"), "config.json");
}

/** Of the passwd file; a root without one has "/", as the kernel's own first process. */
function homeOfUser(): string {
  try {
    return userInfo().homedir;
  } catch {
    return "/";
  }
}

/** One that is not there, or is empty, says nothing. Throws "credentials-invalid". */
export function readConfigFile(path: string): ConfigFile {
  const document = readDocument(path);
  const helpers = entriesOf(document["credHelpers"]).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const store = document["credsStore"];
  return { path, auths: new Map(entriesOf(document["auths"])), credHelpers: new Map(helpers), credsStore: typeof store === "string" ? store : "" };
}

/**
 * Changes `auths` and nothing else of it. The file is made with its directory (0700) where there is none; it is 0600 afterwards, whatever
 * it was, and its owner stays. Readers see the old one or the new one. Waits ten seconds for another mdk that does the same. Throws
 * "credentials-invalid", "credentials-busy", node's errors; the old file is then as it was.
 */
export function changeAuths(path: string, change: (auths: Map<string, unknown>) => void): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target = behind(path);
  const lock = `${target}.lock`;
  const held = take(lock);
  try {
    const document = readDocument(target);
    const auths = new Map(entriesOf(document["auths"]));
    change(auths);
    const sorted = Object.fromEntries([...auths].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    replace(target, `${JSON.stringify({ ...document, auths: sorted }, null, "\t")}`);
  } finally {
    rmSync(lock, { force: true });
    closeSync(held);
  }
}

function take(lock: string): number {
  for (let attempt = 0; attempt < LOCK_TRIES; attempt++) {
    const held = tryLockFile(lock);
    if (held !== null) return held;
    Bun.sleepSync(LOCK_WAIT_MS);
  }
  throw new MdkError("unavailable", "credentials-busy", `${lock} is held by another mdk`, { hint: "try again" });
}

/** A link (a home directory kept elsewhere) stays one: what it leads to is replaced. */
function behind(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function replace(path: string, text: string): void {
  const fresh = `${path}.${process.pid}.new`;
  rmSync(fresh, { force: true });
  const descriptor = openSync(fresh, "wx", 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    const old = statSync(path, { throwIfNoEntry: false });
    // By descriptor: a directory of somebody else's may have another file under that name by now.
    if (old !== undefined && old.uid !== process.getuid?.()) fchownSync(descriptor, old.uid, old.gid);
    fchmodSync(descriptor, 0o600);
    fsyncSync(descriptor);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** The parser's error would quote the file, secrets and all: it is not kept as a cause. */
function readDocument(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (/^(ENOENT|ENOTDIR)$/.test(String((error as { code?: unknown }).code))) return {};
    throw new MdkError("denied", "credentials-invalid", `cannot read ${path}: ${messageOf(error)}`);
  }
  if (text.length > BYTES_MAX) throw new MdkError("corrupt", "credentials-invalid", `${path} is too large`);
  if (text.trim() === "") return {};
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return document as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new MdkError("corrupt", "credentials-invalid", `${path} is not valid JSON`);
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}
