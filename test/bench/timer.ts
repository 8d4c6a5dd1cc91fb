/**
 * Runs and times commands for main.ts, one request a line on standard input, one answer a line on standard output. One
 * such process stands in each mount namespace, so that every engine is started by the same few instructions.
 */

export interface Task {
  readonly argv: readonly string[];
  /** Keep standard output and give it back. */
  readonly capture?: boolean;
}

/** Many commands, so many at a time. */
export interface Batch {
  readonly batch: readonly (readonly string[])[];
  readonly width: number;
}

export interface Result {
  /** From before the start until the command was reaped. */
  readonly ms: number;
  /** Wall clock at the end, milliseconds since 1970 with fractions. */
  readonly endMs: number;
  /** Exit status; of a batch: how many failed. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The largest process of the command that was waited for (getrusage(2), ru_maxrss). */
  readonly peakKib: number;
}

function runTask({ argv, capture }: Task): Result {
  const start = performance.now();
  const child = Bun.spawnSync([...argv], { stdin: "ignore", stdout: capture === true ? "pipe" : "ignore", stderr: "pipe" });
  const end = performance.now();
  return {
    ms: end - start,
    endMs: performance.timeOrigin + end,
    status: child.exitCode,
    stdout: child.stdout?.toString() ?? "",
    stderr: child.stderr.toString().slice(-2000),
    peakKib: child.resourceUsage.maxRSS / 1024,
  };
}

async function runBatch({ batch, width }: Batch): Promise<Result> {
  const queue = [...batch];
  let status = 0;
  let stderr = "";
  let peakKib = 0;
  const start = performance.now();
  const worker = async (): Promise<void> => {
    for (let argv = queue.shift(); argv !== undefined; argv = queue.shift()) {
      const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
      const text = await new Response(child.stderr).text();
      const code = await child.exited;
      peakKib = Math.max(peakKib, (child.resourceUsage()?.maxRSS ?? 0) / 1024);
      if (code !== 0) [status, stderr] = [status + 1, text.slice(-2000)];
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  const end = performance.now();
  return { ms: end - start, endMs: performance.timeOrigin + end, status, stdout: "", stderr, peakKib };
}

if (import.meta.main) {
  for await (const line of console) {
    if (line === "") continue; // the end of the input is one
    const request = JSON.parse(line) as Task | Batch;
    console.log(JSON.stringify("batch" in request ? await runBatch(request) : runTask(request)));
  }
}
