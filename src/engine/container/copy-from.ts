/** `docker cp CONTAINER:PATH …`: a file or tree of a container as entries, for an archive or for a directory of the host. */
import { closeSync, constants, lstatSync, openSync, readlinkSync, statfsSync, statSync, type Stats } from "node:fs";
import { MdkError } from "../../error.ts";
import { TreePlacer } from "../../layer/place.ts";
import { TarWriter } from "../../layer/tar-write.ts";
import { readSingle, readTree } from "../../layer/tar-tree.ts";
import { travels, type TarHandler } from "../../layer/tar.ts";
import { cname, isDirectory, isLink } from "../../layer/tree.ts";
import type { Enter } from "../../layer/walk.ts";
import { goBase, goClean, goSplit, keepTrailing, placeCopy, rebase, splitEntry, type CopyDestination } from "../../spec/copy-paths.ts";
import type { Container } from "../../store/containers.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, openInRoot, statAt, type Status } from "../../sys/at.ts";
import { errnoText } from "../../sys/errno.ts";
import { SysError } from "../../sys/ffi.ts";
import type { Context } from "../context.ts";
import { ArchiveSize } from "./archive-size.ts";
import { toldGone } from "./find.ts";
import { openRootView } from "./root-view.ts";
import { RESOLVE } from "../../sys/linux.ts";
import { followLinks } from "../host/in-root.ts";

export interface CopyFrom {
  /** The container as the user named it, for messages. */
  readonly word: string;
  readonly path: string;
  /** -L: what a link leads to is copied, under the link's name. */
  readonly followLink: boolean;
  /** An absolute path of the host (with the slash or dot it was written with), or who takes the bytes of an archive. */
  readonly to: string | ((bytes: Uint8Array) => void);
  /** Called often, with the bytes so far. */
  readonly told: (bytes: number) => void;
}

/** Returns the bytes that it is, or would be, as an archive. Throws MdkError in Docker's words, and node's errors of the host's paths. */
export function copyFrom(context: Context, container: Container, { word, path, followLink, to, told }: CopyFrom): number {
  if (path === "") throw new MdkError("invalid", "cp-path", "bad parameter: path cannot be empty");
  if (typeof to === "string") checkOutput(to);
  const view = openRootView(context, container, "read");
  try {
    const wanted = followLink ? followed(view.root, path) : { path, name: "" };
    const source = findSource(view.root, wanted.path, word);
    try {
      const name = wanted.name === "" ? source.name : wanted.name;
      return typeof to === "string" ? intoDirectory(source, { name, told }, to) : intoArchive(source, { name, told }, to);
    } finally {
      closeSync(source.fd);
    }
  } catch (error) {
    throw toldGone(context, container.id, error);
  } finally {
    view.close();
  }
}

/** A path of a container, seen but not followed. Throws MdkError "no-such-file", or in Go's words of lstat. */
export function lookAt(root: number, path: string, { word, told }: { readonly word: string; readonly told: string }): Status {
  try {
    const seen = openInRoot(root, path, O_PATH | O_NOFOLLOW);
    try {
      return statAt(seen, "") as Status;
    } finally {
      closeSync(seen);
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code === "ENOENT") throw new MdkError("not-found", "no-such-file", `Could not find the file ${told} in container ${word}`, { cause: error });
    throw new MdkError("invalid", "cp-lstat", `lstat ${path}: ${errnoText(error.errno)}`, { cause: error });
  }
}

function followed(root: number, path: string): { readonly path: string; readonly name: string } {
  let status: Status;
  try {
    status = lookAt(root, `/${path}`, { word: "", told: "" });
  } catch {
    return { path, name: "" }; // told when it is copied
  }
  return isLink(status) ? rebase(path, `/${followLinks(root, path).join("/")}`) : { path, name: "" };
}

interface Source {
  readonly isDirectory: boolean;
  /** The directory itself, or the one that the file is in. */
  readonly fd: number;
  /** Its name there; "" of a directory. */
  readonly base: string;
  readonly name: string;
  readonly path: string;
}

function findSource(root: number, path: string, word: string): Source {
  const absolute = keepTrailing(goClean(`/${path}`), path);
  const status = lookAt(root, absolute, { word, told: path });
  const [parent, base] = goSplit(absolute);
  const directory = isDirectory(status);
  const fd = openInRoot(root, directory ? absolute : parent, O_DIRECTORY);
  return { isDirectory: directory, fd, base: directory ? "" : Buffer.from(base).toString("latin1"), name: Buffer.from(goBase(absolute)).toString("latin1"), path: goClean(absolute) };
}

/** What the kernel makes up (uapi/linux/magic.h): not of the container's files, unless one asks for just it. */
const MADE_UP: ReadonlySet<number> = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x64626720, 0x74726163, 0xcafe4a11]);

function entering({ path }: Source): Enter {
  return (fd, below) => !(path === "/" && below === "dev") && !MADE_UP.has(statfsSync(`/proc/self/fd/${fd}`).type);
}

function read(source: Source, name: string, handler: TarHandler): void {
  if (source.isDirectory) readTree(source.fd, { name, across: entering(source), xattrs: travels }, handler);
  else readSingle(source.fd, source.base, name, handler);
}

interface Telling {
  readonly name: string;
  readonly told: (bytes: number) => void;
}

function intoArchive(source: Source, { name, told }: Telling, write: (bytes: Uint8Array) => void): number {
  const writer = new TarWriter(write);
  const size = new ArchiveSize(writer, told);
  read(source, name, size);
  writer.end();
  return size.bytes;
}

function intoDirectory(source: Source, { name, told }: Telling, to: string): number {
  const place = placeCopy({ isDirectory: source.isDirectory, name }, hostDestination(to));
  const directory = openSync(place.directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const placer = new TreePlacer({
    directory: Buffer.from(goClean(place.directory)).toString("latin1"), owner: null,
    // What comes is a container's: below the directory that the user named, no link is followed.
    open: (path) => openInRoot(directory, path === "" ? "." : cname(path), O_DIRECTORY, 0, RESOLVE.NO_SYMLINKS),
  });
  try {
    const size = new ArchiveSize(placer, told);
    read(source, place.name === name ? name : Buffer.from(place.name).toString("latin1"), size);
    placer.finish();
    return size.bytes;
  } finally {
    placer.release();
    closeSync(directory);
  }
}

/** ValidateOutputPath of Docker's command line. */
function checkOutput(path: string): void {
  const [directory] = splitEntry(goClean(path));
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) throw new MdkError("not-found", "cp-output", `invalid output path: directory ${JSON.stringify(directory)} does not exist`);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isBlockDevice() !== true && stat?.isCharacterDevice() !== true) return;
  throw new MdkError("invalid", "cp-output", `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got a device`);
}

const LINKS_MAX = 10;

/** CopyInfoDestinationPath: links are followed, the last may lead to what is to be made. Throws node's errors. */
function hostDestination(written: string): CopyDestination {
  let path = written;
  let stat: Stats | undefined;
  for (let links = 0; (stat = lstatOf(path))?.isSymbolicLink() === true; links++) {
    if (links > LINKS_MAX) throw new MdkError("invalid", "cp-links", `too many symlinks in ${written}`);
    const target = readlinkSync(path);
    path = target.startsWith("/") ? target : goClean(`${splitEntry(path)[0]}/${target}`);
  }
  if (stat !== undefined) return { path, exists: true, isDirectory: stat.isDirectory() };
  if (!statSync(splitEntry(path)[0]).isDirectory()) throw new MdkError("invalid", "cp-parent", "not a directory");
  return { path, exists: false, isDirectory: false };
}

/** Undefined: it is not there. */
function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}
