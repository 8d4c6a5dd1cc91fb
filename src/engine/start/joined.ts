/** The containers whose namespaces another one is started in: found running, and held by descriptors, so that they are still the same when they are joined. */
import { MdkError } from "../../error.ts";
import { readCondition } from "../../runtime/state.ts";
import type { HostConfig } from "../../spec/container.ts";
import { joinedContainer } from "../../spec/namespace-modes.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { openProcess } from "../../sys/pidfd.ts";
import type { Context } from "../context.ts";
import type { Donor, Joined } from "./prepare.ts";

/** Opens them through `keep`. Throws MdkError in Docker's words: one that is gone, does not run, or shares no IPC. */
export function openJoined(context: Context, { PidMode, IpcMode }: HostConfig, keep: (descriptor: number) => number): Joined {
  const [pid, ipc] = [joinedContainer(PidMode), joinedContainer(IpcMode)];
  return { pid: pid === null ? null : openPid(context, pid, keep), ipc: ipc === null ? null : openIpc(context, ipc, keep) };
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
