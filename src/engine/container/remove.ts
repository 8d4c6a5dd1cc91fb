/** Removing a container: Docker's rules for those that run. */
import { MdkError } from "../../error.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { withAtRest } from "../end/at-rest.ts";
import { killContainer } from "./stop.ts";
import { removeLocked } from "../end/settle.ts";
import { readStatus } from "../end/status.ts";

/** Throws MdkError for a running container without `force`. One that is removed meanwhile by somebody else is no error. */
export function removeContainer(context: Context, container: Container, options: { readonly force: boolean }): void {
  // Whoever starts it holds the op lock: what was not running yet may be, once the lock is ours.
  while (!removeUnlessRunning(context, container)) {
    if (!options.force) throw running(container);
    killContainer(context, container);
  }
}

/** False for a container that runs. */
function removeUnlessRunning(context: Context, container: Container): boolean {
  if (readStatus(context, container).word === "running") return false;
  return withAtRest(context, container.id, (settled) => removeLocked(context, settled)).kind !== "running";
}

function running(container: Container): MdkError {
  return new MdkError("conflict", "container-running", `cannot remove container "${container.name}": container is running: stop the container before removing or force remove`);
}
