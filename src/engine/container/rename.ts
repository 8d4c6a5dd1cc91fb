/** Another name for a container; one that runs keeps running. */
import { MdkError } from "../../error.ts";
import { checkName } from "../../spec/validate.ts";
import { renameContainer } from "../../store/container-life.ts";
import { nameHolder, type Container } from "../../store/containers.ts";
import { isUniqueViolation } from "../../store/database.ts";
import type { Context } from "../context.ts";
import { withOpLock } from "../end/at-rest.ts";
import { announceAgain, withdraw } from "../network/names.ts";
import { nameConflict } from "../start/begin.ts";

/**
 * Throws MdkError in Docker's words for a name that is none, the same, or taken. Whoever starts the container tells its networks the name that the
 * row had when the start began, and whoever notes its end takes that one back: neither may come in between.
 */
export function rename(context: Context, id: string, name: string): void {
  withOpLock(context, id, (container) => renameLocked(context, container, name));
}

function renameLocked(context: Context, container: Container, name: string): void {
  if (name === container.name) throw new MdkError("invalid", "same-name", "Renaming a container with the same name as its current name");
  try {
    checkName(name);
  } catch (error) {
    throw error instanceof MdkError ? allocating(error.message.replace(`(${name})`, `(/${name})`)) : error;
  }
  withdraw(context, container);
  try {
    renameContainer(context.database(), container.id, name);
  } catch (error) {
    announceAgain(context, container);
    if (!isUniqueViolation(error)) throw error;
    throw allocating(nameConflict(name, nameHolder(context.database(), name) ?? "unknown").message);
  }
  announceAgain(context, { id: container.id, name, config: container.config });
}

const allocating = (message: string): MdkError => new MdkError("conflict", "rename-failed", `Error when allocating new name: ${message}`);
