/**
 * A git repository for ADD or as a context, by the host's git: one commit is fetched and checked out, with its submodules (git-submodule(1)). Its
 * configuration is nobody's, it runs no hooks, asks nobody, and takes nothing from the host's own files.
 */
import { lstatSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { isRepositoryAddress, withoutPasswords, type RemoteContext } from "../../../build/context/remote.ts";
import { MdkError } from "../../../error.ts";
import { findProgram, runProgram } from "../../../sys/program.ts";
import { removeTree } from "../../../sys/remove-tree.ts";
import type { FetchOptions } from "./fetch.ts";

export interface CheckoutOptions extends FetchOptions {
  /** What the commit must be, or how it begins; null: whatever it is. */
  readonly checksum: string | null;
  /** .git stays, with those of the submodules in it. */
  readonly keepsGit: boolean;
}

export interface Checkout {
  /** With all of the repository in it; the caller's to remove. */
  readonly path: string;
  /** 40 hexadecimal digits, or 64. */
  readonly commit: string;
}

const TIMEOUT_MS = 10 * 60_000;
const OUTPUT_BYTES_MAX = 1 << 16;
const COMMIT = /^[0-9a-f]{7,64}$/;
const PROTOCOLS = ["http", "https", "git", "ssh"];
/** Submodules in submodules are followed this often. */
const LEVELS_MAX = 16;
const SETTINGS = [
  "core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.allow=never", ...PROTOCOLS.map((name) => `protocol.${name}.allow=always`),
  "submodule.recurse=false", "fetch.recurseSubmodules=false", "advice.detachedHead=false", "gc.auto=0", "init.defaultBranch=master", "credential.helper=",
].flatMap((setting) => ["-c", setting]);
/** What git needs of the caller's environment to reach others. */
const PASSED = ["PATH", "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy", "SSL_CERT_FILE"];

/** Throws MdkError: "git-missing", "git-failed", "add-checksum". */
export async function checkOut(remote: RemoteContext & { readonly kind: "git" }, options: CheckoutOptions): Promise<Checkout> {
  const { checksum, keepsGit } = options;
  if (checksum !== null && !COMMIT.test(checksum)) throw new MdkError("invalid", "add-checksum", `invalid commit ${JSON.stringify(checksum)}`);
  const program = findProgram("git", options.environment["PATH"] ?? "");
  if (program === null) throw new MdkError("unsupported", "git-missing", "git is not installed", { hint: `it is needed for ${withoutPasswords(remote.url)}` });
  const path = join(options.paths.temporary, `spool-${crypto.randomUUID()}`);
  mkdirSync(path, { mode: 0o700 });
  try {
    const git = new Git(program, path, options);
    // Templates of the host may hold hooks.
    await git.must("init", "-q", "--template=", ".");
    await git.must("remote", "add", "origin", remote.url);
    await fetchRef(git, remote);
    await git.must("checkout", "-q", "--force", "--detach", "FETCH_HEAD");
    const commit = (await git.must("rev-parse", "HEAD")).trim();
    if (checksum !== null && !commit.startsWith(checksum)) throw new MdkError("corrupt", "add-checksum", `expected checksum to match ${checksum}, got ${commit}`);
    const submodules = await fetchSubmodules(git, LEVELS_MAX);
    // What stays is the image's.
    if (keepsGit) await git.must("remote", "set-url", "origin", withoutPasswords(remote.url));
    // Without the repository's own, those of its submodules lead nowhere.
    if (!keepsGit) for (const directory of new Set([path, ...submodules])) rmSync(join(directory, ".git"), { recursive: true });
    return { path, commit };
  } catch (error) {
    removeTree(path);
    throw error;
  }
}

/**
 * What .gitmodules names, and what that names in turn. Nothing of this host is fetched, neither by a path nor by a link (CVE-2022-39253). Returns the
 * directories of all of them.
 */
async function fetchSubmodules(git: Git, levels: number): Promise<string[]> {
  const status = lstatSync(join(git.path, ".gitmodules"), { throwIfNoEntry: false });
  if (status === undefined) return [];
  if (!status.isFile()) throw failed("submodule: .gitmodules is no file");
  if (levels === 0) throw failed(`submodule: they are in one another more than ${LEVELS_MAX} times`);
  const named = await submodulesOf(git);
  for (const { url } of named) if (url !== "" && !isRepositoryAddress(url)) throw failed(`submodule: ${printable(url)} is no address that one is fetched from`);
  const update = ["submodule", "update", "--init", "--checkout"];
  if (!(await git.tries(...update, "--depth=1"))) await git.must(...update);
  // Names without a commit of their own are none, and neither are links to elsewhere.
  const root = realpathSync(git.path);
  const there = [...new Set(named.map(({ path }) => resolve(root, path)))].filter((path) => path !== root && lstatSync(join(path, ".git"), { throwIfNoEntry: false }) !== undefined && realpathSync(path) === path);
  const all: string[] = [];
  for (const path of there) all.push(path, ...(await fetchSubmodules(git.at(path), levels - 1)));
  return all;
}

async function submodulesOf(git: Git): Promise<{ readonly path: string; readonly url: string }[]> {
  const listed = await git.must("config", "-z", "-f", ".gitmodules", "--get-regexp", "^submodule\\..*\\.(path|url)$");
  const found = new Map<string, { path: string; url: string }>();
  for (const [, name = "", key, value = ""] of listed.matchAll(/submodule\.([^\0]*?)\.(path|url)\n([^\0]*)\0/g)) {
    const known = found.get(name) ?? { path: "", url: "" };
    found.set(name, { ...known, [key as "path"]: value });
  }
  return [...found.values()].filter(({ path }) => path !== "" && !path.startsWith("/") && !path.split("/").includes(".."));
}

/** A commit that is no tip may be refused, and dumb servers know no shallow fetches: then all of it is fetched. */
async function fetchRef(git: Git, { url, ref }: { readonly url: string; readonly ref: string | null }): Promise<void> {
  const wanted = ref ?? "HEAD";
  const isShort = ref !== null && COMMIT.test(ref) && ref.length < 40;
  if (!isShort && (await git.tries("fetch", "-q", "--depth=1", "--no-tags", "origin", wanted))) return;
  if (!isShort && (await git.tries("fetch", "-q", "--no-tags", "origin", wanted))) return;
  if (ref === null || !COMMIT.test(ref)) throw failed(`fetch ${wanted} of ${url}: ${git.complaint}`);
  await git.must("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*");
  const commit = (await git.must("rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`)).trim();
  await git.must("update-ref", "--no-deref", "FETCH_HEAD", commit);
}

class Git {
  readonly path: string;
  readonly #program: string;
  readonly #options: FetchOptions;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #signal: AbortSignal;

  constructor(program: string, path: string, options: FetchOptions) {
    const { environment, signal } = options;
    [this.#program, this.path, this.#options, this.#signal] = [program, path, options, signal];
    this.#environment = {
      ...Object.fromEntries(PASSED.map((name) => [name, environment[name]])), HOME: "/nonexistent", LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "/bin/false", SSH_ASKPASS: "/bin/false", GIT_SSH_COMMAND: "ssh -o BatchMode=yes", GIT_ATTR_NOSYSTEM: "1",
      GIT_ALLOW_PROTOCOL: PROTOCOLS.join(":"),
    };
  }

  /** The same in a submodule's directory. */
  at(path: string): Git {
    return new Git(this.#program, path, this.#options);
  }

  /** What it told of the last thing that failed. */
  complaint = "";

  /** What it wrote. Throws MdkError "git-failed". */
  async must(...words: string[]): Promise<string> {
    const { end, status, output, errors } = await this.#run(words);
    if (end === "exited" && status === 0) return output;
    throw failed(`${words[0]}: ${end === "timeout" ? "it took too long" : complaintOf(errors)}`);
  }

  async tries(...words: string[]): Promise<boolean> {
    const { end, status, errors } = await this.#run(words);
    this.complaint = complaintOf(errors);
    return end === "exited" && status === 0;
  }

  async #run(words: readonly string[]): ReturnType<typeof runProgram> {
    this.#signal.throwIfAborted();
    const ended = await runProgram({
      path: this.#program, args: [...SETTINGS, "-C", this.path, ...words], environment: this.#environment, input: "", outputBytesMax: OUTPUT_BYTES_MAX, timeoutMs: TIMEOUT_MS,
      keepsErrors: true, alone: true, signal: this.#signal,
    });
    this.#signal.throwIfAborted();
    return ended;
  }
}

/** What a remote says comes through here, too: no control characters. ssh says why before git says that it failed. */
function complaintOf(errors: string): string {
  const lines = errors.split("\n").map((line) => printable(line).trim()).filter((line) => line !== "" && !/^(Please make sure you have the correct access rights|and the repository exists\.)$/.test(line));
  return lines.slice(-COMPLAINT_LINES).join("; ") || "it does not say why";
}

const COMPLAINT_LINES = 3;

function printable(text: string): string {
  return text.replaceAll(/[\0-\x1f\x7f-\x9f]/g, "");
}

function failed(what: string): MdkError {
  return new MdkError("unavailable", "git-failed", `git failed: ${withoutPasswords(what)}`);
}
