/** Who keeps a container from being dealt with, for the sentence that a command ends with when its patience does. */
import { readlinkSync } from "node:fs";
import { opLockPath, runLockPath, type StateFile } from "../../runtime/state.ts";
import { runPaths } from "../../store/paths.ts";
import { lockHolders } from "../../sys/lock.ts";
import { describeProcess, identityOf } from "../../sys/pidfd.ts";

/** The processes that hold the lock of this file: "process 12 (mdk rm -f web), which is stopped". */
export function holdersOf(path: string): string {
  const pids = lockHolders(path);
  return pids.length === 0 ? "somebody holds it whom /proc does not show here" : pids.map(sentence).join(", ");
}

/** What lives of a running container: its monitor (who holds the run lock), cage and init. */
export function livingOf(runRoot: string, id: string, state: StateFile): string {
  const directory = runPaths(runRoot).container(id);
  const own = ([[state.cage, state.cageStart], [state.pid, state.pidStart]] as const).filter(([pid, start]) => identityOf(pid)?.startTime === start);
  const pids = new Set([...lockHolders(runLockPath(directory)), ...own.map(([pid]) => pid), ...lockHolders(opLockPath(directory))]);
  if (pids.size === 0) return "none of its processes can be seen in this /proc";
  // What identifies a process is when it started, and that is told in the reader's time (time_namespaces(7)).
  const here = namespaceOf("self");
  const elsewhere = [...pids].map(namespaceOf).some((namespace) => namespace !== null && namespace !== here);
  return `${[...pids].map(sentence).join(", ")}${elsewhere ? "; this command is in another time namespace than the container's monitor, and does not know its processes again" : ""}`;
}

function namespaceOf(pid: number | "self"): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/time`);
  } catch {
    return null;
  }
}

const STATES: Readonly<Record<string, string>> = {
  T: "which is stopped", t: "which a tracer holds", D: "which waits in the kernel", Z: "which is dead and not reaped",
};

function sentence(pid: number): string {
  const process = describeProcess(pid);
  if (process === null) return `process ${pid}, which has ended`;
  const state = STATES[process.state];
  return `process ${pid} (${process.command})${state === undefined ? "" : `, ${state}`}`;
}
