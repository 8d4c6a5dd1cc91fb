/** Output that goes to a file: whole, or not at all. */
import { closeSync, openSync, renameSync, rmSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { EXIT, CommandError } from "../exit.ts";
import { messageOf } from "../../error.ts";

/**
 * Calls `work` with the descriptor of a file that is `path` when it was done. `what`: opens the errors, in Docker's words, for a path that can be no
 * file. Throws what it throws, CommandError, and node's errors.
 */
export async function toFile(path: string, what: string, work: (fd: number) => void | Promise<void>): Promise<void> {
  refuseUnfit(path, what);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = called(path, temporary, () => openSync(temporary, "wx", 0o600));
  try {
    await work(file);
    closeSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The user knows of one name only. */
function called<T>(path: string, temporary: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CommandError(EXIT.failure, "output-path", messageOf(error).replaceAll(temporary, path), { cause: error });
  }
}

function refuseUnfit(path: string, what: string): void {
  const refused = (problem: string): CommandError => new CommandError(EXIT.failure, "output-path", `${what}: ${problem}`);
  const directory = dirname(path);
  if (!statOf(directory, (problem) => refused(`invalid output path: ${problem}`)).isDirectory()) throw refused(`invalid output path: stat ${directory}: not a directory`);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) throw refused("cannot write to a directory");
  // What is renamed over a device takes its name: /dev/null would be an archive from then on.
  if (stat?.isCharacterDevice() === true || stat?.isBlockDevice() === true) throw refused(`invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got a device`);
}

function statOf(path: string, refused: (problem: string) => CommandError): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw refused(messageOf(error));
  }
}
