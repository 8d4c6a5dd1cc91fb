/** Docker's exit statuses (docs.docker.com, "docker run" exit status): scripts rely on them. Nobody below cli/ knows of any. */
import { MdkError, type ErrorKind, type MdkErrorOptions } from "../error.ts";

export const EXIT = { failure: 1, engine: 125, cannotInvoke: 126, notFound: 127 } as const;

/** Kinds that mean one status whatever the command; for the others it is the command's own (run: 125, most: 1). */
const STATUS: Readonly<Partial<Record<ErrorKind, number>>> = {
  "no-program": EXIT.notFound, "not-executable": EXIT.cannotInvoke, "start-failed": EXIT.engine, "reader-gone": EXIT.failure,
};

/** What a command itself refuses, or ends with: the status is Docker's for just this. */
export class CommandError extends MdkError {
  readonly status: number;

  constructor(status: number, code: string, message: string, options: MdkErrorOptions = {}) {
    super("invalid", code, message, options);
    this.status = status;
  }
}

/** The exit status of a command that ended with this; `failure` is its own for errors that name none. */
export function statusOf(error: unknown, failure: number): number {
  if (error instanceof CommandError) return error.status;
  return (error instanceof MdkError ? STATUS[error.kind] : undefined) ?? failure;
}
