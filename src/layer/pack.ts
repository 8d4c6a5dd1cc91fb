/**
 * An upper directory in overlay format as the archive of a layer (image-spec layer.md): whiteouts get their names, opaque directories
 * their entry. Knows directories only. The same files give the same bytes, those of the directory that the archive
 * was unpacked to as well: names are sorted, times whole seconds, and what is not of the files has no time.
 */
import { MdkError } from "../error.ts";
import { interruptible } from "../sys/interrupt.ts";
import { statBelow } from "./diff.ts";
import { shownName } from "./tar-header.ts";
import { TarWriter } from "./tar-write.ts";
import { readTree } from "./tar-tree.ts";
import { travels, type TarEntry, type TarHandler } from "./tar.ts";
import { baseOf, isDirectory, parentOf } from "./tree.ts";
import { OPAQUE, OPAQUE_XATTR, WHITEOUT } from "./whiteout.ts";

/** What an archive holds: no entries where nothing has changed (it is but its end). */
export interface Packed {
  readonly entries: number;
  /** Bytes of file data. */
  readonly size: number;
}

/**
 * Writes everything of `upper` and returns how much that was. `lower`: the
 * merged view of the layers below, null where there are none; a directory needs no mark where it hides nothing. Descriptors, which
 * stay open. `write` is called with bytes that are only lent. A file may be sparse and take hours: an interrupt ends the process meanwhile. Throws SysError, and MdkError "layer-unpackable" for what no layer can say.
 */
export function packLayer(upper: number, lower: number | null, write: (bytes: Uint8Array) => void): Packed {
  const writer = new TarWriter(write);
  const packer = new Packer(writer, lower);
  interruptible(() => {
    readTree(upper, { name: ".", across: null, xattrs: (key) => travels(key) || key.startsWith(OVERLAY) }, packer);
    writer.end();
  });
  return { entries: packer.entries, size: packer.size };
}

const OVERLAY = "trusted.overlay.";
/** The upper is not whole without what these point to: mountOverlay never lets the kernel write them. */
const POINTERS = ["trusted.overlay.redirect", "trusted.overlay.metacopy"];
const ROOT = ".";
const MARK: Pick<TarEntry, "linkName" | "mode" | "uid" | "gid" | "size" | "modified" | "deviceMajor" | "deviceMinor" | "xattrs"> = {
  linkName: "", mode: 0o600, uid: 0, gid: 0, size: 0, modified: { seconds: 0, nanoseconds: 0 }, deviceMajor: 0, deviceMinor: 0, xattrs: new Map(),
};

class Packer implements TarHandler {
  entries = 0;
  size = 0;
  readonly #writer: TarWriter;
  readonly #lower: number | null;
  /** The root's own entry, which only comes with others. */
  #root: TarEntry | null = null;

  constructor(writer: TarWriter, lower: number | null) {
    this.#writer = writer;
    this.#lower = lower;
  }

  entry(found: TarEntry): void {
    const entry = { ...found, xattrs: new Map([...found.xattrs].filter(([key]) => travels(key))) };
    if (found.name === ROOT) return void (this.#root = entry);
    if (POINTERS.some((key) => found.xattrs.has(key))) throw unsayable(found.name, "it is not whole without the layers below");
    if (baseOf(found.name).startsWith(WHITEOUT)) throw unsayable(found.name, `the names ${WHITEOUT}… mean deleted files`);
    if (found.type === "character" && found.deviceMajor === 0 && found.deviceMinor === 0) return this.#mark(`${parentOf(found.name)}/${WHITEOUT}${baseOf(found.name)}`);
    this.#write(entry);
    if (found.type === "directory" && found.xattrs.has(OPAQUE_XATTR) && this.#hides(found.name)) this.#mark(`${found.name}/${OPAQUE}`);
  }

  data(chunk: Uint8Array): void {
    this.#writer.data(chunk);
  }

  close(): void {
    this.#writer.close();
  }

  #hides(name: string): boolean {
    if (this.#lower === null) return false;
    const below = statBelow(this.#lower, name.slice(ROOT.length + 1));
    return below !== null && isDirectory(below);
  }

  #mark(name: string): void {
    this.#write({ ...MARK, type: "file", name });
    this.#writer.close();
  }

  #write(entry: TarEntry): void {
    if (this.#root !== null) this.#writer.entry(this.#root);
    this.#root = null;
    this.entries++;
    this.size += entry.size;
    this.#writer.entry(entry);
  }
}

function unsayable(name: string, why: string): MdkError {
  return new MdkError("unsupported", "layer-unpackable", `an image layer cannot hold /${shownName(name.slice(ROOT.length + 1))}: ${why}`);
}
