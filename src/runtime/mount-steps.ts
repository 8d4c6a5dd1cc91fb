/**
 * The file systems of a container as steps: what is mounted, made, masked, and in which order. Runs after pivot_root, so
 * that every path is the container's.
 *
 * Order, and why: the kernel's file systems first, with their nodes and links; then masks, so that no file of the user's
 * or the image's stands where a mask takes its source (/dev/null); then the user's mounts; then masks of what lies below
 * a user's mount. /proc, /dev and /sys are opened without following links: an image where one of them is a link is refused
 * (CVE-2019-19921, CVE-2023-27561, CVE-2026-41579).
 */
import { DEV_LINKS } from "../spec/defaults.ts";
import { SHM } from "../spec/mounts.ts";
import { sysctlPath } from "../spec/sysctls.ts";
import type { LinuxDevice, Spec, SpecMount } from "../spec/types.ts";
import { AT_RECURSIVE, AT_SYMLINK_NOFOLLOW, makedev, MOUNT_ATTR, MS, RESOLVE, S_IF } from "../sys/linux.ts";
import { bindAttributes, parseMountOptions } from "./mount-options.ts";
import type { Fd, Step } from "./plan.ts";

/** What a path is, seen by the engine: on the host for a bind's source and for kernel files. */
export type PathKind = "file" | "directory";

/** How cgroups look inside the container. */
export type CgroupLayout = { readonly version: 2 } | {
  readonly version: 1;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** Hybrid: the v2 hierarchy is mounted at /sys/fs/cgroup/unified too. */
  readonly unified: boolean;
};

export interface CgroupHierarchy {
  /** Name of its directory below /sys/fs/cgroup: "cpu,cpuacct", "systemd". */
  readonly directory: string;
  /** Mount options that name it: controllers ("cpu", "cpuacct"), or "none" and "name=systemd"; "xattr" if the host has it. */
  readonly options: readonly string[];
}

export interface MountContext {
  readonly spec: Spec;
  /** Detached mounts by destination, attributes and propagation already set (`bindAttributes`). */
  readonly binds: ReadonlyMap<string, { readonly fd: Fd; readonly kind: PathKind }>;
  /** Kinds of the masked and read-only paths that this kernel has; those that are missing are left out. */
  readonly kinds: ReadonlyMap<string, PathKind>;
  readonly cgroups: CgroupLayout;
  /**
   * Of a container in the host's cgroup namespace, where a v1 hierarchy would show all of its groups: the container's own groups as
   * detached mounts, by their directories ("memory", "unified"). Empty where it has a cgroup namespace.
   */
  readonly groups: ReadonlyMap<string, Fd>;
  /** pidfd of a process whose /dev/shm becomes ours; null: ours is a mount of the spec. */
  readonly shm: Fd | null;
}

/** For what the image must not redirect. */
const STRICT = RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS;
/** For targets of the user's mounts: links of the image are followed within the root, links of /proc are not; the shim refuses procfs itself then. */
const WITHIN = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
/** By the place: the files of /proc that may be covered are asked for by their own names. */
const resolveOf = (destination: string): number => (destination.startsWith("/proc/") ? STRICT : WITHIN);

/** What a masked directory shows. */
const EMPTY = ["ro", "nosuid", "nodev", "noexec", "size=4k"];

/** Types that come from the kernel, mounted before anything of the user's. */
const SYSTEM_TYPES: ReadonlySet<string> = new Set(["proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "tmpfs"]);

/** All steps between pivot_root and the terminal. */
export function fileSystemSteps(context: MountContext): Step[] {
  const { mounts, linux } = context.spec;
  const firstOwn = mounts.findIndex((mount) => !SYSTEM_TYPES.has(mount.type) || !isSystemPlace(mount.destination));
  const system = firstOwn < 0 ? mounts : mounts.slice(0, firstOwn);
  const own = firstOwn < 0 ? [] : mounts.slice(firstOwn);
  const covered = (path: string): boolean => own.some(({ destination }) => path === destination || path.startsWith(`${destination}/`));
  const made = new Set<string>();
  const hidden = hide(context, covered);
  return [
    ...system.flatMap((mount) => systemMount(mount, context, made)),
    ...(system.some(({ destination }) => destination === "/dev") ? devSteps(linux.devices.filter(isBelowDev), context, made) : []),
    ...Object.entries(linux.sysctl).map(([name, text]): Step => ({ write_proc: { path: `/proc/sys/${sysctlPath(name)}`, text } })),
    ...hidden.before,
    ...own.flatMap((mount) => ownMount(mount, context, made)),
    ...hidden.after,
    ...linux.devices.filter((device) => !isBelowDev(device)).flatMap((device) => node(device, "", true, made)),
    ...(context.spec.root.readonly
      ? [{ mount_setattr: { path: "/", flags: 0, attr_set: String(MOUNT_ATTR.RDONLY), attr_clr: "0", propagation: "0" } }]
      : []),
  ];
}

function isSystemPlace(path: string): boolean {
  return ["/proc", "/dev", "/sys"].some((place) => path === place || path.startsWith(`${place}/`));
}

function systemMount(mount: SpecMount, context: MountContext, made: Set<string>): Step[] {
  if (mount.type === "cgroup") return cgroupMounts(mount, context);
  // Below /sys the kernel makes the mount points, elsewhere they may be missing from the image.
  const point = mount.destination.startsWith("/sys/") ? [] : [directory(mount.destination, made)];
  return [...point, fsmount(mount, STRICT)];
}

function fsmount(mount: SpecMount, resolve: number): Step {
  const { set, parameters } = parseMountOptions(mount.options);
  return {
    fsmount: {
      type: mount.type,
      options: [{ key: "source", value: mount.source }, ...parameters],
      attributes: set,
      target: mount.destination,
      resolve: String(resolve),
    },
  };
}

/** v2: one mount. v1: a tmpfs with a directory for each hierarchy and a link for each controller of a joint one. */
function cgroupMounts(mount: SpecMount, { cgroups: layout, groups }: Pick<MountContext, "cgroups" | "groups">): Step[] {
  const top = mount.destination;
  const cgroup = (type: string, path: string, parameters: readonly string[]): Step =>
    fsmount({ destination: path, type, source: "cgroup", options: [...mount.options, ...parameters] }, STRICT);
  if (layout.version === 2) return [cgroup("cgroup2", top, [])];
  const writable = mount.options.filter((option) => option !== "ro");
  const steps: Step[] = [
    fsmount({ destination: top, type: "tmpfs", source: "tmpfs", options: [...writable, "mode=755"] }, STRICT),
  ];
  const add = (type: string, name: string, parameters: readonly string[]): void => {
    const [target, group] = [`${top}/${name}`, groups.get(name)];
    steps.push({ mkdir: { path: target, mode: 0o755, exist_ok: false } });
    steps.push(group === undefined ? cgroup(type, target, parameters) : { move_mount: { fd: group, target, resolve: String(STRICT) } });
  };
  for (const { directory: name, options } of layout.hierarchies) {
    add("cgroup", name, options);
    const controllers = name.split(",");
    if (controllers.length < 2) continue;
    for (const controller of controllers) steps.push({ symlink: { target: name, path: `${top}/${controller}` } });
  }
  if (layout.unified) add("cgroup2", "unified", []);
  if (mount.options.includes("ro")) {
    steps.push({ mount_setattr: { path: top, flags: 0, attr_set: String(MOUNT_ATTR.RDONLY), attr_clr: "0", propagation: "0" } });
  }
  return steps;
}

const isBelowDev = ({ path }: LinuxDevice): boolean => path.startsWith("/dev/");

/** `existOk`: an earlier run of the container, or its image, may have made one there. */
function node({ path, type, major, minor, fileMode, uid, gid }: LinuxDevice, top: string, existOk: boolean, made: Set<string>): Step[] {
  const types = { c: S_IF.CHR, u: S_IF.CHR, b: S_IF.BLK, p: S_IF.IFO } as const;
  const steps = parents(path, top, made);
  made.add(path);
  return [...steps, { mknod: { path, mode: types[type] | fileMode, dev: type === "p" ? 0 : makedev(major, minor), uid, gid, exist_ok: existOk } }];
}

/** What is in the container's own /dev. */
function devSteps(devices: readonly LinuxDevice[], { spec, kinds }: MountContext, made: Set<string>): Step[] {
  const steps = devices.flatMap((device) => node(device, "/dev", false, made));
  for (const [path, target] of DEV_LINKS) {
    // As runc: not every kernel has it.
    if (target === "/proc/kcore" && !kinds.has(target)) continue;
    steps.push({ symlink: { target, path } });
    made.add(path);
  }
  // The terminal's slave is bound over this file.
  if (spec.process.terminal) {
    steps.push({ mknod: { path: "/dev/console", mode: S_IF.REG | 0o600, dev: 0, uid: 0, gid: 0, exist_ok: false } });
    made.add("/dev/console");
  }
  return steps;
}

/** A bind or a tmpfs of the user's or the engine's. */
function ownMount(mount: SpecMount, context: MountContext, made: Set<string>): Step[] {
  const bind = context.binds.get(mount.destination);
  const steps = mountPoint(mount, bind?.kind ?? "directory", context.spec.mounts, made);
  if (bind !== undefined) steps.push({ move_mount: { fd: bind.fd, target: mount.destination, resolve: String(resolveOf(mount.destination)) } });
  else if (mount.type === "bind" && mount.destination === SHM && context.shm !== null) steps.push(borrow(mount, context.shm));
  else if (mount.type === "bind") throw new Error(`no detached mount for ${mount.destination}`);
  else if (mount.type === "cgroup") steps.push(...cgroupMounts(mount, context));
  else steps.push(fsmount(mount, isSystemPlace(mount.destination) ? STRICT : WITHIN));
  return steps;
}

const TMPFS_MAGIC = 0x01021994; // include/uapi/linux/magic.h

/** A mount of another container's mount namespace. */
function borrow({ destination, options }: SpecMount, from: Fd): Step {
  const { attrSet, attrClr, propagation } = bindAttributes(options);
  return {
    borrow_tree: {
      from, source: destination, magic: TMPFS_MAGIC, target: destination, resolve: String(STRICT),
      attr_set: String(attrSet), attr_clr: String(attrClr), propagation: String(propagation),
    },
  };
}

/**
 * The engine makes mount points in the root file system; what lies below another mount can only be made here, files 0755 as runc
 * makes them. A link that stands there is not followed.
 */
function mountPoint(mount: SpecMount, kind: PathKind, mounts: readonly SpecMount[], made: Set<string>): Step[] {
  const path = mount.destination;
  const above = mounts.filter((other) => other !== mount && path.startsWith(`${other.destination}/`)).at(-1);
  if (above === undefined || made.has(path) || above.type === "proc" || above.type === "sysfs") return [];
  const steps = parents(path, above.destination, made);
  if (kind === "directory") steps.push(directory(path, made));
  else {
    steps.push({ mknod: { path, mode: S_IF.REG | 0o755, dev: 0, uid: 0, gid: 0, exist_ok: true } });
    made.add(path);
  }
  return steps;
}

/** Directories between `top` and `path`, neither included. */
function parents(path: string, top: string, made: Set<string>): Step[] {
  const steps: Step[] = [];
  for (let slash = path.indexOf("/", top.length + 1); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const parent = path.slice(0, slash);
    if (!made.has(parent)) steps.push(directory(parent, made));
  }
  return steps;
}

function directory(path: string, made: Set<string>): Step {
  made.add(path);
  return { mkdir: { path, mode: 0o755, exist_ok: true } };
}

/**
 * Masks and read-only paths of this kernel, in two parts: those that the user's mounts leave alone, and those below them.
 * One source serves all masks of a kind: the first, which nothing of the image's or the user's can stand in for.
 */
function hide(context: MountContext, covered: (path: string) => boolean): { before: Step[]; after: Step[] } {
  const { maskedPaths, readonlyPaths } = context.spec.linux;
  const parts = { before: [] as Step[], after: [] as Step[] };
  const put = (late: boolean, step: Step): void => void (late ? parts.after : parts.before).push(step);
  for (const path of readonlyPaths) if (context.kinds.has(path)) put(covered(path), bindReadonly(path, path, AT_RECURSIVE));
  // Where /dev is the user's, there is no /dev/null before: theirs is taken then, but no link that stands for it.
  const late = (path: string): boolean => covered(path) || (context.kinds.get(path) === "file" && covered("/dev"));
  const sources = new Map<PathKind, string>([["file", "/dev/null"]]);
  const taken = new Set<PathKind>();
  for (const path of [...maskedPaths.filter((path) => !late(path)), ...maskedPaths.filter(late)]) {
    const kind = context.kinds.get(path);
    if (kind === undefined) continue;
    const source = sources.get(kind);
    put(late(path), source === undefined ? fsmount({ destination: path, type: "tmpfs", source: "tmpfs", options: EMPTY }, STRICT) : bindReadonly(source, path, AT_SYMLINK_NOFOLLOW));
    if (!taken.has(kind)) sources.set(kind, path);
    taken.add(kind);
  }
  return parts;
}

/** A clone of `source` over `target` that cannot be written through. */
function bindReadonly(source: string, target: string, flags: number): Step {
  const attributes = source === target ? MOUNT_ATTR.RDONLY : MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NOEXEC;
  return {
    open_tree: {
      source, target, flags, attr_set: String(attributes), attr_clr: "0", propagation: String(MS.PRIVATE), resolve: String(STRICT),
    },
  };
}
