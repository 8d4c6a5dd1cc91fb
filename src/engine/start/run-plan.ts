/** The plan of a container's start: cgroup, descriptors and monitor, joined to what the planner makes of the spec. */
import { constants, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Cgroups } from "../../cgroup/detect.ts";
import { freezerFile } from "../../cgroup/freeze.ts";
import { createGroup, monitorGroup } from "../../cgroup/group.ts";
import { ensureGroups, ensureParent } from "../../cgroup/parent.ts";
import type { Descriptors } from "../../runtime/descriptors.ts";
import type { Run } from "../../runtime/plan.ts";
import { planRun } from "../../runtime/planner.ts";
import type { Window } from "../../runtime/process-steps.ts";
import { runLockPath } from "../../runtime/state.ts";
import { seccompFilter } from "../../runtime/seccomp.ts";
import type { LinuxNamespaceType } from "../../spec/types.ts";
import { runPaths } from "../../store/paths.ts";
import { isMountPoint } from "../../sys/at.ts";
import { openLock } from "../../sys/lock.ts";
import { listenUnix } from "../../sys/socket.ts";
import type { Begun } from "./begin.ts";
import type { Context } from "../context.ts";
import { monitorParent, ownCommand } from "../host/identity.ts";
import { cgroupLayout, machine, readPathKinds } from "../host/facts.ts";
import { resolverPort } from "../network/ways.ts";
import { planHealthTimes, planLog, planMonitor, type MonitorInput, type Streaming } from "./monitor-plan.ts";
import type { Donor, Donors, PreparedRoot } from "./prepare.ts";

export interface RunPlanInput {
  readonly root: PreparedRoot;
  readonly joined: Donors;
  readonly descriptors: Descriptors;
  readonly streaming: Streaming;
  readonly window: Window | null;
  /** The shim's end of the report socket. */
  readonly report: number;
  /** The container's directory in the store. */
  readonly store: string;
  /** Null: the kernel leads all of its published ports to it. */
  readonly proxy: typeof import("../network/proxy.ts") | null;
  /** Its monitor answers for its networks' names. */
  readonly hasResolver: boolean;
  readonly keep: (descriptor: number) => number;
  readonly warn: (text: string) => void;
}

/** Makes the container's cgroup and the plan that puts it there. Descriptors that are opened go through `keep`. */
export async function makeRunPlan(context: Context, begun: Begun, input: RunPlanInput): Promise<Run> {
  const { container, opLock } = begun;
  const { root, descriptors, keep } = input;
  const parent = monitorParent(context, container);
  const cgroups = context.cgroups();
  ensureParent(cgroups, parent);
  if (container.host.CgroupParent !== "") ensureGroups(cgroups, dirname(container.cgroup));
  const { group, warnings } = createGroup(cgroups, container.cgroup, root.spec.linux.resources);
  for (const text of warnings) input.warn(text);
  const directory = (path: string): number => descriptors.add(keep(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)));
  const run = runPaths(context.runRoot).container(container.id);
  const runDirectory = keep(openSync(run, constants.O_RDONLY | constants.O_DIRECTORY));
  const rootIndex = descriptors.add(root.mount);
  const words = ownCommand(context);
  const monitor = planMonitor({
    descriptors, keep, streaming: input.streaming, monitorGroup: monitorGroup(cgroups, parent),
    listener: keep(listenUnix(runDirectory, "attach")), record: runDirectory, oomFile: group.oomFile,
    guarded: container.host.PidMode === "" || group.procs === null ? null : { procs: group.procs, kill: group.kill !== null && existsSync(group.kill) ? group.kill : null }, ...heldBy(begun, input),
    log: planLog(container, directory(input.store)),
    cleanup: [...words, "container", "cleanup", container.id], tellAfterCleanup: container.host.AutoRemove,
    health: planHealthTimes(container, words, () => {
      const file = freezerFile(cgroups, container.cgroup);
      return file === null ? null : descriptors.add(keep(openSync(file, constants.O_RDONLY)));
    }),
  });
  const groups = container.host.CgroupnsMode === "host" && cgroups.mode !== "v2" ? await groupMounts(cgroups, container.cgroup, input) : new Map<string, number>();
  return planRun({
    id: container.id, monitor, spec: root.spec,
    runLock: descriptors.add(keep(openLock(runLockPath(run)))), opLock: descriptors.add(opLock), report: descriptors.add(input.report),
    holdMounts: !container.host.AutoRemove, root: rootIndex, inChroot: !isMountPoint("/"),
    cgroup: { v2: group.v2 === null ? null : directory(group.v2), tasks: group.tasks.map((path) => descriptors.add(keep(openSync(path, constants.O_WRONLY)))) },
    namespaces: namespacesOf(input), shm: input.joined.ipc === null ? null : descriptors.add(input.joined.ipc.fd), resolverPort: input.hasResolver ? resolverPort(begun.reservation.way) : null, filter: await seccompFilter(root.spec, machine()), window: input.window,
    binds: new Map([...root.binds].map(([destination, { fd, kind }]) => [destination, { fd: descriptors.add(fd), kind }])),
    kinds: readPathKinds(root.spec.linux), cgroups: cgroupLayout(cgroups), groups,
  });
}

/** Sockets that only hold their ports, and those that the monitor serves. */
function heldBy(begun: Begun, { proxy }: Pick<RunPlanInput, "proxy">): Pick<MonitorInput, "holds" | "served"> {
  const held = begun.reservation.ports.flatMap((request) => request.held);
  return { holds: held.flatMap(({ descriptors, served }) => (served ? [] : descriptors)), served: proxy?.servedPorts(begun) ?? [] };
}

async function groupMounts(cgroups: Cgroups, path: string, { root, descriptors, keep }: RunPlanInput): Promise<Map<string, number>> {
  const options = root.spec.mounts.find(({ type }) => type === "cgroup")?.options ?? [];
  const { openGroupMounts } = await import("./group-mounts.ts");
  return new Map([...openGroupMounts(cgroups, path, options, keep)].map(([name, fd]) => [name, descriptors.add(fd)]));
}

function namespacesOf({ joined, descriptors }: RunPlanInput): Map<LinuxNamespaceType, number> {
  const donors = Object.entries(joined) as [LinuxNamespaceType, Donor | null][];
  return new Map(donors.flatMap(([type, donor]) => (donor === null ? [] : [[type, descriptors.add(donor.fd)]])));
}
