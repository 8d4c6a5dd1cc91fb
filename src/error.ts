/**
 * The one error class of mdk: a fact of the world that stops a command. Mistakes in mdk itself are assertions and
 * crash with a stack; everything a user can meet is an MdkError and is printed as one line by main.ts.
 */

/** Docker's exit statuses: scripts rely on them (docs.docker.com, "docker run" exit status). */
export const EXIT = { failure: 1, engine: 125, cannotInvoke: 126, notFound: 127 } as const;

export interface MdkErrorOptions {
  /** What to try, as a full clause; printed after the message. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Exit status of the command; null lets the command choose (run: 125, others: 1). */
  readonly status?: number | null;
}

export class MdkError extends Error {
  override readonly name = "MdkError";
  /** Stable, kebab-case: what tests and the API switch on. */
  readonly code: string;
  readonly hint: string | null;
  readonly status: number | null;

  constructor(code: string, message: string, options: MdkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? null;
    this.status = options.status ?? null;
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
