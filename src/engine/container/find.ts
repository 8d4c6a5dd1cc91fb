/** The container that a user's word means, or Docker's sentence that there is none. */
import { MdkError } from "../../error.ts";
import { findContainers, readContainer, type Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";
import { noSuchContainer } from "../end/words.ts";

/** By full id, name, or unambiguous start of an id. Throws MdkError "no-such-container" or "ambiguous-id". */
export function findContainer(context: Context, word: string): Container {
  const found = word === "" ? [] : findContainers(context.database(), word);
  if (found.length > 1) throw new MdkError("invalid", "ambiguous-id", `multiple IDs found with provided prefix: ${word}`);
  if (found[0] === undefined) throw noSuchContainer(word);
  return found[0];
}

/**
 * The files of a container that is being removed go while it is copied from or to, and an overlay without its upper directory says so in
 * many words (ENOENT, ESTALE, EINVAL …): in Docker's, the container is none.
 */
export function toldGone(context: Context, id: string, error: unknown): unknown {
  return (readContainer(context.database(), id)?.phase ?? "removing") === "removing" ? noSuchContainer(id) : error;
}

/** Whether there is a container of this full id. */
export function containerExists(context: Context, id: string): boolean {
  return readContainer(context.database(), id) !== null;
}
