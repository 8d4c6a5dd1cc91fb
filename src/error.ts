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

/** The text of anything that was thrown: messages never hold stacks. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
