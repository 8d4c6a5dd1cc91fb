/** What commands take of the machine besides time: of the processor, the memory and the disk. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./engines.ts";
import { interleave } from "./sample.ts";
import { median, type Samples } from "./table.ts";
import type { Batch, Task } from "./timer.ts";
import type { World } from "./world.ts";

/** Medians of the rounds. */
export interface Taken {
  /** Of all processes of the machine, the registry's among them: engines do their work in daemons and helpers. */
  readonly cpuSeconds: number;
  /** The largest process of the command, or the daemons' high-water marks together. */
  readonly peakMib: number;
  /** To all disks, with what was written back afterwards. */
  readonly writtenMb: number;
}

export interface Work {
  readonly name: string;
  readonly world: World;
  readonly request: Task | Batch;
  /** Processes that work for the command beside its own. */
  readonly daemons: readonly number[];
  /** Whether what is on the disk has to be read from there. */
  readonly isCold?: boolean;
  /** Not measured; afterwards all is as before. */
  readonly before?: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
}

export async function interleaveTaken(rounds: number, works: readonly Work[]): Promise<{ readonly samples: Samples; readonly taken: Readonly<Record<string, Taken>> }> {
  const all = new Map<string, Taken[]>(works.map(({ name }) => [name, []]));
  const samples = await interleave(rounds, works.map((work) => ({
    name: work.name,
    sample: async () => {
      const { seconds, ...taken } = await measure(work);
      all.get(work.name)!.push(taken);
      return seconds;
    },
  })));
  const of = (name: string, key: keyof Taken): number => median(all.get(name)!.slice(1).map((taken) => taken[key]));
  return { samples, taken: Object.fromEntries(works.map(({ name }) => [name, { cpuSeconds: of(name, "cpuSeconds"), peakMib: of(name, "peakMib"), writtenMb: of(name, "writtenMb") }])) };
}

async function measure({ world, request, daemons, isCold = false, before, after }: Work): Promise<Taken & { readonly seconds: number }> {
  await before?.();
  await world.run({ argv: ["sync"] });
  if (isCold) writeFileSync("/proc/sys/vm/drop_caches", "3");
  // Documentation/filesystems/proc.rst: 5 sets VmHWM back.
  for (const pid of daemons) writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const [cpu, written] = [busySeconds(), writtenKib()];
  const { ms, peakKib } = await world.run(request);
  const cpuSeconds = busySeconds() - cpu;
  await world.run({ argv: ["sync"] });
  const writtenMb = ((writtenKib() - written) * 1024) / 1e6;
  const peakMib = (daemons.length > 0 ? daemons.reduce((sum, pid) => sum + highWaterKib(pid), 0) : peakKib) / 1024;
  await after?.();
  return { seconds: ms / 1000, cpuSeconds, peakMib, writtenMb };
}

/** The first line of /proc/stat (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, in hundredths. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "latin1"))![1]!.split(" ").map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

function writtenKib(): number {
  return Number(/^pgpgout (\d+)$/m.exec(readFileSync("/proc/vmstat", "latin1"))![1]);
}

function highWaterKib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]);
}

/** dockerd and what it has started. */
export function dockerDaemons({ folder }: Bench): number[] {
  const pid = Number(readFileSync(join(folder, "dockerd/pid"), "latin1"));
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").split(" ").filter((word) => word !== "").map(Number));
  return [pid, ...children];
}
