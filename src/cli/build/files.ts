/**
 * What a build reads before anything else: the Dockerfile and its ignore file. A directory may be full of what somebody else put there: nothing of it is
 * opened before it is known to be a file, and of what was fetched no name leads to a file of this host.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, type Stats } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import { IgnoreRules, parseIgnoreFile } from "../../build/context/ignore.ts";
import { O_DIRECTORY, O_NONBLOCK, O_PATH, openInRoot, statAt } from "../../sys/at.ts";
import { SysError } from "../../sys/ffi.ts";
import { AT_FDCWD } from "../../sys/mount.ts";
import { readStream } from "../../sys/read-stream.ts";

/** Much more than anybody writes; what has no end (/dev/zero) is not read to it. */
const FILE_BYTES_MAX = 32 << 20;

export interface DockerfileText {
  /** As errors and warnings show it. */
  readonly name: string;
  readonly text: string;
  /** Null: it came by standard input. */
  readonly path: string | null;
}

/** A directory that a build is made of. */
export interface BuildDirectory {
  readonly path: string;
  /** Somebody else made it: names in it lead to nothing else. */
  readonly isFetched: boolean;
}

/**
 * `file`: --file, "-" for standard input; null: "Dockerfile" in the directory, or "dockerfile" where there is none. In a directory that was fetched it is a
 * path of that; else it is the user's own, who may name a pipe. Throws "not-found", "invalid", and the signal's reason.
 */
export async function readDockerfile(directory: BuildDirectory, file: string | null, signal: AbortSignal): Promise<DockerfileText> {
  if (file === "-") return { name: "Dockerfile", text: await readText(0, "standard input", signal), path: null };
  const [usual, lower] = [join(directory.path, "Dockerfile"), join(directory.path, "dockerfile")];
  const isNamed = file !== null && !directory.isFetched;
  const path = file === null ? (isThere(directory, usual) || !isThere(directory, lower) ? usual : lower) : isNamed ? file : join(directory.path, join("/", file));
  const name = isAbsolute(path) ? basename(path) : path;
  const opened = reading("dockerfile", directory, () => (isNamed ? openNamed(path) : openFile(directory, path)));
  if (opened === "other") throw new MdkError("invalid", "dockerfile-unreadable", `failed to read dockerfile: ${name} is no regular file`);
  try {
    return { name, text: await readText(opened, name, signal), path };
  } finally {
    closeSync(opened);
  }
}

/** `<Dockerfile>.dockerignore` goes before the directory's .dockerignore; null: neither is there. Throws "invalid" for patterns that are none. */
export async function readIgnoreRules(directory: BuildDirectory, { path }: Pick<DockerfileText, "path">, signal: AbortSignal): Promise<IgnoreRules | null> {
  const candidates = [...(path === null ? [] : [`${path}.dockerignore`]), join(directory.path, ".dockerignore")];
  const found = candidates.find((candidate) => isThere(directory, candidate));
  if (found === undefined) return null;
  const name = directory.isFetched ? basename(found) : found;
  const opened = reading(basename(found), directory, () => openFile(directory, found));
  if (opened === "other") throw new MdkError("invalid", "dockerfile-unreadable", `failed to read ${basename(found)}: it is no regular file`);
  try {
    return new IgnoreRules(parseIgnoreFile(await readText(opened, name, signal)));
  } catch (error) {
    throw error instanceof MdkError && error.code === "ignore-pattern" ? new MdkError(error.kind, error.code, `${name}: ${error.message}`, { cause: error, ...(error.hint === null ? {} : { hint: error.hint }) }) : error;
  } finally {
    closeSync(opened);
  }
}

/** A name that leads nowhere is there in what was fetched: it may lead to what its author has. */
function isThere({ path: directory, isFetched }: BuildDirectory, path: string): boolean {
  return existsSync(path) || (isFetched && statAt(AT_FDCWD, path) !== null && path.startsWith(`${directory}/`));
}

/** The regular file at a path of the directory, for reading; "other": it is none. Whoever is at the other end of a pipe or a device hears nothing of it. */
function openFile(directory: BuildDirectory, path: string): number | "other" {
  return openSeen(directory.isFetched ? openWithin(directory.path, path) : openSync(path, O_PATH), (stat) => stat.isFile());
}

function openWithin(directory: string, path: string): number {
  const root = openSync(directory, O_PATH | O_DIRECTORY);
  try {
    return openInRoot(root, path.slice(directory.length).replace(/^\/+/, ""), O_PATH);
  } finally {
    closeSync(root);
  }
}

/** What a user named: a file, a pipe that somebody writes, or one of /dev. Without a wait for who writes: it is read when that one has come. */
function openNamed(path: string): number | "other" {
  return openSeen(openSync(path, O_PATH), (stat) => stat.isFile() || stat.isFIFO() || path.startsWith("/dev/"));
}

/** Takes over the O_PATH descriptor of what is looked at before it is opened. */
function openSeen(seen: number, mayBeRead: (stat: Stats) => boolean): number | "other" {
  try {
    return mayBeRead(fstatSync(seen)) ? openSync(`/proc/self/fd/${seen}`, constants.O_RDONLY | O_NONBLOCK) : "other";
  } finally {
    closeSync(seen);
  }
}

/** What is below the directory is told from there. */
function reading<T>(what: string, { path, isFetched }: BuildDirectory, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const refused = (why: string): MdkError => new MdkError("not-found", "dockerfile-unreadable", `failed to read ${what}: ${why}`, { cause: error });
    if (!isFetched || !(error instanceof SysError)) throw refused(messageOf(error).replace(`${path}/`, ""));
    if (error.code === "ENOENT" && statAt(AT_FDCWD, join(path, error.object)) !== null) throw new MdkError("invalid", "dockerfile-outside", `failed to read ${what}: ${error.object} leads out of the build context, or nowhere`, { cause: error });
    throw refused(error.message.replace(/^openat2 /, "open "));
  }
}

async function readText(file: number, name: string, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of readStream(file, signal)) {
      length += chunk.length;
      if (length > FILE_BYTES_MAX) throw new MdkError("invalid", "dockerfile-too-large", `${name} is larger than ${FILE_BYTES_MAX >> 20} MiB`);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof MdkError ? error : new MdkError("not-found", "dockerfile-unreadable", `failed to read ${name}: ${messageOf(error)}`, { cause: error });
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
