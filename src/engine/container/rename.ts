/** Another name for a container; one that runs keeps running. */
import { MdkError } from "../../error.ts";
import { checkName } from "../../spec/validate.ts";
import { renameContainer } from "../../store/container-life.ts";
import { nameHolder, type Container } from "../../store/containers.ts";
import { isUniqueViolation } from "../../store/database.ts";
import type { Context } from "../context.ts";
import { nameConflict } from "../start/begin.ts";

/** Throws MdkError in Docker's words for a name that is none, the same, or taken. */
export function rename(context: Context, container: Container, name: string): void {
  if (name === container.name) throw new MdkError("invalid", "same-name", "Renaming a container with the same name as its current name");
  checkName(name);
  try {
    renameContainer(context.database(), container.id, name);
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw nameConflict(name, nameHolder(context.database(), name) ?? "unknown");
  }
}
