/** The instructions of a Dockerfile, typed. Words are as written: variables, quotes and escapes are still in them (build/language/expand/instruction.ts). */
import type { Span } from "../error.ts";
import type { Heredoc } from "../heredoc.ts";
import type { Pair } from "../words.ts";

/** What every instruction says of itself. */
export interface Origin {
  readonly span: Span;
  /** As it is written: "RUN", "run". */
  readonly keyword: string;
  /** The line, continuations joined, without heredocs: what the history shows. */
  readonly source: string;
  /** The comments directly above, without "#". */
  readonly comments: readonly string[];
}

export interface FromInstruction extends Origin {
  readonly kind: "from";
  readonly base: string;
  /** In lower case; null: it has none. */
  readonly name: string | null;
  readonly platform: string | null;
  /** The word "as" and the name as they are written. */
  readonly as: readonly [as: string, name: string] | null;
}

export interface CommandLine {
  /** Of the shell form: the line, one string. */
  readonly words: readonly string[];
  readonly isExecForm: boolean;
}

export interface RunInstruction extends Origin {
  readonly kind: "run";
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
  /** Values of --mount, unparsed: variables may be in them (mount.ts). */
  readonly mounts: readonly string[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
}

/** A file that a heredoc of COPY or ADD makes. */
export interface InlineFile {
  readonly name: string;
  readonly content: string;
  readonly expands: boolean;
}

interface Files extends Origin {
  readonly sources: readonly string[];
  readonly inline: readonly InlineFile[];
  readonly destination: string;
  readonly chown: string | null;
  readonly chmod: string | null;
  readonly link: boolean;
  /** Patterns of .dockerignore's kind. */
  readonly exclude: readonly string[];
}

export interface CopyInstruction extends Files {
  readonly kind: "copy";
  /** A stage, an image or a named context; null: the build context. */
  readonly from: string | null;
  readonly parents: boolean;
}

export interface AddInstruction extends Files {
  readonly kind: "add";
  readonly checksum: string | null;
  /** Null: not said. */
  readonly keepGitDirectory: boolean | null;
  readonly unpack: boolean | null;
}

export interface ProgramInstruction extends Origin {
  readonly kind: "cmd" | "entrypoint";
  readonly command: CommandLine;
}

export interface ShellInstruction extends Origin {
  readonly kind: "shell";
  readonly command: readonly string[];
}

export interface HealthcheckInstruction extends Origin {
  readonly kind: "healthcheck";
  /** As in an image's config: ["NONE"], ["CMD", …], ["CMD-SHELL", line]. */
  readonly test: readonly string[];
  /** Nanoseconds; 0: inherited, or Docker's default. */
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

export interface PairsInstruction extends Origin {
  readonly kind: "env" | "label";
  readonly pairs: readonly Pair[];
}

/** One declared argument; a null value: it has no default. */
export interface Declared {
  readonly name: string;
  readonly value: string | null;
}

export interface ArgInstruction extends Origin {
  readonly kind: "arg";
  readonly declared: readonly Declared[];
}

export interface ExposeInstruction extends Origin {
  readonly kind: "expose";
  /** Sorted, as BuildKit does. */
  readonly ports: readonly string[];
}

export interface VolumeInstruction extends Origin {
  readonly kind: "volume";
  readonly paths: readonly string[];
}

/** Those with one argument. */
export interface SingleInstruction extends Origin {
  readonly kind: "user" | "workdir" | "stopsignal" | "maintainer";
  readonly value: string;
}

export interface OnbuildInstruction extends Origin {
  readonly kind: "onbuild";
  /** What is put into the config and read by whoever builds on this image; heredocs with it. */
  readonly expression: string;
}

/** What may stand in a stage. */
export type Instruction = RunInstruction | CopyInstruction | AddInstruction | ProgramInstruction | ShellInstruction | HealthcheckInstruction | PairsInstruction | ArgInstruction | ExposeInstruction | VolumeInstruction | SingleInstruction | OnbuildInstruction;
