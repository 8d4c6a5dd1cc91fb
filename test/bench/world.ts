/** The mount namespaces in which engines are started: this one, and one without the hybrid host's cgroup v2. */
import type { Batch, Result, Task } from "./timer.ts";

export class World {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(prefix: readonly string[]) {
    const argv = [...prefix, process.execPath, "test/bench/timer.ts"];
    this.#process = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#lines = lines(this.#process.stdout)[Symbol.asyncIterator]();
  }

  /** Runs it; a status other than 0 is an error unless `anyStatus`. */
  async run(request: Task | Batch, anyStatus = false): Promise<Result> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    await this.#process.stdin.flush();
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the timer has ended");
    const result = JSON.parse(value) as Result;
    if (result.status !== 0 && !anyStatus) {
      const what = "batch" in request ? `${request.batch.length} × ${request.batch[0]?.join(" ")}` : request.argv.join(" ");
      throw new Error(`${what}: status ${result.status}: ${result.stderr}`);
    }
    return result;
  }

  async close(): Promise<void> {
    await this.#process.stdin.end();
    await this.#process.exited;
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

export function hostWorld(): World {
  return new World([]);
}

/** crun 1.8, runc and podman 4.3 stumble over a cgroup v2 mount that has a controller beside v1. */
export function plainWorld(): World {
  const script = 'if grep -q " /sys/fs/cgroup/unified cgroup2 " /proc/mounts; then umount /sys/fs/cgroup/unified; fi; exec "$@"';
  return new World(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]);
}
