/** Where a COPY or ADD puts things: its last word, from the working directory, with the links of what is built followed within it. */
import { closeSync } from "node:fs";
import { MdkError } from "../../../error.ts";
import { isDirectory, join, cname, parentOf, baseOf } from "../../../layer/tree.ts";
import { chmod, chown, mkdirAt, O_DIRECTORY, O_NOFOLLOW, openAt, setTimes, statAt, type Status } from "../../../sys/at.ts";
import { E } from "../../../sys/errno.ts";
import { SysError } from "../../../sys/ffi.ts";
import type { Dress } from "./copier.ts";
import { about, byteString, openWithin, shown } from "./source.ts";
import { followLinks } from "../../host/in-root.ts";

/** From the root, a byte string without links. */
export interface Destination {
  readonly path: string;
  /** It ends with a slash or "/.": it is to be a directory. */
  readonly isDirectoryWanted: boolean;
  /** Null: it is not there. */
  readonly status: Status | null;
}

/** `written`: "." and "" are the working directory. Throws MdkError for links in a circle. */
export function resolveDestination(root: number, written: string, workingDirectory: string): Destination {
  const whole = written.startsWith("/") ? written : `${workingDirectory}/${written}`;
  const path = byteString(about(`resolve ${written}`, () => followLinks(root, lexical(whole))).join("/"));
  return { path, isDirectoryWanted: /(^|\/)\.?$/.test(written), status: statBelow(root, path) };
}

/** Docker takes ".." away before it looks at anything: "/link/.." is "/". */
function lexical(path: string): string {
  const clean: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") clean.pop();
    else if (part !== "" && part !== ".") clean.push(part);
  }
  return clean.join("/");
}

/** Null: there is nothing, or no directory on the way to it. */
function statBelow(root: number, path: string): Status | null {
  try {
    const parent = openWithin(root, parentOf(path));
    try {
      return statAt(parent, cname(baseOf(path)));
    } finally {
      closeSync(parent);
    }
  } catch (error) {
    if (error instanceof SysError && (error.errno === E.ENOENT || error.errno === E.ENOTDIR)) return null;
    throw error;
  }
}

/** Makes a directory with those above it, with --chown's owner or root's; what is there stays as it is. Throws MdkError where one is none. */
export function ensureDirectories(root: number, path: string, dress: Dress): void {
  let [at, above] = [openWithin(root, ""), ""];
  try {
    for (const part of path.split("/").filter((each) => each !== "")) {
      const next = about(`make /${shown(path)}`, () => ensureOne(at, part, join(above, part), dress));
      closeSync(at);
      [at, above] = [next, join(above, part)];
    }
  } finally {
    closeSync(at);
  }
}

function ensureOne(parent: number, part: string, path: string, { owner, parents, time }: Dress): number {
  const status = statAt(parent, cname(part));
  if (status !== null && !isDirectory(status)) throw new MdkError("conflict", "build-over-file", `mkdir /${shown(path)}: not a directory`);
  if (status === null) mkdirAt(parent, cname(part), 0o700);
  const fd = openAt(parent, cname(part), O_DIRECTORY | O_NOFOLLOW);
  if (status !== null) return fd;
  try {
    chown(fd, owner?.uid ?? 0, owner?.gid ?? 0);
    chmod(fd, parents);
    if (time !== null) setTimes(fd, time);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
