/** What a container uses at this moment, and what it has used since the moment before. */
import { readFileSync } from "node:fs";
import { readUsage, type GroupUsage } from "../../cgroup/stats.ts";
import { readContainer, type Container, type ContainerLine } from "../../store/containers.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { readStatus } from "../end/status.ts";
import { lives } from "../end/words.ts";

export interface Sample extends GroupUsage {
  /** By the clock that never jumps. */
  readonly atMs: number;
  /** Bytes that came and went over its own interfaces. */
  readonly received: number;
  readonly sent: number;
}

export interface Usage extends Sample {
  /** Hundredths of one processor since the sample before; 0 without one. */
  readonly cpuPercent: number;
  readonly memoryPercent: number;
}

/** Null: it does not run. */
export function readSample(context: Context, container: Pick<ContainerLine, "id">): Sample | null {
  const row = readContainer(context.database(), container.id);
  if (row === null) return null;
  const { word, pid } = readStatus(context, row);
  if (!lives(word)) return null;
  const usage = readUsage(context.cgroups(), row.cgroup);
  const total = totalMemory();
  return { ...usage, memoryLimit: Math.min(usage.memoryLimit, total), atMs: monotonicMs(), ...networkOf(row, pid) };
}

export function usageOf(now: Sample, before: Sample | null): Usage {
  const elapsedNs = before === null ? 0 : (now.atMs - before.atMs) * 1e6;
  const spent = before === null ? 0 : Math.max(0, now.cpuNs - before.cpuNs);
  return { ...now, cpuPercent: elapsedNs > 0 ? (spent * 100) / elapsedNs : 0, memoryPercent: (now.memory * 100) / now.memoryLimit };
}

/** proc_pid_net(5): bytes are the first field of what came, and the ninth. The host's are nobody's, as with Docker. */
function networkOf({ host }: Container, pid: number): Pick<Sample, "received" | "sent"> {
  if (host.NetworkMode === "host") return { received: 0, sent: 0 };
  const lines = textOf(`/proc/${pid}/net/dev`).split("\n").slice(2).map((line) => line.trim().split(/[:\s]+/));
  const own = lines.filter(([name]) => name !== undefined && name !== "" && name !== "lo");
  const sum = (field: number): number => own.reduce((total, fields) => total + Number(fields[field]), 0);
  return { received: sum(1), sent: sum(9) };
}

function totalMemory(): number {
  return Number(/^MemTotal:\s+(\d+)/m.exec(textOf("/proc/meminfo"))?.[1] ?? 1) * 1024;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
