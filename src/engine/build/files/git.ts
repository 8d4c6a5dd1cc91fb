/**
 * ADD of a git repository, by the host's git: one commit is fetched and checked out. Its configuration is nobody's, it runs no hooks, asks nobody,
 * takes nothing from the host's own files, and what the repository calls its submodules is left alone.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Remote } from "../../../build/context/remote.ts";
import { MdkError } from "../../../error.ts";
import { findProgram, runProgram } from "../../../sys/program.ts";
import { removeTree } from "../../../sys/remove-tree.ts";
import type { FetchOptions } from "./fetch.ts";

export interface Checkout {
  /** With all of the repository in it, .git too; the caller's to remove. */
  readonly path: string;
  /** 40 hexadecimal digits, or 64. */
  readonly commit: string;
}

const TIMEOUT_MS = 10 * 60_000;
const OUTPUT_BYTES_MAX = 1 << 16;
const COMMIT = /^[0-9a-f]{7,64}$/;
const SETTINGS = [
  "core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.allow=never", ...["http", "https", "git", "ssh"].map((name) => `protocol.${name}.allow=always`),
  "submodule.recurse=false", "fetch.recurseSubmodules=false", "advice.detachedHead=false", "gc.auto=0", "init.defaultBranch=master", "credential.helper=",
].flatMap((setting) => ["-c", setting]);
/** What git needs of the caller's environment to reach others. */
const PASSED = ["PATH", "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy", "SSL_CERT_FILE"];

/** `checksum`: the commit that it must be, or how it begins. Throws MdkError: "git-missing", "git-failed", "add-checksum". */
export async function checkOut(remote: Remote & { readonly kind: "git" }, checksum: string | null, options: FetchOptions): Promise<Checkout> {
  if (checksum !== null && !COMMIT.test(checksum)) throw new MdkError("invalid", "add-checksum", `invalid commit ${JSON.stringify(checksum)}`);
  const program = findProgram("git", options.environment["PATH"] ?? "");
  if (program === null) throw new MdkError("unsupported", "git-missing", "git is not installed", { hint: `it is needed for ${remote.url}` });
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
    return { path, commit };
  } catch (error) {
    removeTree(path);
    throw error;
  }
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
  readonly #program: string;
  readonly #path: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #signal: AbortSignal;

  constructor(program: string, path: string, { environment, signal }: FetchOptions) {
    this.#program = program;
    this.#path = path;
    this.#signal = signal;
    this.#environment = {
      ...Object.fromEntries(PASSED.map((name) => [name, environment[name]])), HOME: "/nonexistent", LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "/bin/false", SSH_ASKPASS: "/bin/false", GIT_SSH_COMMAND: "ssh -o BatchMode=yes", GIT_ATTR_NOSYSTEM: "1",
    };
  }

  /** What it told of the last thing that failed. */
  complaint = "";

  /** What it wrote. Throws MdkError "git-failed". */
  async must(...words: string[]): Promise<string> {
    const { end, status, output, errors } = await this.#run(words);
    if (end === "exited" && status === 0) return output;
    throw failed(`${words[0]}: ${end === "timeout" ? "it took too long" : lastLine(errors)}`);
  }

  async tries(...words: string[]): Promise<boolean> {
    const { end, status, errors } = await this.#run(words);
    this.complaint = lastLine(errors);
    return end === "exited" && status === 0;
  }

  async #run(words: readonly string[]): ReturnType<typeof runProgram> {
    this.#signal.throwIfAborted();
    const ended = await runProgram({
      path: this.#program, args: [...SETTINGS, "-C", this.#path, ...words], environment: this.#environment, input: "", outputBytesMax: OUTPUT_BYTES_MAX, timeoutMs: TIMEOUT_MS,
      keepsErrors: true, signal: this.#signal,
    });
    this.#signal.throwIfAborted();
    return ended;
  }
}

/** What a remote says comes through here, too: no control characters. */
function lastLine(errors: string): string {
  return errors.trim().split("\n").at(-1)?.replaceAll(/[\0-\x1f\x7f-\x9f]/g, "") || "it does not say why";
}

function failed(what: string): MdkError {
  return new MdkError("unavailable", "git-failed", `git failed: ${what}`);
}
