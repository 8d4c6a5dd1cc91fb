/** Room that images and contexts must leave on their disk, the store's or another one: a full one stops everything else on the host, too. */
import { statfsSync } from "node:fs";
import { MdkError } from "../error.ts";
import type { StorePaths } from "./paths.ts";

/** How many bytes are written between two looks. */
const STEP_BYTES = 16 << 20;

const IMAGE = { what: "the image", hint: "free some space (mdk image prune), or choose another --root" };

/**
 * To be told of bytes before they are written. It throws "disk-reserve" where they would leave less than `percent` of the disk of the temporary directory free;
 * `words`: what writes them, and what to do then.
 */
export function roomGuard(paths: Pick<StorePaths, "temporary">, percent: number, { what, hint } = IMAGE): (bytes: number) => void {
  let ahead = STEP_BYTES;
  return (bytes) => {
    ahead -= bytes;
    if (ahead > 0) return;
    ahead = STEP_BYTES;
    const { bavail, blocks } = statfsSync(paths.temporary);
    if (bavail * 100 >= blocks * percent) return;
    throw new MdkError("exhausted", "disk-reserve", `no space left on device: ${what} would leave less than ${percent} % of it free`, { hint });
  };
}
