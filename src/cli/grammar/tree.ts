/** What a tree of commands is made of: names, one-line summaries, and how each is loaded when it is called. */
import type { Command } from "./flags.ts";

export interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
  /** Not in the help: called by mdk itself. */
  readonly hidden?: boolean;
}

export interface CommandGroup {
  readonly summary: string;
  readonly commands: Readonly<Record<string, Entry>>;
}

export interface CommandTree {
  readonly commands: Readonly<Record<string, Entry>>;
  readonly groups: Readonly<Record<string, CommandGroup>>;
}

/** A usage under the name that was called: "images [OPTIONS] …" of "image ls" is "image ls [OPTIONS] …". */
export function usageAs(name: string, usage: string): string {
  return usage.replace(/^[a-z]+( [a-z]+)*(?= |$)/, name);
}
