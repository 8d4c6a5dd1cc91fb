/**
 * The built executable with state of its own: `startWorld("busybox")` in beforeAll, `world.close()` in afterAll. A world
 * takes its images from a registry that is gone again before the first test.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageLayout } from "./fixtures.ts";
import { push, startRegistry } from "./registry.ts";

/** MDK_TEST_EXECUTABLE: another one than the built one, an installed one for instance. */
export const MDK = process.env["MDK_TEST_EXECUTABLE"] ?? join(import.meta.dir, "../../dist/mdk");

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Calling {
  readonly stdin?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Milliseconds after which a command counts as hanging: it is killed and the test sees status -1. */
const PATIENCE_MS = 60_000;

export class World {
  readonly folder: string;
  readonly root: string;
  readonly runRoot: string;

  constructor(folder = mkdtempSync(join(tmpdir(), "mdk-cli-"))) {
    this.folder = folder;
    this.root = join(folder, "root");
    this.runRoot = join(folder, "run");
  }

  /** The words of a command line: for spawning by other means. */
  words(...args: readonly string[]): string[] {
    return [MDK, "--root", this.root, "--run-root", this.runRoot, ...args];
  }

  /** Runs a command to its end. Without `stdin` it reads /dev/null. */
  mdk(args: readonly string[], calling: Calling = {}): Result {
    const input = calling.stdin === undefined ? "ignore" : typeof calling.stdin === "string" ? Buffer.from(calling.stdin) : calling.stdin;
    const done = Bun.spawnSync(this.words(...args), {
      stdin: input, env: environment(calling.environment), timeout: PATIENCE_MS, killSignal: "SIGKILL",
    });
    return { status: done.exitCode ?? -1, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
  }

  /** The standard output, without the last newline, of a command that must succeed. */
  ok(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.mdk(args);
    if (status !== 0) throw new Error(`mdk ${args.join(" ")}: ${status}: ${stderr}`);
    return stdout.replace(/\n$/, "");
  }

  /** Starts a command and leaves it: piped streams. */
  spawn(args: readonly string[], stdin: "pipe" | "ignore" = "pipe"): Bun.Subprocess<"pipe" | "ignore", "pipe", "pipe"> {
    return Bun.spawn(this.words(...args), { stdin, stdout: "pipe", stderr: "pipe", env: environment() });
  }

  inspect(container: string, path: string): string {
    return this.ok("inspect", "-f", `{{${path}}}`, container);
  }

  /** Pid of the container's PID 1 as the host counts. */
  pid(container: string): number {
    return Number(this.inspect(container, ".State.Pid"));
  }

  removeAll(): void {
    const ids = this.ok("ps", "-aq").split("\n").filter((id) => id !== "");
    if (ids.length > 0) this.mdk(["rm", "-f", ...ids]);
  }

  close(): void {
    this.mdk(["clean", "-f"]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function environment(own: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  const { DOCKER_HOST: _host, MDK_ROOT: _root, MDK_RUN_ROOT: _runRoot, ...rest } = process.env;
  return { ...rest, ...own };
}

/** A world that holds these images, by their short names ("busybox"). */
export async function startWorld(...images: readonly ("busybox" | "debian")[]): Promise<World & { readonly image: (name: string) => string }> {
  const registry = await startRegistry();
  const world = new World();
  try {
    for (const image of images) {
      push(`${imageLayout(image)}:latest`, `${registry.host}/${image}`);
      world.ok("pull", "-q", `${registry.host}/${image}`);
    }
  } finally {
    await registry.stop();
  }
  return Object.assign(world, { image: (name: string) => `${registry.host}/${name}` });
}

/** Field of /proc/PID/status, or null. */
export function statusOf(pid: number, field: string): string | null {
  try {
    return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** There and no zombie. */
export function alive(pid: number): boolean {
  const state = statusOf(pid, "State");
  return state !== null && !state.startsWith("Z") && !state.startsWith("X");
}

export const parentOf = (pid: number): number => Number(statusOf(pid, "PPid"));

/** All live processes below these, themselves included. */
export function descendants(...roots: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(Number(name)));
  const found = new Set(roots);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Monitors of a run root, those that wait for a restart included: by the directories that they hold open. */
export function monitorsOf(runRoot: string): number[] {
  const leads = (path: string): boolean => {
    try {
      return readlinkSync(path).startsWith(runRoot);
    } catch {
      return false;
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("mdk-shim") && readdirSync(`/proc/${pid}/fd`).some((fd) => leads(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  });
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, milliseconds = 10_000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await Bun.sleep(20);
  }
}
