/** The containers whose namespaces another one is started in: found running, and held by descriptors, so that they are still the same when they are joined. */
import { MdkError } from "../../error.ts";
import { readCondition } from "../../runtime/state.ts";
import type { HostConfig } from "../../spec/container.ts";
import { joinedContainer } from "../../spec/namespace-modes.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { openProcess } from "../../sys/pidfd.ts";
import type { Context } from "../context.ts";
import type { Donor, Donors } from "./prepare.ts";

/** Opens them through `keep`. Throws MdkError in Docker's words: one that is gone, does not run, or shares no IPC. */
export function openJoined(context: Context, { PidMode, IpcMode, NetworkMode }: HostConfig, keep: (descriptor: number) => number): Donors {
  const [pid, ipc, network] = [joinedContainer(PidMode), joinedContainer(IpcMode), joinedContainer(NetworkMode)];
  return {
    pid: pid === null ? null : openPid(context, pid, keep), ipc: ipc === null ? null : openIpc(context, ipc, keep),
    network: network === null ? null : openNetwork(context, network, keep),
  };
}

/** Whose hosts, hostname and resolv.conf the container has: the one whose network namespace it is in, however many lie between. Throws "no-such-container". */
export function fileOwner(context: Context, { id, host }: Pick<Container, "id" | "host">): string {
  const seen = new Set([id]);
  for (let owner = joinedContainer(host.NetworkMode), last = id; ; last = owner, owner = joinedContainer(rowOf(context, owner, "").host.NetworkMode)) {
    if (owner === null || seen.has(owner)) return last;
    seen.add(owner);
  }
}

/** The same file, getNetworkedContainer. */
function openNetwork(context: Context, id: string, keep: (descriptor: number) => number): Donor {
  const row = rowOf(context, id, "");
  const condition = readCondition(runPaths(context.runRoot).container(id));
  if (condition.kind !== "running") throw new MdkError("conflict", "not-running", `cannot join network of a non running container: ${id}`);
  return openDonor(context, row, keep, "");
}

/** moby daemon/container_operations_unix.go, getPIDContainer. */
function openPid(context: Context, id: string, keep: (descriptor: number) => number): Donor {
  return openDonor(context, rowOf(context, id, ""), keep, "");
}

/** The same file, getIPCContainer. */
function openIpc(context: Context, id: string, keep: (descriptor: number) => number): Donor {
  const prefix = `can't join IPC of container ${id}: `;
  const row = rowOf(context, id, prefix);
  const donor = openDonor(context, row, keep, prefix);
  if (row.host.IpcMode !== "private" && row.host.IpcMode !== "none") return donor;
  throw new MdkError("conflict", "not-shareable", `${prefix}non-shareable IPC (hint: use IpcMode:shareable for the donor container)`);
}

function rowOf(context: Context, id: string, prefix: string): Container {
  const row = readContainer(context.database(), id);
  if (row === null) throw new MdkError("not-found", "no-such-container", `${prefix}No such container: ${id}`);
  return row;
}

function openDonor(context: Context, { id }: Container, keep: (descriptor: number) => number, prefix: string): Donor {
  const condition = readCondition(runPaths(context.runRoot).container(id));
  const fd = condition.kind === "running" ? openProcess(condition.state.pid, condition.state.pidStart) : null;
  if (condition.kind !== "running" || fd === null) throw new MdkError("conflict", "not-running", `${prefix}container ${id} is not running`);
  return { pid: condition.state.pid, fd: keep(fd) };
}
