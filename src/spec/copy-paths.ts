/**
 * The paths of `docker cp`: what a trailing "/" or "/." means, and where a copy goes under which name (moby pkg/archive, copy.go, by
 * the names of its functions). Pure.
 */
import { MdkError } from "../error.ts";

/** filepath.Clean: "" is ".", no slash at the end but of "/". */
export function goClean(path: string): string {
  const parts: string[] = [];
  const rooted = path.startsWith("/");
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (!rooted && (parts.length === 0 || parts.at(-1) === ".."))) parts.push(part);
    else parts.pop();
  }
  return rooted ? `/${parts.join("/")}` : parts.join("/") || ".";
}

/** filepath.Base. */
export function goBase(path: string): string {
  const bare = path.replace(/\/+$/, "");
  if (bare === "") return path === "" ? "." : "/";
  return bare.slice(bare.lastIndexOf("/") + 1);
}

/** filepath.Dir of a clean path. */
function goDir(path: string): string {
  const at = path.lastIndexOf("/");
  return at === -1 ? "." : at === 0 ? "/" : path.slice(0, at);
}

/** filepath.Split: up to the last slash, and what is behind it. */
export function goSplit(path: string): [directory: string, base: string] {
  const at = path.lastIndexOf("/") + 1;
  return [path.slice(0, at), path.slice(at)];
}

const isCurrent = (path: string): boolean => goBase(path) === ".";

/** PreserveTrailingDotOrSeparator: the clean path, with the "/" or "/." that the written one ends with. */
export function keepTrailing(clean: string, written: string): string {
  let path = clean;
  if (!isCurrent(path) && isCurrent(written)) path += path.endsWith("/") ? "." : "/.";
  if (!path.endsWith("/") && written.endsWith("/")) path += "/";
  return path;
}

/** SplitPathDirEntry: directory and name of a path, whose name is "." where it says so. */
export function splitEntry(path: string): [directory: string, base: string] {
  const clean = goClean(path);
  if (isCurrent(path)) return [clean, "."];
  return [goDir(clean), goBase(clean)];
}

/** GetRebaseName: what a link leads to with the link's trailing words, and the link's own name where it is another one; "" where not. */
export function rebase(path: string, target: string): { readonly path: string; readonly name: string } {
  let resolved = target;
  if (isCurrent(path) && !isCurrent(resolved)) resolved += "/.";
  if (path.endsWith("/") && !resolved.endsWith("/")) resolved += "/";
  return { path: resolved, name: goBase(path) === goBase(resolved) ? "" : goBase(path) };
}

export interface CopySource {
  readonly isDirectory: boolean;
  /** What its entries begin with. */
  readonly name: string;
}

export interface CopyDestination {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
}

/** PrepareArchiveCopy: the directory that is copied into, and what the entries begin with there. Throws MdkError in Docker's words. */
export function placeCopy(source: CopySource, { path, exists, isDirectory }: CopyDestination): { readonly directory: string; readonly name: string } {
  if (exists && isDirectory) return { directory: path, name: source.name };
  if (exists && source.isDirectory) throw new MdkError("invalid", "cp-directory", "cannot copy directory", { hint: "the destination is a file: name a directory" });
  const asserted = path.endsWith("/") || isCurrent(path);
  if (!exists && !source.isDirectory && asserted) throw new MdkError("not-found", "cp-no-directory", "no such directory", { hint: "make the destination directory first" });
  const [directory, name] = splitEntry(path);
  return { directory, name };
}
