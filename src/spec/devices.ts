/** `--device`, `--device-cgroup-rule`: in Docker's words (docker/cli cli/command/container/opts.go), and as the specification's rules. Pure. */
import { MdkError } from "../error.ts";
import { cleanPath } from "./mount-types.ts";
import type { LinuxDevice, LinuxDeviceCgroup } from "./types.ts";

/** HostConfig.Devices, in the API's members. */
export interface DeviceMapping {
  /** A node, or a directory of nodes. */
  PathOnHost: string;
  /** Absolute. */
  PathInContainer: string;
  /** A composition of r, w and m. */
  CgroupPermissions: string;
}

/** A node of the container, with what the container may do to it. */
export interface MappedDevice extends LinuxDevice {
  readonly access: string;
}

const isMode = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-device", message);

/** "HOST[:CONTAINER][:MODE]". Throws Docker's sentences. */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(":");
  const [PathOnHost = "", second, third] = parts;
  if (parts.length > 3 || PathOnHost === "") throw invalid(`bad format for path: ${text}`);
  if (third !== undefined && !isMode(third)) throw invalid(`bad mode specified: ${third}`);
  const place = second === undefined || (third === undefined && isMode(second)) ? PathOnHost : second;
  const mapping = { PathOnHost, PathInContainer: place, CgroupPermissions: third ?? (place === second ? undefined : second) ?? "rwm" };
  checkDevice(mapping);
  return mapping;
}

/** What the API's body, too, may not say. */
export function checkDevice({ PathInContainer, CgroupPermissions }: DeviceMapping): void {
  if (!PathInContainer.startsWith("/")) throw invalid(`${PathInContainer} is not an absolute path`);
  if (!isMode(CgroupPermissions)) throw invalid(`bad mode specified: ${CgroupPermissions}`);
}

const RULE = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/;

/** "TYPE MAJOR:MINOR ACCESS"; null when it is one. */
export function deviceRuleProblem(text: string): string | null {
  return RULE.test(text) ? null : `invalid device cgroup format '${text}'`;
}

/** Docker's rules as the specification's. Throws MdkError for what is none. */
export function deviceRules(rules: readonly string[]): LinuxDeviceCgroup[] {
  return rules.map((text) => {
    const [, type, major = "*", minor = "*", access = ""] = RULE.exec(text) ?? [];
    if (type === undefined) throw invalid(deviceRuleProblem(text) ?? text);
    const number = (name: "major" | "minor", word: string): { [name]?: number } => (word === "*" ? {} : { [name]: Number(word) });
    // "a" is every type with every number, whatever they say (Documentation/admin-guide/cgroup-v1/devices.rst).
    return type === "a" ? { allow: true, type, access: "rwm" } : { allow: true, type: type as "b" | "c", ...number("major", major), ...number("minor", minor), access };
  });
}

/** Places of every /dev that are no nodes: the runtime makes them itself. */
const OWN: ReadonlySet<string> = new Set(["/dev/ptmx", "/dev/console", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/core"]);

/** What the container gets of them: nodes, those made later in the place of those before, and rules. */
export function withMapped(nodes: readonly LinuxDevice[], mapped: readonly MappedDevice[]): LinuxDevice[] {
  const byPath = new Map(nodes.map((node) => [node.path, node]));
  for (const { access: _, ...node } of mapped) {
    const path = cleanPath(node.path);
    if (!OWN.has(path)) byPath.set(path, { ...node, path });
  }
  return [...byPath.values()];
}

export function mappedRules(mapped: readonly MappedDevice[]): LinuxDeviceCgroup[] {
  return mapped.filter(({ type }) => type !== "p").map(({ type, major, minor, access }) => ({ allow: true, type: type === "b" ? "b" : "c", major, minor, access }));
}
