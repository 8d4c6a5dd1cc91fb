/** Private memory of what stays beside a detached container: the processes above its PID 1, up to init. */
import { readFileSync } from "node:fs";
import { call, pullAll, removeAll, type Bench } from "./engines.ts";
import type { Row } from "./table.ts";

export async function memoryRow(bench: Bench): Promise<Row> {
  await pullAll(bench, bench.busybox);
  const count = 5;
  const samples: Record<string, number[]> = {};
  for (const engine of bench.engines) {
    for (let index = 0; index < count; index++) await call(engine, ["run", "-d", "--name", `kept-${index}`, bench.busybox, "sleep", "1000000"]);
  }
  await Bun.sleep(2000);
  for (const engine of bench.engines) {
    for (let index = 0; index < count; index++) {
      const pid = (await call(engine, ["inspect", "-f", "{{.State.Pid}}", `kept-${index}`], { capture: true })).stdout.trim();
      (samples[engine.name] ??= []).push(ancestors(Number.parseInt(pid, 10)).reduce((sum, process) => sum + privateKib(process), 0));
    }
  }
  await removeAll(bench);
  return { what: "private memory beside a detached container (without daemons)", unit: "KiB", samples, against: null, budget: 96 };
}

/** mdk: cage and monitor; docker: containerd-shim; podman: conmon. A foreign subreaper further up is not the engine's. */
const MACHINERY = /^(mdk-shim|containerd-shim|conmon)/;

function ancestors(pid: number): number[] {
  const above: number[] = [];
  for (let next = field(pid, "PPid"); next > 1 && MACHINERY.test(readFileSync(`/proc/${next}/comm`, "utf8")); next = field(next, "PPid")) above.push(next);
  return above;
}

function field(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number.parseInt(match?.[1] ?? "0", 10);
}

function privateKib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return [...text.matchAll(/^Private_(?:Clean|Dirty):\s*(\d+) kB/gm)].reduce((sum, match) => sum + Number.parseInt(match[1] ?? "0", 10), 0);
}
