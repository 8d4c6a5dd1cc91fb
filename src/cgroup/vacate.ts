/**
 * The v2 root of a container, emptied of its processes so that it can hand controllers on, and filled again when nobody needs that any
 * more: a CI job finds its group as it was.
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { SysError } from "../sys/ffi.ts";
import { setXattr, xattrsAt } from "../sys/xattr.ts";

/** Name of the group, docker:dind's own. */
const INIT = "init";
/** On a group that mdk made, for `occupyAgain`; an init/ of somebody else's stays. Cgroups have trusted attributes since Linux 3.7. */
const MARK = "trusted.mdk";
const MOVE_PASSES = 20;

export function vacate(root: string): void {
  const init = `${root}/${INIT}`;
  try {
    mkdirSync(init);
    mark(init);
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
  moveProcesses(root, init);
}

/** Nothing where the group is not mdk's, or where others use what was handed on. What cannot be put back stays as it is: it works. */
export function occupyAgain(root: string): void {
  const init = `${root}/${INIT}`;
  if (!isMarked(init)) return;
  const groups = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (groups.length > 1) return;
  const control = `${root}/cgroup.subtree_control`;
  try {
    const enabled = readFileSync(control, "utf8").trim();
    if (enabled !== "") write(control, enabled.split(" ").map((name) => `-${name}`).join(" "));
    moveProcesses(init, root);
    rmdirSync(init);
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== "string") throw error;
  }
}

/**
 * Where in its v2 group a container's process lives now: "" or "/init". A container that hands controllers on has left its own root,
 * which takes no process then, an exec's neither.
 */
export function placeInGroup(pid: number, path: string): string {
  const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "latin1"))?.[1] ?? "";
  const at = own.indexOf(`/${path}`);
  const place = at < 0 ? "" : own.slice(at + path.length + 1);
  return place.startsWith("/") ? place : "";
}

function mark(group: string): void {
  const fd = openSync(group, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    setXattr(fd, MARK, Uint8Array.of(1));
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  } finally {
    closeSync(fd);
  }
}

function isMarked(group: string): boolean {
  let fd: number;
  try {
    fd = openSync(group, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return false;
  }
  try {
    return xattrsAt(fd, "").has(MARK);
  } finally {
    closeSync(fd);
  }
}

/** A process that forks meanwhile leaves a child behind: repeated until none is left. */
function moveProcesses(from: string, to: string): void {
  for (let pass = 0; pass < MOVE_PASSES; pass++) {
    const pids = readFileSync(`${from}/cgroup.procs`, "utf8").split("\n").filter((line) => line !== "" && line !== "0");
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        write(`${to}/cgroup.procs`, pid);
      } catch (error) {
        // ESRCH: it has ended.
        if ((error as { code?: string }).code !== "ESRCH") throw error;
      }
    }
  }
}

/** Cgroup files exist or do not: O_CREAT and O_TRUNC would change the error that says so. */
function write(file: string, text: string): void {
  writeFileSync(file, text, { flag: "r+" });
}
