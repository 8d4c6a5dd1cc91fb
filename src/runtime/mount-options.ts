/**
 * Mount options as words (mount(8), config-linux.md) to what the new mount calls take: attributes of the mount,
 * parameters of the file system, propagation.
 */
import { MdkError } from "../error.ts";
import { MOUNT_ATTR, MS } from "../sys/linux.ts";
import type { Option } from "./plan.ts";

/** Word → attributes that it sets and clears. */
const ATTRIBUTES: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  ro: [MOUNT_ATTR.RDONLY, 0], rw: [0, MOUNT_ATTR.RDONLY],
  nosuid: [MOUNT_ATTR.NOSUID, 0], suid: [0, MOUNT_ATTR.NOSUID],
  nodev: [MOUNT_ATTR.NODEV, 0], dev: [0, MOUNT_ATTR.NODEV],
  noexec: [MOUNT_ATTR.NOEXEC, 0], exec: [0, MOUNT_ATTR.NOEXEC],
  nodiratime: [MOUNT_ATTR.NODIRATIME, 0], diratime: [0, MOUNT_ATTR.NODIRATIME],
  relatime: [0, MOUNT_ATTR.ATIME_MASK],
  noatime: [MOUNT_ATTR.NOATIME, MOUNT_ATTR.ATIME_MASK], strictatime: [MOUNT_ATTR.STRICTATIME, MOUNT_ATTR.ATIME_MASK],
  nosymfollow: [MOUNT_ATTR.NOSYMFOLLOW, 0], symfollow: [0, MOUNT_ATTR.NOSYMFOLLOW],
  defaults: [0, 0], async: [0, 0], bind: [0, 0], rbind: [0, 0],
};

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS.PRIVATE, rprivate: MS.PRIVATE, slave: MS.SLAVE, rslave: MS.SLAVE, shared: MS.SHARED, rshared: MS.SHARED,
};

export interface ParsedOptions {
  /** MOUNT_ATTR_* to set on the mount. */
  readonly set: number;
  /** MOUNT_ATTR_* to clear; holds the mask of access-time bits whenever one of them is set. */
  readonly clear: number;
  /** MS_PRIVATE, MS_SLAVE, MS_SHARED; 0: not said. */
  readonly propagation: number;
  /** "rbind": mounts below come along. */
  readonly recursive: boolean;
  /** What is left for the file system. */
  readonly parameters: readonly Option[];
}

/** Later words win, as with mount(8). Words that are neither attribute nor propagation go to the file system. */
export function parseMountOptions(options: readonly string[]): ParsedOptions {
  let set = 0;
  let clear = 0;
  let propagation = 0;
  const parameters: Option[] = [];
  for (const word of options) {
    const attribute = Object.hasOwn(ATTRIBUTES, word) ? ATTRIBUTES[word] : undefined;
    if (attribute !== undefined) {
      set = (set & ~attribute[1]) | attribute[0];
      clear = (clear & ~attribute[0]) | attribute[1];
    } else if (Object.hasOwn(PROPAGATION, word)) propagation = PROPAGATION[word] ?? 0;
    else parameters.push(parameter(word));
  }
  // The kernel refuses access-time bits that are set without the mask being cleared.
  if (set & MOUNT_ATTR.ATIME_MASK) clear |= MOUNT_ATTR.ATIME_MASK;
  return { set, clear, propagation, recursive: options.includes("rbind"), parameters };
}

/** What open_tree(2) and mount_setattr(2) take to make a bind mount's detached mount. */
export interface BindAttributes {
  /** open_tree and mount_setattr with AT_RECURSIVE. */
  readonly recursive: boolean;
  /** "ronly", mdk's own word: what is mounted below keeps its attributes. */
  readonly belowStays: boolean;
  readonly attrSet: number;
  readonly attrClr: number;
  /** 0: the mount stays in the peer group of its source (shared). */
  readonly propagation: number;
}

/**
 * Attributes of a bind mount from its spec options. "ro" is for every mount below too (Docker's since 25): a
 * writable mount under a read-only one surprises. Default propagation is private: nothing comes in or goes out later.
 */
export function bindAttributes(words: readonly string[]): BindAttributes {
  const belowStays = words.includes("ronly");
  const { set, clear, propagation, recursive, parameters } = parseMountOptions(words.map((word) => (word === "ronly" ? "ro" : word)));
  const unknown = parameters[0];
  if (unknown !== undefined) {
    throw new MdkError("invalid", "invalid-mount", `invalid mode: ${unknown.key}`, { hint: "a bind mount takes ro, rw and a propagation" });
  }
  const shared = propagation === MS.SHARED;
  return { recursive, belowStays, attrSet: set, attrClr: clear & ~set | (set & MOUNT_ATTR.ATIME_MASK ? MOUNT_ATTR.ATIME_MASK : 0), propagation: shared ? 0 : propagation || MS.PRIVATE };
}

function parameter(word: string): Option {
  const equals = word.indexOf("=");
  return equals < 0 ? { key: word, value: null } : { key: word.slice(0, equals), value: word.slice(equals + 1) };
}
