/** Where an instruction takes files from: a stage, an image, a named context (COPY --from, RUN --mount=from=). */
import { familiarName, parseReference } from "../../image/reference.ts";
import { expandWord } from "../language/expand/word.ts";
import { mountFrom } from "../language/instructions/mount.ts";
import type { Instruction } from "../language/instructions/types.ts";

export type BuildSource =
  /** Nothing at all. */
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly index: number }
  /** `reference` is canonical, with a tag or a digest. */
  | { readonly kind: "image"; readonly reference: string; readonly written: string }
  /** Of --build-context. */
  | { readonly kind: "context"; readonly name: string };

export interface Names {
  /** As contextNames has them. */
  readonly contexts: ReadonlySet<string>;
  /** In lower case; of two stages with one name the later one. */
  readonly stages: Map<string, number>;
  readonly count: number;
}

/** Names of contexts as they are compared: an image's familiar one, without ":latest". What is no image's name stays as it is. */
export function contextNames(names: Iterable<string>): Set<string> {
  return new Set([...names].map((name) => {
    try {
      return familiarName(parseReference(name)).replace(/:latest$/, "");
    } catch {
      return name;
    }
  }));
}

interface Context {
  readonly names: Names;
  readonly escape: string;
  readonly elsewhere: (text: string) => BuildSource;
}

/** Throws an Error in BuildKit's words for a variable where none may be, and for an index that no stage has. */
export function sourcesOf(instruction: Instruction, { names, escape, elsewhere }: Context): (BuildSource | null)[] {
  const find = (text: string): BuildSource => {
    const stage = names.stages.get(text.toLowerCase());
    return stage === undefined ? elsewhere(text) : { kind: "stage", index: stage };
  };
  if (instruction.kind === "run") {
    return instruction.mounts.map(mountFrom).map((from) => (from === null ? null : find(from)));
  }
  if (instruction.kind !== "copy" || instruction.from === null) return [];
  const { from } = instruction;
  if (expandWord(from, () => undefined, { escape }).text !== from) {
    throw new Error("variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround");
  }
  // strconv.Atoi: a number is always an index.
  if (!/^[+-]?\d+$/.test(from)) return [find(from)];
  const index = Number(from);
  if (index < 0 || index >= names.count) throw new Error(`invalid stage index ${index}`);
  return [{ kind: "stage", index }];
}
