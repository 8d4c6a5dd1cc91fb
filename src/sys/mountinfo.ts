/** What is mounted where, as this mount namespace sees it (proc_pid_mountinfo(5)). */
import { readFileSync } from "node:fs";

export interface MountEntry {
  readonly mountpoint: string;
  /** "ext4", "overlay", "fuse.sshfs". */
  readonly type: string;
  /** "/dev/vda1", or what its maker said. */
  readonly source: string;
  /** It has peers, to which mounts below it go. */
  readonly isShared: boolean;
  /** Mounts come from a master's group. */
  readonly isSlave: boolean;
}

/** The mount that `path` (absolute, without links) is on: of those that are nearest above it the uppermost. Null without /proc. */
export function mountOf(path: string): MountEntry | null {
  let best: MountEntry | null = null;
  for (const line of text().split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , , place = "", , ...tags] = left.split(" ");
    const mountpoint = plain(place);
    if (mountpoint === "" || !(mountpoint === "/" || path === mountpoint || path.startsWith(`${mountpoint}/`))) continue;
    const [type = "", source = ""] = right.split(" ");
    // Later lines are mounted later: over those before.
    if (mountpoint.length >= (best?.mountpoint.length ?? 0)) best = { mountpoint, type, source: plain(source), isShared: tags.some((tag) => tag.startsWith("shared:")), isSlave: tags.some((tag) => tag.startsWith("master:")) };
  }
  return best;
}

function text(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return "";
  }
}

/** Space, tab, newline and backslash are three octal digits there. */
function plain(escaped: string): string {
  return escaped.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
