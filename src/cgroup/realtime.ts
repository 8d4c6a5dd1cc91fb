/** Real-time budgets on v1 (Documentation/scheduler/sched-rt-group.rst): a group has what its parent can give, and new groups have none. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const RUNTIME = "cpu.rt_runtime_us";
const PERIOD = "cpu.rt_period_us";

const number = (directory: string, file: string): number => Number(readFileSync(`${directory}/${file}`, "utf8"));

/** The share of a processor that a group has, 0…1. */
const shareOf = (directory: string): number => Math.max(0, number(directory, RUNTIME)) / number(directory, PERIOD);

/**
 * Sees to a budget of every group from the hierarchy's root down to `path` that its children's fit in together with `share` more. It is
 * never made smaller. Throws node's error (EINVAL) where a group above cannot give as much.
 */
export function ensureRealtimeBudget(mountpoint: string, path: string, share: number): void {
  let directory = mountpoint;
  for (const part of path.split("/")) {
    directory += `/${part}`;
    const groups = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => shareOf(`${directory}/${name}`));
    const needed = Math.ceil((groups.reduce((sum, each) => sum + each, 0) + share) * number(directory, PERIOD));
    if (number(directory, RUNTIME) < needed) writeFileSync(`${directory}/${RUNTIME}`, String(needed), { flag: "r+" });
  }
}
