/** Output that goes to a file: whole, or not at all. */
import { closeSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { EXIT, CommandError } from "../exit.ts";

/** Calls `work` with the descriptor of a file that is `path` when it was done. `what`: opens the error for a device. Throws what it throws, and node's errors. */
export async function toFile(path: string, what: string, work: (fd: number) => void | Promise<void>): Promise<void> {
  refuseDevice(path, what);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "wx", 0o600);
  try {
    await work(file);
    closeSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** What is renamed over a device takes its name: /dev/null would be an archive from then on. */
function refuseDevice(path: string, what: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || (!stat.isCharacterDevice() && !stat.isBlockDevice())) return;
  throw new CommandError(EXIT.failure, "output-to-device", `${what}: invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got a device`);
}
