/**
 * Programs that keep credentials for others: docker-credential-NAME with a verb, one word or one document on standard input, an answer on
 * standard output (github.com/docker/docker-credential-helpers, README). No secret of them gets into an error.
 */
import { MdkError } from "../error.ts";
import { findProgram, runProgram, type ProgramEnd } from "../sys/program.ts";

export interface Helper {
  /** "pass" of docker-credential-pass. */
  readonly name: string;
  /** Handed to the helper whole, as the keychain's own variables are in it; its PATH is where the helper is looked for. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Tests make it short. */
  readonly timeoutMs?: number;
}

/** What a helper keeps for a server. The user "<token>" means that the secret is an identity token. */
export interface HelperCredentials {
  readonly username: string;
  readonly secret: string;
}

export const TOKEN_USER = "<token>";

/** A keychain may ask for its passphrase. */
const TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 1 << 20;
const TOLD_CHARACTERS_MAX = 200;
/** The name becomes a part of a file's name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NOT_FOUND = "credentials not found in native keychain";

type Verb = "get" | "store" | "erase" | "list";

/** What is kept for just this server ("https://index.docker.io/v1/", "host:5000"), or null. Throws "credential-helper". */
export async function getKept(helper: Helper, server: string): Promise<HelperCredentials | null> {
  const { status, output } = await call(helper, "get", server);
  if (status !== 0) {
    if (output.trim() === NOT_FOUND) return null;
    throw failed(helper, "get", status, output);
  }
  const { Username, Secret } = parse(helper, "get", output);
  return typeof Username === "string" && typeof Secret === "string" && Secret !== "" ? { username: Username, secret: Secret } : null;
}

/** The servers that something is kept for. Throws "credential-helper". */
export async function listServers(helper: Helper): Promise<string[]> {
  const { status, output } = await call(helper, "list", "");
  if (status !== 0) throw failed(helper, "list", status, output);
  return Object.keys(parse(helper, "list", output));
}

/** Keeps it, in place of what was there. Throws "credential-helper". */
export async function storeKept(helper: Helper, server: string, { username, secret }: HelperCredentials): Promise<void> {
  const { status, output } = await call(helper, "store", JSON.stringify({ ServerURL: server, Username: username, Secret: secret }));
  // A helper may say what it was told.
  if (status !== 0) throw failed(helper, "store", status, output.includes(secret) ? "" : output);
}

/** Forgets it; nothing kept is no error. Throws "credential-helper". */
export async function eraseKept(helper: Helper, server: string): Promise<void> {
  const { status, output } = await call(helper, "erase", server);
  if (status !== 0 && output.trim() !== NOT_FOUND) throw failed(helper, "erase", status, output);
}

async function call({ name, environment, timeoutMs = TIMEOUT_MS }: Helper, verb: Verb, input: string): Promise<ProgramEnd> {
  if (!NAME.test(name)) throw new MdkError("invalid", "credential-helper", `${JSON.stringify(name.slice(0, 80))} is no name of a credential helper`, { hint: "credsStore and credHelpers name a program docker-credential-NAME" });
  const program = `docker-credential-${name}`;
  const path = findProgram(program, environment["PATH"] ?? "");
  if (path === null) throw new MdkError("not-found", "credential-helper", `${program}: executable file not found in $PATH`, { hint: "install it, or take its name out of config.json" });
  const ended = await runProgram({ path, args: [verb], environment, input, outputBytesMax: OUTPUT_BYTES_MAX, timeoutMs }).catch((error: unknown) => {
    throw new MdkError("unavailable", "credential-helper", `${program} cannot be started: ${String((error as { code?: unknown }).code)}`);
  });
  if (ended.end === "timeout") throw new MdkError("unavailable", "credential-helper", `${program} ${verb}: no answer within ${timeoutMs / 1000} s`);
  if (ended.end === "output") throw new MdkError("corrupt", "credential-helper", `${program} ${verb}: answers with more than ${OUTPUT_BYTES_MAX} bytes`);
  return ended;
}

/** With its own words, unless they look like an answer: that would hold a secret. */
function failed({ name }: Helper, verb: Verb, status: number, output: string): MdkError {
  const words = output.trim().split("\n")[0]!.slice(0, TOLD_CHARACTERS_MAX);
  return new MdkError("unavailable", "credential-helper", `docker-credential-${name} ${verb}: exit status ${status}${words === "" || /["{}]/.test(output) ? "" : `: ${words}`}`);
}

/** The parser's error would quote the answer: it is not kept as a cause. */
function parse({ name }: Helper, verb: Verb, output: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(output);
    if (typeof document === "object" && document !== null) return document as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new MdkError("corrupt", "credential-helper", `docker-credential-${name} ${verb}: the answer is no JSON object`);
}
