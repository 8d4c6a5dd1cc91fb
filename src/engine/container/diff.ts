/** What a container's program has changed of its image's files. */
import { closeSync, constants, openSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { listChanges, type Change } from "../../layer/diff.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { withRootLayers } from "../image/layers.ts";

/** The upper directory is read as it is, whether the container runs or not: overlay keeps nothing of it elsewhere. Throws MdkError "no-such-container" when it is removed meanwhile. */
export function diffContainer(context: Context, container: Container): Change[] {
  return withUpper(context, container, (upper, lower) => (upper === null ? [] : listChanges(upper, lower)));
}

/** The upper directory (null: the container was never started) and the merged view of what lies below it, as descriptors for the time of the work. */
export function withUpper<T>(context: Context, container: Pick<Container, "id" | "image" | "host">, work: (upper: number | null, lower: number) => T): T {
  const { id } = container;
  const directory = storePaths(context.root).container(id);
  const lower = withRootLayers(context, container, (layers) => mountLayers(layers, directory));
  let upper: number | null = null;
  try {
    upper = openUpper(`${directory}/upper`);
    const result = work(upper, lower);
    // The files of a container that is being removed go first.
    if (!isThere(context, id)) throw gone(id);
    return result;
  } catch (error) {
    throw isThere(context, id) ? error : gone(id);
  } finally {
    if (upper !== null) closeSync(upper);
    closeSync(lower);
  }
}

function isThere(context: Context, id: string): boolean {
  return (readContainer(context.database(), id)?.phase ?? "removing") !== "removing";
}

function gone(id: string): MdkError {
  return new MdkError("not-found", "no-such-container", `No such container: ${id}`);
}

function openUpper(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}
