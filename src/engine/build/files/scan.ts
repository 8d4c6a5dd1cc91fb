/** What is below a directory that is copied, without what .dockerignore and --exclude leave out, or what --parents does not name. Nothing is read but names and stat(2). */
import { closeSync } from "node:fs";
import { IgnoreRules, type IgnoreVerdict } from "../../../build/context/ignore.ts";
import { MdkError } from "../../../error.ts";
import { isDirectory } from "../../../layer/tree.ts";
import { walkTreeInTurns, type Visit } from "../../../layer/walk.ts";
import { S_IF } from "../../../sys/linux.ts";
import type { Turns } from "../../../sys/turns.ts";
import { about, openWithin, shown, type FileTree, type FoundFile } from "./source.ts";

export interface ScanOptions {
  /** From the tree's root, without links. */
  readonly directory: string;
  /** --exclude; paths are taken from the directory. */
  readonly exclude: readonly string[];
  /** --parents: only what matches, with the directories that lead there. Null: everything. */
  readonly only: string | null;
}

/** A context of more is a mistake, and each is held until it is placed. */
const FOUND_MAX = 1_000_000;

/** Depth first and by name. Sockets are left out: no image holds them. Throws MdkError, and the signal's reason of the turns. */
export async function scan(tree: FileTree, options: ScanOptions, turns: Turns): Promise<FoundFile[]> {
  const what = `read "/${shown(options.directory)}" of ${tree.name}`;
  const directory = about(what, () => openWithin(tree.root, options.directory));
  try {
    const scanner = new Scanner(tree, options);
    await walkTreeInTurns(directory, () => true, (visit) => scanner.visit(visit), turns);
    return scanner.found;
  } catch (error) {
    return about(what, () => {
      throw error;
    });
  } finally {
    closeSync(directory);
  }
}

interface Rule {
  readonly rules: IgnoreRules;
  /** In front of each path, where the rules begin higher up. */
  readonly prefix: string;
  /** .dockerignore's: what of a tree is there at all. */
  readonly isOfTree: boolean;
}

/** A directory on the way down. */
interface Level {
  /** With the slash at its end. */
  readonly prefix: string;
  /** What was said of it, rule by rule. */
  readonly verdicts: readonly (IgnoreVerdict | null)[];
  readonly entry: FoundFile;
  isTaken: boolean;
}

class Scanner {
  readonly found: FoundFile[] = [];
  readonly #rules: Rule[] = [];
  readonly #levels: Level[] = [];
  readonly #top: readonly (IgnoreVerdict | null)[];

  constructor({ ignore }: FileTree, { directory, exclude, only }: ScanOptions) {
    const prefix = directory === "" ? "" : `${shown(directory)}/`;
    if (ignore !== null) this.#rules.push({ rules: ignore, prefix, isOfTree: true });
    if (exclude.length > 0) this.#rules.push({ rules: new IgnoreRules(exclude), prefix: "", isOfTree: false });
    if (only !== null) this.#rules.push({ rules: new IgnoreRules(["**", `!${only}`]), prefix: "", isOfTree: false });
    this.#top = this.#rules.map(({ rules, prefix: above }) => (above === "" ? null : rules.at(above.slice(0, -1), null)));
  }

  visit({ path, status }: Visit): "skip" | undefined {
    const levels = this.#levels;
    while (levels.length > 0 && !path.startsWith(levels.at(-1)!.prefix)) levels.pop();
    const above = levels.at(-1)?.verdicts ?? this.#top;
    const text = this.#rules.length === 0 ? "" : shown(path);
    const verdicts = this.#rules.map(({ rules, prefix }, index) => rules.at(prefix + text, above[index] ?? null));
    const isTaken = verdicts.every(({ isIgnored }) => !isIgnored);
    const entry = { path, status, isOnTheWay: verdicts.some(({ isIgnored }, index) => isIgnored && !this.#rules[index]!.isOfTree) };
    if (isTaken) this.#take(entry);
    if (!isDirectory(status)) return undefined;
    const isWalked = isTaken || this.#rules.every(({ rules, prefix }, index) => !verdicts[index]!.isIgnored || rules.mayIncludeBelow(prefix + text));
    if (!isWalked) return "skip";
    levels.push({ prefix: `${path}/`, verdicts, entry, isTaken });
    return undefined;
  }

  /** A directory that is left out itself comes with the first thing below it that is not. */
  #take(entry: FoundFile): void {
    if ((entry.status.mode & S_IF.MT) === S_IF.SOCK) return;
    for (const level of this.#levels) {
      if (!level.isTaken) this.found.push(level.entry);
      level.isTaken = true;
    }
    this.found.push(entry);
    if (this.found.length > FOUND_MAX) throw new MdkError("exhausted", "build-files", `there are more than ${FOUND_MAX} files to copy`);
  }
}
