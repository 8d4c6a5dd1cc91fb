/**
 * What of a layer depends on the layers below it, done once those are there, through their merged view:
 * - a directory the archive only implies takes owner, mode, times and attributes of the one below (kernel-traps 30);
 * - where a link stands below, the contents move to where it leads (a file "lib/x" over "lib -> usr/lib" is usr/lib/x);
 * - an opaque root hides each name below by itself: the kernel merges the roots of all layers, whatever their marks say;
 * - a hard link to a file of a layer below gets a copy of that file to link to, as overlay itself would copy it up.
 * The result is what unpacking all layers over one another into one directory would have made.
 */
import { closeSync, constants, readSync, writeSync } from "node:fs";
import { MdkError } from "../error.ts";
import {
  AT_REMOVEDIR, chmod, chmodAt, chown, chownAt, linkAt, makeDevice, mknodAt, O_CREAT, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY, openAt, openInRoot, readlinkAt, renameAt, setTimes, setTimesAt, statAt, symlinkAt, unlinkAt, type Status,
} from "../sys/at.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { RESOLVE, S_IF } from "../sys/linux.ts";
import { setXattr, setXattrAt, xattrsAt } from "../sys/xattr.ts";
import type { LayerWriter } from "./apply.ts";
import { shownName } from "./tar-header.ts";
import { baseOf, cname, isDirectory, isLink, isWhiteout, join, namesIn, parentOf, type Directory } from "./tree.ts";
import { OPAQUE_VALUE, OPAQUE_XATTR } from "./whiteout.ts";

const LINKS_MAX = 40;

/** Whether the result depends on the layers below: then its key is the chain id, else the diff id. */
export function dependsOnLower(layer: LayerWriter): boolean {
  return layer.implied.size > 0 || layer.links.length > 0 || layer.opaque.has("");
}

/** Completes the layer. `lower`: a descriptor of the merged view of the layers below, null for the bottom layer. */
export function finishLayer(layer: LayerWriter, lower: number | null): void {
  if (lower !== null) new Finisher(layer, lower).run();
  else if (layer.links[0] !== undefined) throw missing(layer.links[0].target);
  for (const [path, time] of layer.times) {
    layer.tree.trim();
    const directory = layer.tree.existing(path);
    if (directory !== null) setTimes(directory.fd, time);
  }
}

function missing(target: string): MdkError {
  return new MdkError("corrupt", "archive-invalid", `the archive has a hard link to ${shownName(target)}, which does not exist`);
}

class Finisher {
  readonly #layer: LayerWriter;
  readonly #lower: number;

  constructor(layer: LayerWriter, lower: number) {
    this.#layer = layer;
    this.#lower = lower;
  }

  run(): void {
    if (this.#layer.opaque.has("")) this.#hideRoot();
    for (const { path, target } of this.#layer.links.splice(0)) this.#link(path, target);
    // Moving makes further implied directories: until there is none that was not looked at.
    const done = new Set<string>();
    for (;;) {
      const next = [...this.#layer.implied].filter((path) => !done.has(path)).sort((a, b) => a.length - b.length);
      if (next.length === 0) return;
      for (const path of next) {
        done.add(path);
        this.#layer.tree.trim();
        if (this.#layer.implied.has(path)) this.#imply(path);
      }
    }
  }

  #hideRoot(): void {
    const { tree, opaque } = this.#layer;
    for (const child of namesIn(this.#lower)) {
      const own = statAt(tree.root.fd, cname(child));
      if (own === null) mknodAt(tree.root.fd, cname(child), S_IF.CHR, 0n);
      else if (isDirectory(own)) {
        setXattr((tree.existing(child) as Directory).fd, OPAQUE_XATTR, OPAQUE_VALUE);
        opaque.add(child);
      }
    }
  }

  #imply(path: string): void {
    const status = this.#below(path);
    if (status === null) return;
    if (isLink(status)) return this.#move(path);
    if (!isDirectory(status)) {
      throw new MdkError("corrupt", "archive-invalid", `the archive puts something below ${shownName(path)}, which is not a directory in the layers below`);
    }
    const directory = this.#layer.tree.existing(path);
    if (directory === null) return;
    chown(directory.fd, status.uid, status.gid);
    chmod(directory.fd, status.mode & 0o7777);
    for (const [key, value] of this.#xattrs(path)) setXattr(directory.fd, key, value);
    this.#layer.times.set(path, status.modified);
  }

  /** What the layers below have at a true path of this layer; null where this layer hides it. */
  #below(path: string): Status | null {
    for (let above = path; above !== ""; ) {
      above = parentOf(above);
      if (this.#layer.opaque.has(above)) return null;
    }
    try {
      const fd = openInRoot(this.#lower, cname(path === "" ? "." : path), O_PATH | O_NOFOLLOW, 0, RESOLVE.NO_SYMLINKS);
      try {
        const status = statAt(fd, "");
        return status !== null && isWhiteout(status) ? null : status;
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      // A link as the last component is not followed; ELOOP means that one stands in the middle, over which this layer has a directory.
      if (error instanceof SysError && [E.ENOENT, E.ENOTDIR, E.ELOOP].includes(error.errno as never)) return null;
      throw error;
    }
  }

  #xattrs(path: string): [string, Buffer][] {
    const all = xattrsAt(this.#lower, cname(path === "" ? "." : path));
    return [...all].filter(([key]) => !key.startsWith("trusted.overlay.") && key !== "security.selinux");
  }

  /** Follows links of this layer and of those below from a clean path to a true one, which need not exist. */
  #resolve(path: string): string {
    let links = 0;
    const walk = (from: string, components: readonly string[]): string => {
      let at = from;
      for (const component of components) {
        if (component === "" || component === ".") continue;
        if (component === "..") {
          at = parentOf(at);
          continue;
        }
        const next = join(at, component);
        const target = this.#linkAt(next);
        if (target === null) at = next;
        else {
          if (++links > LINKS_MAX) throw new MdkError("corrupt", "archive-invalid", `too many levels of symbolic links: ${shownName(path)}`);
          at = walk(target.startsWith("/") ? "" : at, target.split("/"));
        }
      }
      return at;
    };
    return walk("", path.split("/"));
  }

  /** The target, if the merged view has a link at a true path. */
  #linkAt(path: string): string | null {
    const parent = this.#layer.tree.existing(parentOf(path));
    const own = parent === null ? null : statAt(parent.fd, cname(baseOf(path)));
    if (own !== null && isLink(own)) return readlinkAt((parent as Directory).fd, cname(baseOf(path))).toString("latin1");
    if (own !== null && !(isDirectory(own) && this.#layer.implied.has(path))) return null;
    const below = this.#below(path);
    return below !== null && isLink(below) ? readlinkAt(this.#lower, cname(path)).toString("latin1") : null;
  }

  /** The contents of an implied directory go where the link leads that stands in its place below. */
  #move(path: string): void {
    const target = this.#resolve(path);
    if (target === path || target.startsWith(`${path}/`)) {
      throw new MdkError("corrupt", "archive-invalid", `too many levels of symbolic links: ${shownName(path)}`);
    }
    const { tree, implied, opaque, times, links } = this.#layer;
    const to = tree.directory(target);
    const from = tree.existing(path) as Directory;
    if (opaque.has(path)) {
      setXattr(to.fd, OPAQUE_XATTR, OPAQUE_VALUE);
      opaque.add(to.path);
    }
    merge(from.fd, to.fd);
    const parent = tree.existing(parentOf(path)) as Directory;
    unlinkAt(parent.fd, cname(baseOf(path)), AT_REMOVEDIR);
    tree.forget();
    const moved = (old: string): string => (old === path ? to.path : `${to.path}/${old.slice(path.length + 1)}`);
    for (const set of [implied, opaque]) {
      for (const old of [...set]) if (old === path || old.startsWith(`${path}/`)) {
        set.delete(old);
        if (old !== path) set.add(moved(old));
      }
    }
    for (const [old, time] of [...times]) if (old.startsWith(`${path}/`)) {
      times.delete(old);
      times.set(moved(old), time);
    }
    for (const [index, link] of links.entries()) {
      if (link.path.startsWith(`${path}/`)) links[index] = { ...link, path: moved(link.path) };
    }
  }

  #link(path: string, target: string): void {
    const source = this.#resolve(parentOf(target)) === "" ? baseOf(target) : `${this.#resolve(parentOf(target))}/${baseOf(target)}`;
    const { tree } = this.#layer;
    const status = this.#below(source);
    if (status === null) throw missing(target);
    if (isDirectory(status)) throw new MdkError("corrupt", "archive-invalid", `a hard link to a directory: ${shownName(path)}`);
    const into = tree.directory(parentOf(source));
    if (statAt(into.fd, cname(baseOf(source))) === null) this.#copyUp(source, status, into.fd);
    const parent = tree.existing(parentOf(path)) as Directory;
    linkAt(into.fd, cname(baseOf(source)), parent.fd, cname(baseOf(path)));
  }

  #copyUp(path: string, status: Status, into: number): void {
    const base = cname(baseOf(path));
    const type = status.mode & S_IF.MT;
    if (type === S_IF.LNK) symlinkAt(Buffer.concat([readlinkAt(this.#lower, cname(path)), Buffer.alloc(1)]), into, base);
    else if (type === S_IF.REG) copyData(this.#lower, cname(path), into, base);
    else mknodAt(into, base, type, makeDevice(status.deviceMajor, status.deviceMinor));
    chownAt(into, base, status.uid, status.gid);
    if (type !== S_IF.LNK) chmodAt(into, base, status.mode & 0o7777);
    for (const [key, value] of this.#xattrs(path)) setXattrAt(into, base, key, value);
    setTimesAt(into, base, status.modified);
  }
}

function copyData(from: number, path: Buffer, into: number, base: Buffer): void {
  const source = openInRoot(from, path, constants.O_RDONLY | O_NOFOLLOW, 0, RESOLVE.NO_SYMLINKS);
  const target = openAt(into, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const buffer = Buffer.alloc(1 << 20);
    for (let length; (length = readSync(source, buffer)) > 0; ) {
      for (let at = 0; at < length; ) at += writeSync(target, buffer, at, length - at);
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/** Moves everything in `from` into `to`. Where both have a name, directories are merged and otherwise `from` wins. */
function merge(from: number, to: number): void {
  for (const child of namesIn(from)) {
    const there = statAt(to, cname(child));
    const here = statAt(from, cname(child)) as Status;
    if (there !== null && isDirectory(there)) {
      mergeInto({ from, to, child, here });
      continue;
    }
    if (there !== null && isWhiteout(here)) unlinkAt(from, cname(child));
    else renameAt(from, cname(child), to, cname(child));
  }
}

function mergeInto({ from, to, child, here }: { from: number; to: number; child: string; here: Status }): void {
  if (!isDirectory(here) && !isWhiteout(here)) {
    throw new MdkError("corrupt", "archive-invalid", `the archive has both a directory and a file of the name ${shownName(child)}`);
  }
  const inner = openAt(to, cname(child), constants.O_RDONLY | O_NOFOLLOW);
  try {
    if (isWhiteout(here)) {
      setXattr(inner, OPAQUE_XATTR, OPAQUE_VALUE);
      return unlinkAt(from, cname(child));
    }
    const source = openAt(from, cname(child), constants.O_RDONLY | O_NOFOLLOW);
    try {
      merge(source, inner);
    } finally {
      closeSync(source);
    }
    unlinkAt(from, cname(child), AT_REMOVEDIR);
  } finally {
    closeSync(inner);
  }
}
