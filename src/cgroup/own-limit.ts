/** The memory that this process's own cgroup allows: a CI job's share of its host. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { findController, type Cgroups } from "./detect.ts";

/** A limit of v1 that means none is near 2^63. */
const UNLIMITED = 2 ** 60;

/** Bytes, the least of the group's own and those above it that can be seen; null: no limit is seen. */
export function ownMemoryLimit(cgroups: Cgroups): number | null {
  const memory = findController(cgroups, "memory");
  if (memory === null) return null;
  const file = memory.kind === "v1" ? "memory.limit_in_bytes" : "memory.max";
  let least = UNLIMITED;
  // Without a cgroup namespace the path is the host's, while what is mounted is the group itself: what is missing is passed over.
  for (let path = `${memory.mountpoint}${memory.path}`; path.startsWith(memory.mountpoint); path = dirname(path)) {
    const limit = Number(text(`${path}/${file}`));
    if (limit > 0 && limit < least) least = limit;
  }
  return least === UNLIMITED ? null : least;
}

/** "" for a file that is not there. "max" is no number either. */
function text(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
