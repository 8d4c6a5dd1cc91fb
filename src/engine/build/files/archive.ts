/** Archives that ADD unpacks: known by what they hold, not by their names (BuildKit's isArchivePath), and unpacked so that nothing in them leads out. */
import type { LayerSettings } from "../../../config/settings.ts";
import { MdkError } from "../../../error.ts";
import { decompress } from "../../../layer/decompress.ts";
import { TreePlacer } from "../../../layer/place.ts";
import { BLOCK, decodeHeader, shownName } from "../../../layer/tar-header.ts";
import { TarReader, type TarEntry, type TarHandler } from "../../../layer/tar.ts";
import { readSpool } from "../../../store/spool.ts";
import { O_DIRECTORY, openInRoot } from "../../../sys/at.ts";
import { RESOLVE } from "../../../sys/linux.ts";

class Enough extends Error {}

/** Whether a file begins, inflated, with an entry of an archive. Throws MdkError "compression-unsupported" for xz and bzip2. */
export async function isArchive(fd: number): Promise<boolean> {
  const block = Buffer.alloc(BLOCK);
  let filled = 0;
  try {
    await decompress(readSpool(fd, 0), (bytes) => {
      const part = bytes.subarray(0, BLOCK - filled);
      block.set(part, filled);
      filled += part.length;
      if (filled === BLOCK) throw new Enough();
    }, { what: "the file" });
    return false; // shorter than one header
  } catch (error) {
    if (error instanceof MdkError && error.code === "compression-unsupported") {
      throw new MdkError(error.kind, error.code, error.message, { cause: error, hint: "unpack it before, or copy it as it is with --unpack=false" });
    }
    return error instanceof Enough && isHeader(block);
  }
}

function isHeader(block: Buffer): boolean {
  if (block.every((byte) => byte === 0)) return false;
  try {
    decodeHeader(block);
    return true;
  } catch {
    return false;
  }
}

export interface UnpackOptions {
  /** A directory's descriptor: the root of all that the archive names, and of its links. */
  readonly into: number;
  /** Null: whom the archive says. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Told of bytes before they are written. */
  readonly guard: (bytes: number) => void;
  readonly limits: LayerSettings;
}

/** What is there makes way for what comes, but directories are merged. Throws MdkError: those of archives. */
export async function unpackArchive(fd: number, { into, owner, guard, limits }: UnpackOptions): Promise<void> {
  const placer = new TreePlacer({
    directory: "/", owner: owner ?? "archive", replaces: true,
    open: (path) => openInRoot(into, Buffer.from(`./${path}\0`, "latin1"), O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS),
  });
  try {
    const reader = new TarReader(new WithoutMarks(placer));
    await decompress(readSpool(fd, 0), (bytes) => {
      guard(bytes.length);
      reader.push(bytes);
    }, { what: "the archive", limits });
    reader.end();
    placer.finish();
  } finally {
    placer.release();
  }
}

/** A device 0:0 is overlay's own sign for a deleted file (overlayfs.rst). */
class WithoutMarks implements TarHandler {
  readonly #next: TarHandler;

  constructor(next: TarHandler) {
    this.#next = next;
  }

  entry(entry: TarEntry): void {
    if (entry.type === "character" && entry.deviceMajor === 0 && entry.deviceMinor === 0) {
      throw new MdkError("corrupt", "archive-invalid", `a device 0:0, which is no device: ${shownName(entry.name)}`);
    }
    this.#next.entry(entry);
  }

  data(chunk: Uint8Array): void {
    this.#next.data(chunk);
  }

  close(): void {
    this.#next.close();
  }
}
