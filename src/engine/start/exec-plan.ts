/** The plan of one more process in a container: for an exec, and for the probes of its health. */
import { closeSync, constants, openSync } from "node:fs";
import { describe, monitorGroup } from "../../cgroup/group.ts";
import { placeInGroup } from "../../cgroup/vacate.ts";
import type { Descriptors } from "../../runtime/descriptors.ts";
import type { Exec } from "../../runtime/plan.ts";
import { planExec } from "../../runtime/planner.ts";
import type { Window } from "../../runtime/process-steps.ts";
import type { Process, Spec } from "../../spec/types.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { monitorParent } from "../host/identity.ts";
import { planMonitor, type Streaming } from "./monitor-plan.ts";

export interface ExecPlanInput {
  readonly id: string;
  readonly spec: Spec;
  readonly process: Process;
  readonly streaming: Streaming;
  /** The directory of its record; null: it has none. */
  readonly record: number | null;
  /** A file that its monitor keeps open. */
  readonly lock: number;
  /** pidfds. */
  readonly cage: number;
  readonly init: number;
  /** Host pid of init. */
  readonly pid: number;
  readonly report: number;
  readonly descriptors: Descriptors;
  /** Descriptors that are opened go through it: the caller closes them when the plan was sent. */
  readonly keep: (descriptor: number) => number;
  /** Its seccomp filter (runtime/seccomp.ts), or null. */
  readonly filter: string | null;
  readonly window: Window | null;
}

export function planExecIn(context: Context, container: Container, input: ExecPlanInput): Exec {
  const { descriptors, keep, process, spec } = input;
  const cgroups = context.cgroups();
  const group = describe(cgroups, container.cgroup);
  const open = (path: string, flags: number): number => descriptors.add(keep(openSync(path, flags)));
  const monitor = planMonitor({
    descriptors, keep, streaming: input.streaming, monitorGroup: monitorGroup(cgroups, monitorParent(context, container)), listener: null, record: input.record, oomFile: null, guarded: null, holds: [], served: [],
    log: null, cleanup: [], tellAfterCleanup: false, health: null,
  });
  return planExec({
    id: input.id, spec, process, monitor, cage: descriptors.add(input.cage), init: descriptors.add(input.init), runLock: descriptors.add(input.lock), report: descriptors.add(input.report),
    cgroup: {
      v2: group.v2 === null ? null : open(group.v2 + placeInGroup(input.pid, container.cgroup), constants.O_RDONLY | constants.O_DIRECTORY),
      tasks: group.tasks.map((path) => open(path, constants.O_WRONLY)),
    },
    keyrings: keyrings(), filter: input.filter, window: input.window,
  });
}

function keyrings(): boolean {
  try {
    closeSync(openSync("/proc/keys", "r"));
    return true;
  } catch {
    return false;
  }
}
