/** `--pid`, `--ipc`, `--uts`, `--cgroupns`: whose namespaces a container is in, in the words of Docker's API (container.PidMode …). Pure. */
import { MdkError } from "../error.ts";

/** A container whose namespace is joined: by its id since the row was made, by what the user wrote before. */
export type JoinedMode = `container:${string}`;
/** "": the container's own. */
export type PidMode = "" | "host" | JoinedMode;
/** `shareable`: its own, and others may join; `none`: its own, without /dev/shm. */
export type IpcMode = "none" | "private" | "shareable" | "host" | JoinedMode;
export type UtsMode = "" | "host";
export type CgroupnsMode = "private" | "host";

/** Members of HostConfig. */
export interface NamespaceModes {
  CgroupnsMode: CgroupnsMode;
  IpcMode: IpcMode;
  PidMode: PidMode;
  UTSMode: UtsMode;
}

/** The container of "container:NAME"; null for the other modes. */
export function joinedContainer(mode: string): string | null {
  return mode.startsWith(JOINED) ? mode.slice(JOINED.length) : null;
}

/** Whether any namespace of another container's is joined. */
export function isJoining({ PidMode, IpcMode, NetworkMode }: Pick<NamespaceModes, "PidMode" | "IpcMode"> & { readonly NetworkMode: string }): boolean {
  return [PidMode, IpcMode, NetworkMode].some((mode) => joinedContainer(mode) !== null);
}

export const joining = (container: string): JoinedMode => `${JOINED}${container}`;

const JOINED = "container:";

export function isJoined(text: string): text is JoinedMode {
  return text.startsWith(JOINED) && text !== JOINED;
}

/** Throws "invalid PID mode". */
export function parsePidMode(text: string): PidMode {
  if (text === "" || text === "host" || isJoined(text)) return text;
  throw invalid("invalid PID mode");
}

/** "" is Docker's default for new containers. */
export function parseIpcMode(text: string): IpcMode {
  if (text === "") return "private";
  if (text === "none" || text === "private" || text === "shareable" || text === "host" || isJoined(text)) return text;
  throw invalid(`invalid IPC mode: ${text}`);
}

export function parseUtsMode(text: string): UtsMode {
  if (text === "" || text === "host") return text;
  throw invalid("invalid UTS mode");
}

/** "" is Docker's default on cgroup v2, and mdk's on v1 too. */
export function parseCgroupnsMode(text: string): CgroupnsMode {
  if (text === "") return "private";
  if (text === "private" || text === "host") return text;
  throw invalid("invalid CGROUP mode");
}

/** What the modes rule out (moby runconfig/hostconfig_unix.go; runc libcontainer/configs/validate). `hostname`: as the request has it. */
export function checkModes({ UTSMode }: Pick<NamespaceModes, "UTSMode">, { Hostname, Domainname }: { readonly Hostname: string; readonly Domainname: string }): void {
  if (UTSMode !== "host") return;
  if (Hostname !== "") throw invalid("conflicting options: hostname and the UTS mode");
  if (Domainname !== "") throw invalid("conflicting options: domainname and the UTS mode");
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-namespace-mode", message);
