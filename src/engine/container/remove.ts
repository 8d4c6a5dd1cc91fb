/** Removing a container: Docker's rules for those that run. */
import { MdkError } from "../../error.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { withAtRest } from "../end/at-rest.ts";
import { killContainer } from "./stop.ts";
import { removeLocked } from "../end/settle.ts";
import { readStatus } from "../end/status.ts";
import { isUp } from "../end/words.ts";

/** Throws MdkError for a running container without `force`. One that is removed meanwhile by somebody else is no error. */
export function removeContainer(context: Context, container: Container, options: { readonly force: boolean; /** Its anonymous volumes, too. */ readonly volumes?: boolean }): void {
  // Whoever starts it holds the op lock: what was not running yet may be, once the lock is ours.
  while (!removeUnlessRunning(context, container, options.volumes === true)) {
    if (!options.force) throw inUse(context, container);
    killContainer(context, container);
  }
}

/** False for a container that runs. */
function removeUnlessRunning(context: Context, container: Container, volumes: boolean): boolean {
  const now = readContainer(context.database(), container.id);
  if (now === null) return true;
  if (isUp(readStatus(context, now).word)) return false;
  const rested = withAtRest(context, container.id, (settled) => settled.phase !== "restarting" && (removeLocked(context, settled, { takesVolumes: volumes || settled.host.AutoRemove }), true));
  return rested.kind === "gone" || (rested.kind === "done" && rested.value);
}

function inUse(context: Context, container: Container): MdkError {
  const { word } = readStatus(context, container);
  const mend = word === "paused" ? "unpause and then stop the container before removal or force remove" : "stop the container before removing or force remove";
  return new MdkError("conflict", "container-running", `cannot remove container "${container.name}": container is ${isUp(word) ? word : "running"}: ${mend}`);
}
