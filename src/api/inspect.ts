/** GET /containers/ID/json and /images/NAME/json: what a word names, as Docker's JSON. */
import { MdkError } from "../error.ts";
import type { Context } from "../engine/context.ts";
import { findContainer } from "../engine/find.ts";
import { inspectImage } from "../engine/inspect-image.ts";
import { layerDirectories } from "../engine/layers.ts";
import { logName } from "../engine/monitor-plan.ts";
import { readStatus } from "../engine/status.ts";
import { storePaths } from "../store/paths.ts";
import { inspectContainer } from "./container.ts";

/** Containers come before images of the same name. Null: there is neither. */
export function readInspect(context: Context, word: string, type: "container" | "image" | null): object | null {
  return (type === "image" ? null : orNull(() => readContainerJson(context, word))) ?? (type === "container" ? null : orNull(() => inspectImage(context, word)));
}

function readContainerJson(context: Context, word: string): object {
  const container = findContainer(context, word);
  const directory = storePaths(context.root).container(container.id);
  return inspectContainer({
    container, status: readStatus(context, container), layers: layerDirectories(context, container.image),
    directory, logPath: `${directory}/${logName(container.id)}`,
  });
}

function orNull(read: () => object): object | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MdkError && (error.code === "no-such-container" || error.code === "no-such-image")) return null;
    throw error;
  }
}
