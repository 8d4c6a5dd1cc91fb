/** Sources of COPY and ADD in a tree: paths and wildcards to what is there. Links on the way, and a source that is one, are followed within the tree. */
import { closeSync } from "node:fs";
import { hasWildcard, parseWildcards } from "../../../build/context/wildcard.ts";
import { MdkError } from "../../../error.ts";
import { baseOf, cname, isDirectory, isLink, join, namesIn, parentOf } from "../../../layer/tree.ts";
import { statAt, type Status } from "../../../sys/at.ts";
import { SysError } from "../../../sys/ffi.ts";
import { about, byteString, openWithin, shown, type FileTree } from "./source.ts";
import { followLinks } from "../../host/in-root.ts";

/** Something that a source names. */
export interface NamedFile {
  /** From the tree's root, a byte string, without links. */
  readonly path: string;
  readonly status: Status;
  /** The last component as it was written, a byte string. */
  readonly name: string;
  /** By a wildcard. */
  readonly isMatch: boolean;
}

/**
 * What a source names, in the order of the names; nothing where a wildcard matches nothing. Throws MdkError "not-found" for what is not there, or is
 * ignored, and "invalid" for a path that climbs out of the build context.
 */
export function findSources(tree: FileTree, written: string): NamedFile[] {
  const path = cleaned(written);
  const { fixed, patterns } = parseWildcards(path);
  if (patterns.length === 0) return [lookUp(tree, path) ?? lacking(tree, path)];
  const start = lookUp(tree, fixed.join("/")) ?? lacking(tree, path);
  if (!isDirectory(start.status)) return [];
  return about(`read "/${path}" of ${tree.name}`, () => matching(tree, start.path, patterns)).flatMap(({ path: match, status }) => {
    if (isLeftOut(tree, match, status)) return [];
    const source = isLink(status) ? (lookUp(tree, shown(match)) ?? lacking(tree, shown(match))) : { path: match, status };
    return [{ ...source, name: baseOf(match), isMatch: true }];
  });
}

/** --parents: the directory that names begin at, and the pattern below it. "/./" in the path is where it is cut. */
export function findParents(tree: FileTree, written: string): { readonly start: NamedFile; readonly pattern: string } {
  const at = written.indexOf("/./");
  const [above, below] = at === -1 ? ["", written] : [written.slice(0, at), written.slice(at + 3)];
  const pattern = cleaned(below);
  const start = lookUp(tree, cleaned(above)) ?? lacking(tree, above);
  if (!hasWildcard(pattern) && pattern !== "" && lookUp(tree, join(shown(start.path), pattern)) === null) lacking(tree, join(shown(start.path), pattern));
  return { start, pattern: pattern === "" ? "**" : pattern };
}

function lacking({ name, ignore }: FileTree, path: string): never {
  const hint = ignore === null ? {} : { hint: "look whether .dockerignore leaves it out" };
  throw new MdkError("not-found", "build-file", `failed to calculate checksum of ${name}: "/${path.replace(/^\/+/, "")}": not found`, hint);
}

/** As from the root of the tree, without "." and empty components; ".." ends at the root (Dockerfile reference, COPY: what leads out of the context is stripped of it). */
function cleaned(written: string): string {
  const clean: string[] = [];
  for (const part of written.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") clean.pop();
    else clean.push(part);
  }
  return clean.join("/");
}

/** Null: not there, or left out with all that is below it. */
function lookUp(tree: FileTree, path: string): NamedFile | null {
  if (path.includes("\0")) return null;
  try {
    const real = byteString(followLinks(tree.root, path).join("/"));
    const status = inDirectory(tree.root, parentOf(real), (parent) => statAt(parent, cname(baseOf(real))));
    if (status === null || isLeftOut(tree, real, status)) return null;
    return { path: real, status, name: byteString(path.slice(path.lastIndexOf("/") + 1)), isMatch: false };
  } catch (error) {
    if (error instanceof SysError && MISSING.has(error.code)) return null;
    return about(`read "/${path}" of ${tree.name}`, () => { throw error; });
  }
}

const MISSING: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

function isLeftOut({ ignore }: FileTree, path: string, status: Status): boolean {
  const text = shown(path);
  if (ignore === null || text === "" || !ignore.at(text, null).isIgnored) return false;
  return !(isDirectory(status) && ignore.mayIncludeBelow(text));
}

interface Match {
  readonly path: string;
  readonly status: Status;
}

/** Names that are links are no directories to go on in, as with Go's filepath.Walk. */
function matching({ root }: FileTree, start: string, patterns: readonly ((name: string) => boolean)[]): Match[] {
  let paths = [start];
  let found: Match[] = [];
  for (const matches of patterns) {
    found = paths.flatMap((path) => inDirectory(root, path, (directory) => namesIn(directory).sort().filter((name) => matches(shown(name))).flatMap((name) => {
      const status = statAt(directory, cname(name));
      return status === null ? [] : [{ path: join(path, name), status }];
    })));
    paths = found.filter(({ status }) => isDirectory(status)).map(({ path }) => path);
  }
  return found;
}

function inDirectory<T>(root: number, path: string, read: (directory: number) => T): T {
  const directory = openWithin(root, path);
  try {
    return read(directory);
  } finally {
    closeSync(directory);
  }
}
