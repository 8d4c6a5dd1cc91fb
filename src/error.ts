/**
 * The one error class of mdk: a fact of the world that stops a command. Mistakes in mdk itself are assertions and
 * crash with a stack; everything a user can meet is an MdkError and is printed as one line by main.ts.
 */

/**
 * What an error means to whoever asked. A kind becomes an exit status in cli/exit.ts, and what else a caller needs elsewhere; nobody below
 * decides by either.
 */
export type ErrorKind =
  /** The request says what may not be, or contradicts itself. */
  | "invalid"
  | "not-found"
  /** It may not be as things stand: a name that is taken, a container that runs. */
  | "conflict"
  /** A right is missing: the caller's, or a registry's to give. */
  | "denied"
  /** mdk, this kernel or this host does not have it. */
  | "unsupported"
  /** No room: on a disk, in an address pool, at a limit. */
  | "exhausted"
  /** It may be there another time: a registry, a lock, a process that went. */
  | "unavailable"
  /** What was brought from elsewhere is not what it says it is. */
  | "corrupt"
  /** The container was set up, and its program is not there. */
  | "no-program"
  /** … or is there and cannot be executed. */
  | "not-executable"
  /** The container could not be set up. */
  | "start-failed"
  /** A program that was part of the work has failed. */
  | "failed"
  /** Nobody takes the output any more. */
  | "reader-gone";

export interface MdkErrorOptions {
  /** What to try, as a full clause; printed after the message. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class MdkError extends Error {
  override readonly name = "MdkError";
  readonly kind: ErrorKind;
  /** Stable, kebab-case: what tests and the API switch on. */
  readonly code: string;
  readonly hint: string | null;

  constructor(kind: ErrorKind, code: string, message: string, options: MdkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.hint = options.hint ?? null;
  }
}

/** Of node's errors: "ENOENT: no such file or directory, open '/x'", a copy's or rename's with a second path. */
const NODE_MESSAGE = /^(E[A-Z0-9]+): ([^,]+), (\w+)(?: '(.*?)')?(?: -> '(.*)')?$/s;

/** strerror(3) where node's words are others. */
const WORDS: Readonly<Record<string, string>> = {
  EBUSY: "device or resource busy", EEXIST: "file exists", EIO: "input/output error", EISDIR: "is a directory", ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long", EXDEV: "invalid cross-device link",
};

/** The text of anything that was thrown: messages never hold stacks, and what a system call refused reads as Go tells it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, code = "", problem = "", call = "", path, second] = NODE_MESSAGE.exec(error.message) ?? [];
  if (code === "") return error.message;
  return `${[call, path, second].filter((part) => part !== undefined).join(" ")}: ${WORDS[code] ?? problem}`;
}

/** A fact of the world, or what the kernel, the disk or the database refused (such errors carry its code): not a mistake of mdk's own. */
export function isOfTheWorld(error: unknown): error is Error {
  return error instanceof MdkError || (error instanceof Error && typeof (error as { code?: unknown }).code === "string");
}
