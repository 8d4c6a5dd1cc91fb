/** What a container's program has changed of its image's files. */
import { closeSync, constants, openSync } from "node:fs";
import { listChanges, type Change } from "../../layer/diff.ts";
import { mountLayers } from "../../layer/overlay.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { withRestOrRun } from "../end/at-rest.ts";
import { runs } from "../end/status.ts";
import { noSuchContainer } from "../end/words.ts";
import { withRootLayers } from "../image/layers.ts";

/** The upper directory is read as it is, whether the container runs or not: overlay keeps nothing of it elsewhere. Throws MdkError "no-such-container" when it is removed meanwhile. */
export function diffContainer(context: Context, container: Container): Change[] {
  const changes = (): Change[] => withUpper(context, container, (upper, lower) => (upper === null ? [] : listChanges(upper, lower)));
  return withRestOrRun(context, container.id, { atRest: changes, running: () => (runs(context, container.id) ? { value: changes() } : null) });
}

/**
 * The upper directory (null: the container was never started) and the merged view of what lies below it, as descriptors for the time of the work:
 * at rest under the op lock, or while it runs. Throws MdkError "no-such-container" when it has gone meanwhile, or goes.
 */
export function withUpper<T>(context: Context, container: Pick<Container, "id" | "image" | "host">, work: (upper: number | null, lower: number) => T): T {
  const { id } = container;
  const directory = storePaths(context.root).container(id);
  const lower = withRootLayers(context, container, (layers) => mountLayers(layers, directory));
  let upper: number | null = null;
  try {
    upper = openUpper(`${directory}/upper`);
    const result = work(upper, lower);
    if (goes(context, id)) throw noSuchContainer(id);
    return result;
  } catch (error) {
    throw goes(context, id) ? noSuchContainer(id) : error;
  } finally {
    if (upper !== null) closeSync(upper);
    closeSync(lower);
  }
}

/** Of a container that is being removed the files go first, then its row; the row says so before, but of one whose end is its removal. */
function goes(context: Context, id: string): boolean {
  const container = readContainer(context.database(), id);
  if (container === null || container.phase === "removing") return true;
  return container.phase === "started" && (container.host.AutoRemove || container.transient) && !runs(context, id);
}

function openUpper(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}
