/** `docker cp … CONTAINER:PATH`: files of the host, or an archive, into a container's file system. */
import { closeSync, constants, lstatSync, openSync, readlinkSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MdkError } from "../../error.ts";
import { decompress } from "../../layer/decompress.ts";
import { TreePlacer } from "../../layer/place.ts";
import { readSingle, readTree } from "../../layer/tar-tree.ts";
import { TarReader, travels, type TarHandler } from "../../layer/tar.ts";
import { isDirectory } from "../../layer/tree.ts";
import { goBase, goSplit, placeCopy, rebase, splitEntry, type CopyDestination } from "../../spec/copy-paths.ts";
import { storePaths } from "../../store/paths.ts";
import { O_DIRECTORY, openInRoot } from "../../sys/at.ts";
import { errnoText } from "../../sys/errno.ts";
import { SysError } from "../../sys/ffi.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { followLinks, userInRoot } from "../host/in-root.ts";
import { ArchiveSize } from "./archive-size.ts";
import { lookAt } from "./copy-from.ts";
import { toldGone } from "./find.ts";
import { openRootView, viewRunning, type RootView } from "./root-view.ts";
import { S_IF } from "../../sys/linux.ts";

export interface CopyTo {
  /** The container as the user named it, for messages. */
  readonly word: string;
  readonly path: string;
  /** An absolute path of the host (with the slash or dot it was written with), or an archive, compressed or not. */
  readonly from: string | AsyncIterable<Uint8Array>;
  /** -L: what a link of the host leads to is copied, under the link's name. */
  readonly followLink: boolean;
  /** -a: everything becomes the container's user's; else owners stay by their numbers. */
  readonly archive: boolean;
  /** Called often, with the bytes so far. */
  readonly told: (bytes: number) => void;
}

/** Returns the bytes that it is, or would be, as an archive. Throws MdkError in Docker's words, and node's errors of the host's paths. */
export async function copyTo(context: Context, container: Container, request: CopyTo): Promise<number> {
  try {
    return await copy(context, container, request);
  } catch (error) {
    throw toldGone(context, container.id, error);
  }
}

async function copy(context: Context, container: Container, request: CopyTo): Promise<number> {
  if (typeof request.from === "string") return copyPath(context, container, request, request.from);
  // Nobody waits for the writer of an archive: of a container at rest the op lock is held while files are written.
  const running = viewRunning(context, container);
  if (running !== null) return await copyArchive(running, container, request, request.from);
  const spooled = await spool(context, request.from);
  try {
    return await copyArchive(openRootView(context, container, "write"), container, request, chunksOf(spooled));
  } finally {
    closeSync(spooled);
  }
}

function copyPath(context: Context, container: Container, request: CopyTo, from: string): number {
  const source = hostSource(from, request.followLink);
  const view = openRootView(context, container, "write");
  try {
    const place = placeCopy(source, destinationOf(view.root, request));
    return placing(view, container, { ...request, path: place.directory }, (handler) => {
      const name = Buffer.from(place.name).toString("latin1");
      const fd = openSync(source.isDirectory ? source.path : goSplit(source.path)[0], constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        if (source.isDirectory) readTree(fd, { name, across: () => true, xattrs: travels }, handler);
        else readSingle(fd, Buffer.from(goSplit(source.path)[1]).toString("latin1"), name, handler);
      } finally {
        closeSync(fd);
      }
    });
  } finally {
    view.close();
  }
}

async function copyArchive(view: RootView, container: Container, request: CopyTo, from: AsyncIterable<Uint8Array>): Promise<number> {
  try {
    const destination = destinationOf(view.root, request);
    if (!destination.isDirectory) throw new MdkError("invalid", "cp-destination", `destination "${request.word}:${request.path}" must be a directory`);
    const placer = openPlacer(view, container, { ...request, path: destination.path });
    try {
      const size = new ArchiveSize(placer, request.told);
      const reader = new TarReader(size);
      await decompress(from, (bytes) => reader.push(bytes));
      reader.end();
      placer.finish();
      return size.bytes;
    } finally {
      placer.release();
    }
  } finally {
    view.close();
  }
}

function placing(view: RootView, container: Container, request: CopyTo, read: (handler: TarHandler) => void): number {
  const placer = openPlacer(view, container, request);
  try {
    const size = new ArchiveSize(placer, request.told);
    read(size);
    placer.finish();
    return size.bytes;
  } finally {
    placer.release();
  }
}

/** ContainerStatPath, and what a link leads to; nothing said means that it is not there. */
function destinationOf(root: number, { word, path: written }: CopyTo): CopyDestination {
  const stat = (path: string): CopyDestination & { readonly mode: number } => {
    try {
      const status = lookAt(root, path.startsWith("/") ? path : `/${path}`, { word, told: written });
      return { path, exists: true, isDirectory: isDirectory(status), mode: status.mode };
    } catch (error) {
      if (!(error instanceof MdkError)) throw error;
      return { path, exists: false, isDirectory: false, mode: 0 };
    }
  };
  if (written === "") return { path: "", exists: false, isDirectory: false };
  let found = stat(written);
  if ((found.mode & S_IF.MT) === S_IF.LNK) found = stat(`/${linksOf(root, written).join("/")}`);
  if ([S_IF.CHR, S_IF.BLK].includes((found.mode & S_IF.MT) as never)) {
    throw new MdkError("invalid", "cp-destination", `destination "${word}:${written}" must be a directory or a regular file: got a device`);
  }
  return found;
}

function linksOf(root: number, path: string): string[] {
  try {
    return followLinks(root, path);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new MdkError("invalid", "cp-lstat", `lstat ${path}: ${errnoText(error.errno)}`, { cause: error });
  }
}

/** Checks the directory that is copied into as Docker does, in its words. */
function openPlacer(view: RootView, container: Container, { word, path, archive }: CopyTo): TreePlacer {
  const { root } = view;
  const absolute = `/${linksOf(root, path).join("/")}`;
  if (!isDirectory(lookAt(root, absolute, { word, told: path }))) throw new MdkError("invalid", "cp-extraction", "extraction point is not a directory");
  checkWritable(view, container, absolute);
  const top = Buffer.from(absolute === "/" ? "" : absolute);
  const { User } = container.config;
  return new TreePlacer({
    directory: Buffer.from(absolute).toString("latin1"), owner: archive && User !== "" ? userInRoot(root, User, []) : "archive",
    open: (below) => openInRoot(root, Buffer.concat([top, Buffer.from(`/${below}\0`, "latin1")]), O_DIRECTORY),
  });
}

/** By what the container was asked to be, not by what the kernel would say: the answer is the same whether it runs or not. */
function checkWritable({ running }: RootView, container: Container, path: string): void {
  const [mount] = container.mounts
    .filter(({ type, target }) => (running || type === "bind") && (path === target || path.startsWith(`${target}/`)))
    .sort((a, b) => b.target.length - a.target.length);
  if (mount?.type === "bind" && mount.readonly) throw new MdkError("invalid", "cp-read-only", "mounted volume is marked read-only");
  if (mount === undefined && container.host.ReadonlyRootfs) throw new MdkError("invalid", "cp-read-only", "container rootfs is marked read-only");
}

interface HostSource {
  readonly path: string;
  readonly isDirectory: boolean;
  readonly name: string;
}

/** CopyInfoSourcePath. Throws node's errors of lstat, and MdkError "not a directory". */
function hostSource(path: string, followLink: boolean): HostSource {
  const { path: resolved, name } = followLink ? rebase(path, evaluateLinks(path)) : hostParent(path);
  const stat = lstatSync(resolved);
  const [, base] = splitEntry(resolved);
  return { path: resolved, isDirectory: stat.isDirectory(), name: name === "" ? base : name };
}

function hostParent(path: string): { readonly path: string; readonly name: string } {
  const [directory, base] = goSplit(path);
  const resolved = `${evaluateLinks(directory)}/${base}`;
  return { path: resolved, name: path.endsWith("/") && goBase(path) !== goBase(resolved) ? goBase(path) : "" };
}

const LINKS_MAX = 255;

/** filepath.EvalSymlinks, with Go's errors: lstat's of what is missing, and ENOTDIR without a path. */
function evaluateLinks(path: string): string {
  const pending = path.split("/").reverse();
  let at = "";
  let links = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const next = `${at}/${part}`;
    const stat = lstatSync(next);
    if (stat.isSymbolicLink()) {
      if (++links > LINKS_MAX) throw new MdkError("invalid", "cp-links", "EvalSymlinks: too many links");
      const target = readlinkSync(next);
      if (target.startsWith("/")) at = "";
      pending.push(...target.split("/").reverse());
      continue;
    }
    if (!stat.isDirectory() && pending.length > 0) throw new MdkError("invalid", "cp-not-a-directory", "not a directory");
    at = next;
  }
  return at === "" ? "/" : at;
}

/** An archive that is there as a whole, in a file without a name. */
async function spool(context: Context, from: AsyncIterable<Uint8Array>): Promise<number> {
  // A name of those that prune removes, for one that is killed in between.
  const path = join(storePaths(context.root).temporary, `blob-${crypto.randomUUID()}`);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    rmSync(path);
    for await (const chunk of from) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const CHUNK = 1 << 20;

async function* chunksOf(fd: number): AsyncGenerator<Uint8Array, void> {
  for (let position = 0; ; ) {
    const chunk = Buffer.alloc(CHUNK);
    const length = readSync(fd, chunk, 0, CHUNK, position);
    if (length === 0) return;
    position += length;
    yield chunk.subarray(0, length);
  }
}
