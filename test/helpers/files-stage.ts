/** Trees for COPY and ADD: a context, what is built, and an instruction between them; without a store but its tmp/. */
import { NO_SETTINGS } from "../../src/config/settings.ts";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IgnoreRules } from "../../src/build/context/ignore.ts";
import { parseDockerfile } from "../../src/build/language/parse.ts";
import type { AddInstruction, CopyInstruction } from "../../src/build/language/instructions/types.ts";
import { gatherFiles } from "../../src/engine/build/files/gather.ts";
import { placeFiles } from "../../src/engine/build/files/place.ts";
import type { FileDigests, FileTree } from "../../src/engine/build/files/source.ts";
import { ensureStore } from "../../src/store/paths.ts";
import { run } from "./registry.ts";

export interface FilesOptions {
  readonly ignore?: readonly string[];
  readonly ownersKept?: boolean;
  readonly workingDirectory?: string;
  readonly epoch?: number | null;
  readonly digests?: FileDigests | null;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Between the two. */
  readonly meanwhile?: () => void;
}

export class FilesStage {
  readonly folder = mkdtempSync(join(tmpdir(), "mdk-files-"));
  /** What is copied from, and what is copied to. */
  readonly context = join(this.folder, "context");
  readonly root = join(this.folder, "root");
  readonly paths = ensureStore(join(this.folder, "store"));

  constructor() {
    for (const path of [this.context, this.root]) mkdirSync(path, { mode: 0o755 });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Words of sh(1), in the folder. */
  sh(script: string): string {
    return run("sh", "-euc", `cd ${this.folder}\numask 022\n${script}`);
  }

  /** Carries out a COPY or ADD, and gives its digest. */
  async copy(instruction: string, options: FilesOptions = {}): Promise<string> {
    const { ignore, ownersKept = false, workingDirectory = "/", epoch = null, digests = null, environment = process.env } = options;
    const [context, root] = [openSync(this.context, "r"), openSync(this.root, "r")];
    const tree: FileTree = { root: context, ignore: ignore === undefined ? null : new IgnoreRules(ignore), name: "the build context", ownersKept };
    try {
      const gathered = await gatherFiles(parsed(instruction), tree, { signal: options.signal ?? new AbortController().signal, environment, paths: this.paths, limits: NO_SETTINGS.layers, fileDigests: digests });
      try {
        options.meanwhile?.();
        await placeFiles(gathered, { root, names: root, workingDirectory, sourceDateEpoch: epoch });
        return gathered.digest;
      } finally {
        gathered.close();
      }
    } finally {
      closeSync(context);
      closeSync(root);
    }
  }

  /** What is in the root, a line each: path, kind, mode, owner, size or target; GNU find is the witness. */
  tree(below = "root"): string[] {
    return this.sh(`cd ${below}; find . -mindepth 1 -printf '%P %y %m %U:%G %l\\n' | sed 's/ *$//' | LC_ALL=C sort`).split("\n").filter((line) => line !== "");
  }
}

function parsed(text: string): CopyInstruction | AddInstruction {
  const [instruction] = parseDockerfile(`FROM scratch\n${text}\n`).stages[0]!.instructions;
  return instruction as CopyInstruction | AddInstruction;
}
