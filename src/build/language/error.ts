/** What is wrong with a Dockerfile, and where. */
import { MdkError } from "../../error.ts";

/** 1-based; a column counts code points of the line as it stands in the file. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** From a first to a last position, both included. */
export interface Span {
  readonly start: Position;
  readonly end: Position;
}

/** The sentence is BuildKit's where it has one, for scripts read it; where in the file is said apart. Kind "invalid", code "dockerfile". */
export class DockerfileError extends MdkError {
  readonly span: Span;

  constructor(message: string, span: Span, cause?: unknown) {
    super("invalid", "dockerfile", message, { ...(cause === undefined ? {} : { cause }), ...(cause instanceof MdkError && cause.hint !== null ? { hint: cause.hint } : {}) });
    this.span = span;
  }
}

/** What has gone wrong at a place of the Dockerfile; what is located already, and what is nobody's mistake, stays as it is. */
export function locatedAt(span: Span, error: unknown): unknown {
  return error instanceof DockerfileError || !(error instanceof MdkError) ? error : new DockerfileError(error.message, span, error);
}

/** The span of one position. */
export function spanAt(start: Position): Span {
  return { start, end: start };
}
