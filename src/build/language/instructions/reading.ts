/** What the readers of instructions have in common. */
import type { DockerfileError } from "../error.ts";
import type { FlagKind, InstructionFlags } from "../flags.ts";
import type { Statement } from "../statements.ts";
import type { Origin } from "./types.ts";

/** What reads one kind is handed: the statement, and how to refuse it at a place of its line. */
export interface Reading {
  readonly statement: Statement;
  readonly origin: Origin;
  /** The flags by the kind's table; throws for others. */
  readonly flags: (table: Readonly<Record<string, FlagKind>>) => InstructionFlags;
  /** `at`: in the line; the keyword's place by default. */
  readonly refuse: (message: string, at?: number) => DockerfileError;
}
