/** From operands to a command: groups, unknown names, names that Docker has and mdk does not yet. */
import { EXIT } from "../exit.ts";
import { COMMANDS, GROUPS, MISSING, NEVER } from "../commands.ts";
import type { Entry } from "./tree.ts";
import { nearest, type Command, type Flag } from "./flags.ts";
import { print, printable, printError } from "../output/text.ts";

export interface Resolved {
  /** "run", "container run". */
  readonly name: string;
  readonly command: Command;
  readonly argv: readonly string[];
}

/** The command that the words name, or an exit status when there is none and everything is said. */
export async function resolveCommand(words: readonly string[], globals: readonly Flag[]): Promise<Resolved | number> {
  const [first, second] = words;
  if (first === undefined || (first === "help" && second === undefined)) {
    const { programHelp } = await import("./help.ts");
    // Docker's: who asks gets it on standard output.
    (first === undefined ? printError : print)(await programHelp(globals));
    return 0;
  }
  if (first === "help") return await resolveCommand([...words.slice(1), "--help"], globals);
  const group = own(GROUPS, first);
  if (group === undefined) {
    const entry = own(COMMANDS, first);
    return entry === undefined ? unknown(first, null, COMMANDS) : await found(first, entry, words.slice(1));
  }
  if (second === undefined || second === "--help" || second === "-h") {
    const { groupHelp } = await import("./help.ts");
    (second === undefined ? printError : print)(await groupHelp(first, group));
    return 0;
  }
  const entry = own(group.commands, second);
  return entry === undefined ? unknown(second, first, group.commands) : await found(`${first} ${second}`, entry, words.slice(2));
}

/** "constructor" is a word too. */
function own<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

async function found(name: string, entry: Entry, argv: readonly string[]): Promise<Resolved> {
  return { name, command: (await entry.load()).command, argv };
}

function unknown(word: string, group: string | null, entries: Readonly<Record<string, Entry>>): number {
  const prefix = group === null ? "mdk" : `mdk ${group}`;
  if (MISSING[group ?? ""]?.includes(word) === true) {
    printError(`mdk: '${prefix} ${word}' is not supported by this version of mdk`);
    return EXIT.failure;
  }
  const never = own(NEVER, group === null ? word : `${group} ${word}`);
  if (never !== undefined) {
    printError(`mdk: '${prefix} ${word}' ${never}`);
    return EXIT.failure;
  }
  const missing = MISSING[group ?? ""] ?? [];
  const near = nearest(word, [...Object.keys(entries).filter((name) => entries[name]!.hidden !== true), ...(group === null ? Object.keys(GROUPS) : []), ...missing]);
  const hint = near === null ? "" : `\n\nDid you mean '${prefix} ${near}'?${missing.includes(near) ? " It is not supported by this version of mdk." : ""}`;
  printError(`mdk: unknown command: ${prefix} ${printable(word)}${hint}\n\nRun '${prefix} --help' for more information`);
  return EXIT.failure;
}
