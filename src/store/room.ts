/** Room that images must leave on the disk of the store: a full one stops everything else on the host, too. */
import { statfsSync } from "node:fs";
import { MdkError } from "../error.ts";
import type { StorePaths } from "./paths.ts";

const FREE_PERCENT_LEAST = 5;
/** How many bytes are written between two looks. */
const STEP_BYTES = 16 << 20;

/** To be told of bytes before they are written. It throws "disk-reserve" where they would leave under 5 % of the disk free. */
export function roomGuard(paths: StorePaths): (bytes: number) => void {
  let ahead = STEP_BYTES;
  return (bytes) => {
    ahead -= bytes;
    if (ahead > 0) return;
    ahead = STEP_BYTES;
    const { bavail, blocks } = statfsSync(paths.temporary);
    if (bavail * 100 >= blocks * FREE_PERCENT_LEAST) return;
    throw new MdkError("exhausted", "disk-reserve", `no space left on device: the image would leave less than ${FREE_PERCENT_LEAST} % of it free`, { hint: "free some space (mdk image prune), or choose another --root" });
  };
}
