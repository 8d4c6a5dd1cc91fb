/** GET /containers/ID/json and /images/NAME/json: what a word names, as Docker's JSON. */
import { MdkError } from "../error.ts";
import type { Context } from "../engine/context.ts";
import { findContainer } from "../engine/container/find.ts";
import { inspectImage } from "../engine/image/inspect.ts";
import { layerDirectories } from "../engine/image/layers.ts";
import { logName } from "../engine/start/monitor-plan.ts";
import { readStatus } from "../engine/end/status.ts";
import { storePaths } from "../store/paths.ts";
import { inspectContainer } from "./json/container.ts";

/** Containers come before images of the same name. Null: there is neither. */
export function readInspect(context: Context, word: string, type: "container" | "image" | null): object | null {
  return (type === "image" ? null : orNull(() => readContainerJson(context, word), MISSING)) ??
    (type === "container" ? null : orNull(() => inspectImage(context, word), type === "image" ? MISSING : NO_NAME));
}

function readContainerJson(context: Context, word: string): object {
  const container = findContainer(context, word);
  const directory = storePaths(context.root).container(container.id);
  return inspectContainer({
    container, status: readStatus(context, container), layers: layerDirectories(context, container.image),
    directory, logPath: `${directory}/${logName(container.id)}`,
  });
}

const MISSING: readonly string[] = ["no-such-container", "no-such-image"];
/** A container's name need not be one that an image can have. */
const NO_NAME: readonly string[] = [...MISSING, "reference-invalid"];

function orNull(read: () => object, missing: readonly string[]): object | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MdkError && missing.includes(error.code)) return null;
    throw error;
  }
}
