/** What a COPY or ADD brings: its sources resolved, looked at and digested. Nothing is written but what is fetched, in files of the store's tmp/. */
import { closeSync, openSync } from "node:fs";
import { IgnoreRules } from "../../../build/context/ignore.ts";
import { parseRemote, withoutPasswords, type RemoteContext } from "../../../build/context/remote.ts";
import type { AddInstruction, CopyInstruction } from "../../../build/language/instructions/types.ts";
import { MdkError } from "../../../error.ts";
import { baseOf, isDirectory, parentOf } from "../../../layer/tree.ts";
import { S_IF } from "../../../sys/linux.ts";
import { removeTree } from "../../../sys/remove-tree.ts";
import { Turns } from "../../../sys/turns.ts";
import { isArchive } from "./archive.ts";
import { digestFiles, type Digesting } from "./digest.ts";
import { fetchFile, parseChecksum, type Fetched, type FetchOptions } from "./fetch.ts";
import { findParents, findSources, type NamedFile } from "./find.ts";
import { checkOut } from "./git.ts";
import { KnownUrl } from "./known-url.ts";
import { scan } from "./scan.ts";
import { byteString, openOnly, shown, type FileDigests, type FileTree, type Gathering } from "./source.ts";

export interface GatherOptions extends FetchOptions {
  readonly fileDigests: FileDigests | null;
}

/** One thing that is put somewhere. */
export type Brought =
  | { readonly kind: "files"; readonly gathering: Gathering; /** Of git: its modes are 0644 and 0755, whatever the umask was. */ readonly isCheckout: boolean }
  | { readonly kind: "inline"; readonly name: string; readonly content: Uint8Array }
  | { readonly kind: "fetched"; readonly name: string; readonly open: () => Promise<Fetched>; readonly isUnpacked: boolean }
  /** Of a file that is an archive and is unpacked. */
  | { readonly kind: "archive"; readonly gathering: Gathering };

export interface Gathered {
  /** Variables are expanded. */
  readonly instruction: CopyInstruction | AddInstruction;
  readonly brought: readonly Brought[];
  /** Of all that is brought, with the names it has, but not of where it goes, whose it becomes or any other flag. "sha256:…" */
  readonly digest: string;
  readonly options: GatherOptions;
  /** What was fetched is gone. The tree stays the caller's. */
  close(): void;
}

/**
 * `tree`: what the instruction's paths are of; null where it may name none. With a --checksum nothing is fetched before it is placed, nor what is known by its tag. Throws MdkError: "build-file"
 * for what is not there, "build-file-changed", those of fetch.ts, git.ts and of archives; nothing is left then.
 */
export async function gatherFiles(instruction: CopyInstruction | AddInstruction, tree: FileTree | null, options: GatherOptions): Promise<Gathered> {
  const gatherer = new Gatherer(instruction, tree, options);
  try {
    for (const source of instruction.sources) await gatherer.source(source);
    for (const { name, content } of instruction.inline) gatherer.inline(name, content);
    return gatherer.finish();
  } catch (error) {
    gatherer.close();
    throw error;
  }
}

class Gatherer {
  readonly #instruction: CopyInstruction | AddInstruction;
  readonly #tree: FileTree | null;
  readonly #options: GatherOptions;
  readonly #brought: Brought[] = [];
  readonly #hash = new Bun.CryptoHasher("sha256");
  /** Undone at the end. */
  readonly #held: (() => void)[] = [];

  constructor(instruction: CopyInstruction | AddInstruction, tree: FileTree | null, options: GatherOptions) {
    this.#instruction = instruction;
    this.#tree = tree;
    this.#options = options;
    this.#checkChecksum();
  }

  close(): void {
    for (const release of this.#held.splice(0).reverse()) release();
  }

  finish(): Gathered {
    return { instruction: this.#instruction, brought: this.#brought, digest: `sha256:${this.#hash.digest("hex")}`, options: this.#options, close: () => this.close() };
  }

  async source(written: string): Promise<void> {
    this.#options.signal.throwIfAborted();
    const remote = this.#instruction.kind === "copy" && this.#instruction.from !== null ? null : parseRemote(written);
    if (remote === null) return await this.#paths(written);
    if (this.#instruction.kind === "copy") throw new MdkError("invalid", "copy-remote", remote.kind === "git" ? "source can't be a git ref for COPY" : "source can't be a URL for COPY");
    if (remote.kind === "git") await this.#repository(remote, this.#instruction);
    else await this.#url(remote, this.#instruction);
  }

  inline(name: string, content: string): void {
    const bytes = Buffer.from(content);
    this.#brought.push({ kind: "inline", name: byteString(name), content: bytes });
    this.#note("inline", name, String(bytes.length));
    this.#hash.update(bytes);
  }

  /** Of strings, each with its length in front. */
  #note(...words: string[]): void {
    for (const word of words) this.#hash.update(`${Buffer.byteLength(word)}:${word}`);
  }

  #checkChecksum(): void {
    if (this.#instruction.kind !== "add" || this.#instruction.checksum === null) return;
    const { sources } = this.#instruction;
    if (sources.length !== 1) throw new MdkError("invalid", "add-checksum", "checksum can't be specified for multiple sources");
    if (parseRemote(sources[0]!) === null) throw new MdkError("invalid", "add-checksum", "checksum requires HTTP(S) or Git sources");
  }

  async #paths(written: string): Promise<void> {
    const tree = this.#tree;
    if (tree === null) throw new MdkError("not-found", "build-file", `there is no build context to take ${JSON.stringify(written)} from`);
    const { exclude } = this.#instruction;
    if (this.#instruction.kind === "copy" && this.#instruction.parents) {
      const { start, pattern } = findParents(tree, written);
      if (isDirectory(start.status)) await this.#files({ tree, directory: start.path, top: start.status, name: "", found: await scan(tree, { directory: start.path, exclude, only: pattern }, this.#turns()) });
      return;
    }
    const unpacks = this.#instruction.kind === "add" && this.#instruction.unpack !== false;
    for (const source of findSources(tree, written)) {
      const gathering = await gatheringOf(tree, source, exclude, this.#turns());
      if (gathering === null) continue;
      if (unpacks && (await isArchiveIn(gathering))) await this.#bring({ kind: "archive", gathering });
      else await this.#files(gathering);
    }
  }

  #turns(): Turns {
    return new Turns(this.#options.signal);
  }

  async #files(gathering: Gathering): Promise<void> {
    await this.#bring({ kind: "files", gathering, isCheckout: false });
  }

  async #bring(brought: Brought & { readonly gathering: Gathering }): Promise<void> {
    this.#brought.push(brought);
    const { top, name } = brought.gathering;
    const digesting: Digesting = { digests: this.#options.fileDigests, turns: this.#turns() };
    this.#note(brought.kind, top === null ? "file" : "directory", name, await digestFiles(brought.gathering, digesting));
  }

  async #url({ url, name }: RemoteContext & { readonly kind: "http" }, { checksum, unpack }: AddInstruction): Promise<void> {
    const wanted = checksum === null ? null : parseChecksum(checksum);
    const known = new KnownUrl(url, this.#options.fileDigests);
    let fetched: Promise<Fetched> | null = null;
    const open = (): Promise<Fetched> => (fetched ??= fetchFile(url, wanted, this.#options).then((file) => {
      this.#held.push(() => closeSync(file.fd));
      known.keep(file);
      return file;
    }));
    const promised = wanted ?? (await known.find(this.#options));
    const digest = promised ?? (await open()).digest;
    const openSame = async (): Promise<Fetched> => {
      const file = await open();
      if (file.digest !== digest) throw new MdkError("conflict", "build-file-changed", `${withoutPasswords(url)} changed while it was fetched`, { hint: "try again" });
      return file;
    };
    this.#brought.push({ kind: "fetched", name: byteString(name), open: openSame, isUnpacked: unpack === true });
    this.#note("fetched", name, digest);
  }

  async #repository(remote: RemoteContext & { readonly kind: "git" }, { checksum, keepGitDirectory, exclude }: AddInstruction): Promise<void> {
    const keepsGit = keepGitDirectory === true && remote.directory === "";
    const { path, commit } = await checkOut(remote, { ...this.#options, checksum, keepsGit });
    this.#held.push(() => removeTree(path));
    const root = openSync(path, "r");
    this.#held.push(() => closeSync(root));
    const tree: FileTree = { root, ignore: null, name: withoutPasswords(remote.url), ownersKept: false };
    const [start] = findSources(tree, remote.directory);
    if (start === undefined || !isDirectory(start.status)) throw new MdkError("not-found", "add-git", `${withoutPasswords(remote.url)} has no directory ${JSON.stringify(remote.directory)}`);
    const found = await scan(tree, { directory: start.path, exclude, only: null }, this.#turns());
    this.#brought.push({ kind: "files", gathering: { tree, directory: start.path, top: start.status, name: "", found }, isCheckout: true });
    // What git keeps for itself differs each time.
    this.#note("git", commit, start.path, String(keepsGit), ...exclude);
  }
}

/** Null: what a wildcard matched is excluded. */
async function gatheringOf(tree: FileTree, { path, status, name, isMatch }: NamedFile, exclude: readonly string[], turns: Turns): Promise<Gathering | null> {
  if (isDirectory(status)) return { tree, directory: path, top: status, name, found: await scan(tree, { directory: path, exclude, only: null }, turns) };
  // Docker's reference excludes what a wildcard matches by its own name; a file that is named stays.
  if (isMatch && new IgnoreRules(exclude).at(shown(name), null).isIgnored) return null;
  if ((status.mode & S_IF.MT) === S_IF.SOCK) return null;
  return { tree, directory: parentOf(path), top: null, name, found: [{ path: baseOf(path), status, isOnTheWay: false }] };
}

async function isArchiveIn(gathering: Gathering): Promise<boolean> {
  const { top, found } = gathering;
  const [entry] = found;
  if (top !== null || entry === undefined || (entry.status.mode & S_IF.MT) !== S_IF.REG) return false;
  const fd = openOnly(gathering);
  try {
    return await isArchive(fd);
  } finally {
    closeSync(fd);
  }
}
