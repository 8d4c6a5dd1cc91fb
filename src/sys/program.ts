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
}

export interface ProgramEnd {
  /** "timeout" and "output": it was killed for one or the other. */
  readonly end: "exited" | "timeout" | "output";
  /** The exit status, 137 for any signal. */
  readonly status: number;
  /** What it wrote to its standard output until then, at most `outputBytesMax` bytes of it. */
  readonly output: string;
}

/**
 * Runs a program to its end. Its standard error is ours, and so is its terminal, on which it may ask the user. What it started and left
 * is not waited for once its time is over. Throws node's errors of spawn.
 */
export async function runProgram({ path, args, environment, input, outputBytesMax, timeoutMs }: ProgramCall): Promise<ProgramEnd> {
  const child = Bun.spawn([path, ...args], { stdin: Buffer.from(input), stdout: "pipe", stderr: "inherit", env: { ...environment } });
  const reader = child.stdout.getReader();
  let end: ProgramEnd["end"] = "exited";
  const stop = (why: ProgramEnd["end"]): void => {
    end = why;
    child.kill("SIGKILL");
    // Whoever else holds the pipe's other end would keep us here.
    void reader.cancel().catch(() => {});
  };
  const timer = setTimeout(() => stop("timeout"), timeoutMs);
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
  }
  return { end, status: child.exitCode ?? 137, output: Buffer.concat(parts).toString("utf8") };
}
