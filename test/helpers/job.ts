/**
 * A CI job as mdk meets it: a mount namespace whose data root is on an overlay. The job's processes end with `end`, its upper
 * directory stays until then, so that a job can be ended and begun again, as a container that is restarted.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MDK } from "./mdk.ts";

export interface JobEnded {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface JobOptions {
  readonly disk?: string | null;
  readonly before?: string;
  readonly mount?: string;
}

export class Job {
  readonly folder = mkdtempSync(join(tmpdir(), "mdk-job-"));
  /** The overlay; the data root is /root in it. */
  readonly place = join(this.folder, "merged");
  readonly root = join(this.place, "root");
  readonly #init: string;
  #pid: Bun.Subprocess<"pipe", "pipe", "inherit"> | null = null;

  /**
   * `disk`: bytes of the disk below the overlay, a tmpfs; `before`: shell commands run in the job before anything else; `mount`: shell
   * commands that mount on $place, with what they need in $below, instead of an overlay.
   */
  constructor({ disk = null, before = "", mount = "mount -t overlay job -o lowerdir=$below/lower,upperdir=$below/upper,workdir=$below/work $place" }: JobOptions = {}) {
    for (const name of ["merged", "below"]) mkdirSync(join(this.folder, name));
    const below = join(this.folder, "below");
    const small = disk === null ? "" : `mount -t tmpfs -o size=${disk} small ${below};`;
    // The process that serves a FUSE file system ends when that is unmounted.
    this.#init = `set -e; below=${below} place=${this.place}; ${small} mkdir -p $below/lower $below/upper $below/work; ${mount}; ${before}
      echo ready; read end || true; umount -l $place`;
  }

  /** Of the job's first process. */
  get pid(): number {
    if (this.#pid === null) throw new Error("the job has not begun");
    return this.#pid.pid;
  }

  /** In a network namespace of its own: what mdk makes there is gone with the job. */
  async begin(): Promise<this> {
    this.#pid = Bun.spawn(["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", this.#init], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const { value } = await this.#pid.stdout.getReader().read();
    if (new TextDecoder().decode(value) !== "ready\n") throw new Error("the job did not begin");
    return this;
  }

  /** Its namespaces go, as when its container is stopped. */
  async stop(): Promise<void> {
    this.#pid?.stdin.end();
    await this.#pid?.exited;
    this.#pid = null;
  }

  async end(): Promise<void> {
    if (this.#pid !== null) await this.mdk("clean", "-f");
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  words(...args: readonly string[]): string[] {
    return [MDK, "--root", this.root, "--run-root", join(this.folder, "run"), ...args];
  }

  mdk(...args: readonly string[]): Promise<JobEnded> {
    return this.run(this.words(...args));
  }

  /** Any command in the job; killed after a minute. */
  async run(command: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<JobEnded> {
    const { DOCKER_HOST: _host, MDK_ROOT: _root, MDK_RUN_ROOT: _runRoot, ...rest } = process.env;
    const child = Bun.spawn(["timeout", "-s", "KILL", "60", "nsenter", "-t", String(this.pid), "--mount", "--net", ...command], {
      stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...rest, ...environment },
    });
    const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return { status, out, err };
  }

  shell(script: string): Promise<JobEnded> {
    return this.run(["sh", "-c", script]);
  }

  /** Mounts at the data root and below, by their types. */
  mounts(): string[] {
    return readFileSync(`/proc/${this.pid}/mountinfo`, "utf8").split("\n").filter((line) => (line.split(" ")[4] ?? "").startsWith(this.root))
      .map((line) => `${line.split(" ")[4]!.slice(this.root.length)}:${line.split(" - ")[1]!.split(" ")[0]}`);
  }
}

/** Loop devices that hold a store, any job's. */
export function storeLoops(): number {
  return readdirSync("/sys/block").filter((name) => name.startsWith("loop") && backingFile(name).includes("/store.ext4")).length;
}

/** "" for a device without a file, and for one that is let go meanwhile. */
function backingFile(name: string): string {
  try {
    return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8");
  } catch {
    return "";
  }
}
