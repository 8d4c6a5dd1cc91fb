/** Where a build's files come from: a directory, an archive or a Dockerfile on standard input or by HTTP, a git repository. */
import { closeSync, mkdirSync, mkdtempSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseRemote, withoutPasswords } from "../../build/context/remote.ts";
import type { Context } from "../../engine/context.ts";
import { checkOutContext, unpackContext } from "../../engine/build/context.ts";
import type { DirectoryContext } from "../../engine/build/request.ts";
import { MdkError } from "../../error.ts";
import { O_DIRECTORY, O_PATH } from "../../sys/at.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { readDockerfile, readIgnoreRules, type DockerfileText } from "./files.ts";

export interface OpenContext {
  readonly dockerfile: DockerfileText;
  /** Null: there is but a Dockerfile. */
  readonly directory: DirectoryContext | null;
  close(): void;
}

/** Files of the host, the user's own or fetched for the build. */
export interface FoundFiles {
  /** Null: it is but a Dockerfile, whose text that is. */
  readonly path: string | null;
  readonly text: string;
  /** They were fetched: an error calls them by this. */
  readonly from: string | null;
  remove(): void;
}

export interface FindContextOptions {
  readonly signal: AbortSignal;
  /** Of git repositories .git stays, too. */
  readonly keepsGit: boolean;
}

/** `word`: the command's operand; `file`: --file. Throws "context-missing" and what the archive, the server and git throw. */
export async function openContext(context: Context, word: string, file: string | null, finding: FindContextOptions): Promise<OpenContext> {
  if (word === "-" && file === "-") throw new MdkError("invalid", "context-stdin", "invalid argument: can't use stdin for both build context and dockerfile");
  const found = await findContextFiles(context, word, finding);
  try {
    if (found.path !== null) return await inDirectory(found.path, file, found, finding.signal);
  } catch (error) {
    found.remove();
    throw error;
  }
  found.remove();
  return { dockerfile: { name: "Dockerfile", text: found.text, path: null }, directory: null, close() {} };
}

/** What a word means: "-", a URL of an archive or a Dockerfile, an address of a git repository with "#ref:directory", or a path. */
export async function findContextFiles(context: Context, word: string, finding: FindContextOptions): Promise<FoundFiles> {
  const remote = statSync(word, { throwIfNoEntry: false }) === undefined ? parseRemote(word.startsWith("github.com/") ? `https://${word}` : word) : null;
  const isGit = remote?.kind === "git" || word.startsWith("github.com/");
  if (word !== "-" && remote === null) return { path: word, text: "", from: null, remove() {} };
  const folder = mkdtempSync(join(context.environment["TMPDIR"] ?? "/tmp", "mdk-context-"));
  const remove = (): void => removeTree(folder);
  try {
    if (isGit) return { path: await checkOutContext(context, gitOf(remote!), folder, finding), text: "", from: withoutPasswords(word), remove };
    const files = join(folder, "files");
    mkdirSync(files);
    const text = await unpackContext(context, word, files, finding.signal);
    return { path: text === null ? files : null, text: text ?? "", from: word === "-" ? "standard input" : withoutPasswords(word), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

type GitRemote = Parameters<typeof checkOutContext>[1];

/** "github.com/user/project" needs no ".git" at its end. */
function gitOf(remote: NonNullable<ReturnType<typeof parseRemote>>): GitRemote {
  if (remote.kind === "git") return remote;
  const again = parseRemote(remote.url.replace(/(#|$)/, ".git$1"));
  if (again?.kind === "git") return again;
  throw new MdkError("invalid", "context-missing", `unable to prepare context: ${withoutPasswords(remote.url)} is no git repository`);
}

async function inDirectory(path: string, file: string | null, { from, remove }: FoundFiles, signal: AbortSignal): Promise<OpenContext> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new MdkError("not-found", "context-missing", `unable to prepare context: path ${JSON.stringify(from ?? path)} not found`);
  const directory = { path, isFetched: from !== null };
  const dockerfile = await readDockerfile(directory, file, signal);
  const ignore = await readIgnoreRules(directory, dockerfile, signal);
  const root = openSync(path, O_PATH | O_DIRECTORY);
  return {
    dockerfile, directory: { kind: "directory", root, ignore },
    close() {
      closeSync(root);
      remove();
    },
  };
}
