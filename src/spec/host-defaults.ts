/** What containers get of the host's configuration where nobody asks for anything else: fixed when they are made, as Docker's engine does. Pure. */
import type { JsonObject } from "../image/json.ts";
import type { HostConfig, Ulimit } from "./container.ts";
import { joinedContainer } from "./namespace-modes.ts";

export interface HostDefaults {
  readonly log: HostConfig["LogConfig"];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly ulimits: readonly Ulimit[];
  /** Bytes; null: the specification's. */
  readonly shmSize: number | null;
  /** As the flags say them; "": as without. */
  readonly ipcMode: string;
  readonly cgroupnsMode: string;
  readonly cgroupParent: string;
  readonly init: boolean;
  readonly noNewPrivileges: boolean;
  /** "unconfined", or the absolute path of a profile; null: the one that is built in. */
  readonly seccomp: string | null;
}

export const NO_DEFAULTS: HostDefaults = {
  log: { Type: "json-file", Config: {} }, dns: [], dnsSearch: [], dnsOptions: [], ulimits: [], shmSize: null,
  ipcMode: "", cgroupnsMode: "", cgroupParent: "", init: false, noNewPrivileges: false, seccomp: null,
};

/** `asked`: HostConfig of a request, not yet decoded, in which nobody has filled in anything. `profileIn`: the text of a seccomp profile's file. */
export function withHostDefaults(asked: JsonObject, defaults: HostDefaults, profileIn: (path: string) => string): JsonObject {
  if (defaults === NO_DEFAULTS) return asked;
  // Who is in another container's network has that one's names.
  const { dns, dnsSearch, dnsOptions } = joinedContainer(String(asked["NetworkMode"] ?? "")) === null ? defaults : NO_DEFAULTS;
  return {
    ...asked, LogConfig: logOf(asked["LogConfig"] as LogAsked | null, defaults.log),
    Dns: firstOf(asked["Dns"], dns), DnsSearch: firstOf(asked["DnsSearch"], dnsSearch), DnsOptions: firstOf(asked["DnsOptions"], dnsOptions),
    Ulimits: ulimitsOf(asked["Ulimits"] as readonly Ulimit[] | null, defaults.ulimits), ShmSize: asked["ShmSize"] || defaults.shmSize,
    IpcMode: asked["IpcMode"] || defaults.ipcMode, CgroupnsMode: asked["CgroupnsMode"] || defaults.cgroupnsMode,
    CgroupParent: asked["CgroupParent"] || defaults.cgroupParent, Init: asked["Init"] ?? (defaults.init ? true : null),
    SecurityOpt: securityOf(asked["SecurityOpt"] as readonly string[] | null, asked["Privileged"] === true, defaults, profileIn),
  };
}

interface LogAsked {
  readonly Type?: string;
  readonly Config?: Readonly<Record<string, string>>;
}

/** Options are those of one driver (moby daemon, mergeAndVerifyLogConfig). */
function logOf(asked: LogAsked | null | undefined, { Type, Config }: HostDefaults["log"]): LogAsked {
  const name = asked?.Type || Type;
  return { Type: name, Config: name === Type ? { ...Config, ...asked?.Config } : (asked?.Config ?? {}) };
}

function firstOf(asked: unknown, otherwise: readonly string[]): unknown {
  return Array.isArray(asked) && asked.length > 0 ? asked : otherwise;
}

/** One a name, what is asked for last (moby daemon, mergeUlimits). */
function ulimitsOf(asked: readonly Ulimit[] | null | undefined, otherwise: readonly Ulimit[]): readonly Ulimit[] | null {
  const limits = new Map([...otherwise, ...(asked ?? [])].map((limit) => [limit.Name, limit]));
  return limits.size === 0 ? null : [...limits.values()];
}

/** Who is privileged is not confined, as without a default. What is asked for counts, since it stands behind. */
function securityOf(asked: readonly string[] | null | undefined, privileged: boolean, { noNewPrivileges, seccomp }: HostDefaults, profileIn: (path: string) => string): readonly string[] | null {
  const given = asked ?? [];
  const named = given.some((option) => /^seccomp[=:]/.test(option));
  const profile = seccomp === null || named || privileged ? [] : [`seccomp=${seccomp === "unconfined" ? seccomp : profileIn(seccomp)}`];
  const options = [...(noNewPrivileges ? ["no-new-privileges"] : []), ...profile, ...given];
  return options.length === 0 ? null : options;
}
