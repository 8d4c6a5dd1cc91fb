/**
 * Which cgroup hierarchies this process can see, and where: v1, v2 or both. Every line of /proc/self/cgroup is read for
 * itself, since each hierarchy may hold the caller at another path; a hierarchy without a visible mount does not count.
 * It changes nothing.
 */
import { readFileSync } from "node:fs";

/** One hierarchy: all v1 controllers mounted together, a named v1 hierarchy, or the one v2 hierarchy. */
export interface Hierarchy {
  readonly kind: "v1" | "v2";
  /** `["cpu", "cpuacct"]`, `["name=systemd"]`; v2: cgroup.controllers of the visible root. */
  readonly controllers: readonly string[];
  /** Where it is mounted: groups of mdk lie directly below. */
  readonly mountpoint: string;
  /** The caller's own group, as /proc/self/cgroup says it. */
  readonly path: string;
  /** The mount is read-only, as a container's that is not privileged: cgroup/reach.ts looks for a way. */
  readonly readOnly: boolean;
}

/** `none`: no hierarchy is mounted where this process can see it. */
export type CgroupMode = "v1" | "v2" | "hybrid" | "none";

export interface Cgroups {
  readonly mode: CgroupMode;
  readonly hierarchies: readonly Hierarchy[];
}

const DEPTH_MAX = 64;

/** A line of /proc/self/cgroup (cgroups(7)): `4:cpu,cpuacct:/path`, v2 `0::/path`. */
export interface Membership {
  readonly id: number;
  readonly controllers: readonly string[];
  readonly path: string;
}

/** The fields of a /proc/self/mountinfo line (proc(5)) that matter here; type and options are empty where it is no cgroup. */
export interface MountLine {
  readonly id: number;
  readonly parent: number;
  readonly mountpoint: string;
  readonly type: string;
  readonly readOnly: boolean;
  /** Options of the super block: for v1 the controllers are among them. */
  readonly options: readonly string[];
}

/** Reads two files (and cgroup.controllers where v2 is mounted): about 0.1 ms. Throws node's error without /proc. */
export function detectCgroups(): Cgroups {
  return locate(
    parseMemberships(readFileSync("/proc/self/cgroup", "utf8")),
    parseMounts(readFileSync("/proc/self/mountinfo", "utf8")),
    (mountpoint) => readFileSync(`${mountpoint}/cgroup.controllers`, "utf8"),
  );
}

export function parseMemberships(text: string): Membership[] {
  const memberships: Membership[] = [];
  for (const line of text.split("\n")) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    if (first < 1 || second < 0) continue;
    const controllers = line.slice(first + 1, second);
    memberships.push({
      id: Number(line.slice(0, first)),
      controllers: controllers === "" ? [] : controllers.split(","),
      path: line.slice(second + 1),
    });
  }
  return memberships;
}

/** Every mount; type and options are only told of cgroup mounts, which are few: this is read on every start. */
export function parseMounts(text: string): MountLine[] {
  const mounts: MountLine[] = [];
  for (const line of text.split("\n")) {
    const [id, parent, , , mountpoint, own = ""] = line.split(" ", 6);
    if (mountpoint === undefined) continue;
    // Optional fields stand before the separator, so that its position varies; no field holds a space.
    const separator = line.indexOf(" - cgroup");
    const [type = "", , options = ""] = separator < 0 ? [] : line.slice(separator + 3).split(" ");
    const readOnly = own === "ro" || own.startsWith("ro,");
    mounts.push({ id: Number(id), parent: Number(parent), mountpoint: unescape(mountpoint), type, readOnly, options: options.split(",") });
  }
  return mounts;
}

/** Joins the two files. `readControllers` is asked for the root of the v2 hierarchy only. */
export function locate(
  memberships: readonly Membership[],
  mounts: readonly MountLine[],
  readControllers: (mountpoint: string) => string,
): Cgroups {
  const candidates = mounts.filter((mount) => mount.type === "cgroup" || mount.type === "cgroup2");
  const prefix = commonPrefix(candidates.map(({ mountpoint }) => mountpoint));
  const near = mounts.filter(({ mountpoint }) => prefix.startsWith(mountpoint) || mountpoint.startsWith(prefix));
  const byId = new Map(near.map((mount) => [mount.id, mount]));
  const visible = candidates.filter((mount) => isVisible(mount, near, byId));
  const hierarchies: Hierarchy[] = [];
  for (const { controllers, path } of memberships) {
    if (controllers.length === 0) {
      const mount = visible.find(({ type }) => type === "cgroup2");
      if (mount === undefined) continue;
      const { mountpoint, readOnly } = mount;
      hierarchies.push({ kind: "v2", controllers: words(readControllers(mountpoint)), mountpoint, path, readOnly });
      continue;
    }
    const mount = visible.find(({ type, options }) => type === "cgroup" && controllers.every((name) => options.includes(name)));
    if (mount !== undefined) hierarchies.push({ kind: "v1", controllers, mountpoint: mount.mountpoint, path, readOnly: mount.readOnly });
  }
  return cgroupsOf(hierarchies);
}

/** cgroup.controllers: words between spaces. */
export function words(text: string): string[] {
  const trimmed = text.trim();
  return trimmed === "" ? [] : trimmed.split(" ");
}

export function cgroupsOf(hierarchies: readonly Hierarchy[]): Cgroups {
  return { mode: modeOf(hierarchies), hierarchies };
}

/** The hierarchy that has the controller, v1 or v2; null where no hierarchy has it. */
export function findController(cgroups: Cgroups, controller: string): Hierarchy | null {
  return cgroups.hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller)) ?? null;
}

/** The v2 hierarchy, with or without controllers; null where none is mounted. */
export function findUnified(cgroups: Cgroups): Hierarchy | null {
  return cgroups.hierarchies.find((hierarchy) => hierarchy.kind === "v2") ?? null;
}

/** A v2 hierarchy beside named v1 ones alone (a container on a v2 host that mounts name=systemd) is still v2. */
function modeOf(hierarchies: readonly Hierarchy[]): CgroupMode {
  const v2 = hierarchies.some((hierarchy) => hierarchy.kind === "v2");
  const v1 = hierarchies.some(
    (hierarchy) => hierarchy.kind === "v1" && !hierarchy.controllers.every((name) => name.startsWith("name=")),
  );
  if (v2) return v1 ? "hybrid" : "v2";
  return hierarchies.length > 0 ? "v1" : "none";
}

/** A mount is hidden when something that is not its ancestor lies over it or over a directory above it. */
function isVisible(mount: MountLine, mounts: readonly MountLine[], byId: ReadonlyMap<number, MountLine>): boolean {
  for (const other of mounts) {
    if (other !== mount && isAbove(other.mountpoint, mount.mountpoint) && !isAncestor(other, mount, byId)) return false;
  }
  return true;
}

function isAncestor(other: MountLine, mount: MountLine, byId: ReadonlyMap<number, MountLine>): boolean {
  let at: MountLine | undefined = mount;
  // The root of a mount namespace may be its own parent.
  for (let depth = 0; at !== undefined && depth < DEPTH_MAX; depth++) {
    at = byId.get(at.parent);
    if (at === other) return true;
  }
  return false;
}

/** Only mounts that begin so, or that this begins with, can hide one of the paths. */
function commonPrefix(paths: readonly string[]): string {
  let prefix = paths[0] ?? "";
  for (const path of paths) while (!path.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}

function isAbove(directory: string, path: string): boolean {
  if (!path.startsWith(directory)) return false;
  return directory === "/" || path.length === directory.length || path[directory.length] === "/";
}

/** mountinfo writes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
