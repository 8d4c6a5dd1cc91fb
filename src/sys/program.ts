/** Programs of the host, for the few things that are theirs to do: found by name, told something, listened to for a while. */
import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";

/** The file that PATH (of the environment) has for a name, or null. Directories that are not absolute do not count: they would be those of whoever chose where we stand. */
export function findProgram(name: string, path: string): string | null {
  return path.split(":").filter(isAbsolute).map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export interface ProgramCall {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** All that its standard input holds. */
  readonly input: string;
  readonly outputBytesMax: number;
  readonly timeoutMs: number;
  /** What it writes to its standard error is kept, the first of it, instead of being ours. */
  readonly keepsErrors?: boolean;
  /** It is in a session of its own, without a terminal: what it starts is killed with it. */
  readonly alone?: boolean;
  /** Kills it. */
  readonly signal?: AbortSignal;
}

export interface ProgramEnd {
  /** Else it was killed for that. */
  readonly end: "exited" | "timeout" | "output" | "aborted";
  /** The exit status, 137 for any signal. */
  readonly status: number;
  /** What it wrote to its standard output until then, at most `outputBytesMax` bytes of it. */
  readonly output: string;
  /** "" unless they are kept. */
  readonly errors: string;
}

/** Of standard error, which may be as long as somebody far away likes. */
const ERROR_BYTES_MAX = 4096;

/**
 * Runs a program to its end. Its standard error is ours unless it is kept, and so is its terminal, on which it may ask the user, unless it is alone. What it
 * started and left is not waited for once its time is over. Throws node's errors of spawn.
 */
export async function runProgram({ path, args, environment, input, outputBytesMax, timeoutMs, keepsErrors = false, alone = false, signal }: ProgramCall): Promise<ProgramEnd> {
  const child = Bun.spawn([path, ...args], { stdin: Buffer.from(input), stdout: "pipe", stderr: keepsErrors ? "pipe" : "inherit", env: { ...environment }, detached: alone });
  const reader = child.stdout.getReader();
  let end: ProgramEnd["end"] = "exited";
  const stop = (why: ProgramEnd["end"]): void => {
    end = why;
    kill(child, alone);
    // Whoever else holds the pipe's other end would keep us here.
    void reader.cancel().catch(() => {});
  };
  const timer = setTimeout(() => stop("timeout"), timeoutMs);
  const abort = (): void => stop("aborted");
  signal?.addEventListener("abort", abort, { once: true });
  const errors = child.stderr === undefined ? null : firstOf(child.stderr);
  const parts: Uint8Array[] = [];
  try {
    for (let length = 0; ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > outputBytesMax) {
        stop("output");
        break;
      }
      parts.push(value);
    }
    await child.exited;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
  const said = errors === null ? "" : await errors();
  return { end, status: child.exitCode ?? 137, output: Buffer.concat(parts).toString("utf8"), errors: said };
}

/** A session that is led by it is a process group of its pid, which is nobody else's as long as any of them is there (setsid(2)). */
function kill(child: Pick<Bun.Subprocess, "pid" | "kill">, alone: boolean): void {
  child.kill("SIGKILL");
  if (!alone) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

/** What it started may hold its standard error open for as long as it likes. */
const ERROR_PATIENCE_MS = 200;

/** Takes all of a stream, so that its writer never waits; the beginning of it is given to who asks when the writer is gone. */
function firstOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const parts: Uint8Array[] = [];
  const taken = (async () => {
    let length = 0;
    for await (const chunk of stream) {
      if (length < ERROR_BYTES_MAX) parts.push(chunk.slice(0, ERROR_BYTES_MAX - length));
      length += chunk.length;
    }
  })().catch(() => {});
  return async () => {
    await Promise.race([taken, Bun.sleep(ERROR_PATIENCE_MS)]);
    return Buffer.concat(parts).toString("utf8");
  };
}
