/** `--sysctl`: only settings that a namespace of the container's own has (docker/cli opts.ValidateSysctl, runc's validator). Pure. */
import { MdkError } from "../error.ts";
import type { HostConfig } from "./container.ts";

/** ipc_namespaces(7): settings of System V IPC. */
const IPC: ReadonlySet<string> = new Set([
  "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
]);

/** Throws MdkError for a setting of the whole host, and for what is no name of a setting. */
export function checkSysctls(sysctls: Readonly<Record<string, string>>, { NetworkMode, IpcMode }: Pick<HostConfig, "NetworkMode" | "IpcMode">): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const path = sysctlPath(name);
    const dotted = path.replaceAll("/", ".");
    if (!IPC.has(dotted) && !dotted.startsWith("net.") && !dotted.startsWith("fs.mqueue.")) throw refused(`${name}=${value}`);
    if (/[\0\n]/.test(value)) throw refused(`${name}=${JSON.stringify(value)}`);
    const isNet = dotted.startsWith("net.");
    if (isNet && NetworkMode === "host") throw new MdkError("invalid", "invalid-sysctl", `sysctl "${name}" not allowed in host network namespace`);
    if (!isNet && IpcMode === "host") throw new MdkError("invalid", "invalid-sysctl", `sysctl "${name}" is not allowed in the hosts ipc namespace`);
  }
}

/**
 * "net.ipv4.ip_forward" → "net/ipv4/ip_forward": its file below /proc/sys. Slashes may stand for dots, as sysctl(8) allows for
 * names of interfaces with dots. No part of it leads anywhere else.
 */
export function sysctlPath(name: string): string {
  const path = name.includes("/") ? name : name.replaceAll(".", "/");
  if (!path.split("/").every((part) => /^[\w@:-][\w.@:-]*$/.test(part))) throw refused(name);
  return path;
}

function refused(written: string): MdkError {
  return new MdkError("invalid", "invalid-sysctl", `sysctl '${written}' is not allowed`, { hint: "settings of the network (net.), of message queues (fs.mqueue.) and of System V IPC belong to the container; the others are the host's" });
}
