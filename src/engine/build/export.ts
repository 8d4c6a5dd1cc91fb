/** The files of what was built, for who wants them and no image: an archive, or a directory of the host. */
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { TreePlacer } from "../../layer/place.ts";
import { readTree } from "../../layer/tar-tree.ts";
import { TarWriter } from "../../layer/tar-write.ts";
import { travels, type TarHandler } from "../../layer/tar.ts";
import { O_DIRECTORY, openFolder, openInRoot } from "../../sys/at.ts";
import type { StorePaths } from "../../store/paths.ts";
import { openView } from "./sources.ts";
import type { StageLayer } from "./stage-image.ts";

export interface BuiltFiles {
  readonly paths: StorePaths;
  /** The folder that they go to, "linux_arm64"; "": they go to the root. */
  readonly folder: string;
  /** Bottom first. */
  readonly layers: readonly StageLayer[];
  /** Milliseconds since 1970 that all files get as their time; null: they keep their own. */
  readonly epochMs: number | null;
}

/** All of them as one archive with all owners. `write` is called with bytes that are only lent. Throws SysError. */
export function exportArchive(all: readonly BuiltFiles[], write: (bytes: Uint8Array) => void): void {
  const writer = new TarWriter(write);
  for (const files of all) readAll(files, files.folder, writer);
  writer.end();
}

/**
 * Into a directory, which is made where it is missing, and keeps what else is in it; everything becomes the caller's, as with BuildKit's client. Throws
 * what TreePlacer throws, and node's errors; a part of the files is there then.
 */
export function exportDirectory(files: BuiltFiles, target: string): void {
  const directory = join(target, files.folder);
  const root = openTarget(target, files.folder);
  // What is there may be links: they lead to what is in the directory, nowhere else.
  const placer = new TreePlacer({ directory, owner: null, replaces: true, open: (path) => openInRoot(root, path === "" ? "." : path, O_DIRECTORY) });
  try {
    readAll(files, "", placer);
    placer.finish();
  } finally {
    placer.release();
    closeSync(root);
  }
}

/** The directory of the user, or a folder in it that is no link: only the first was named by him. */
function openTarget(target: string, folder: string): number {
  mkdirSync(target, { recursive: true });
  const root = openSync(target, O_DIRECTORY | constants.O_RDONLY);
  if (folder === "") return root;
  try {
    return openFolder(root, folder);
  } finally {
    closeSync(root);
  }
}

function readAll({ paths, layers, epochMs }: BuiltFiles, folder: string, handler: TarHandler): void {
  const view = openView({ paths }, layers);
  try {
    readTree(view, { name: folder === "" ? null : folder, across: null, xattrs: travels }, epochMs === null ? handler : timed(handler, Math.floor(epochMs / 1000)));
  } finally {
    closeSync(view);
  }
}

function timed(handler: TarHandler, seconds: number): TarHandler {
  return {
    entry: (entry) => handler.entry({ ...entry, modified: { seconds, nanoseconds: 0 } }),
    data: (chunk) => handler.data(chunk),
    close: () => handler.close(),
  };
}
