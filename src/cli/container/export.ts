/** `mdk export`. */
import { EXIT, CommandError } from "../exit.ts";
import { closeSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { exportContainer } from "../../engine/container/export.ts";
import { findContainer } from "../../engine/container/find.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { stream } from "../output/text.ts";

export const command: Command = {
  usage: "export [OPTIONS] CONTAINER",
  summary: "Export a container's filesystem as a tar archive",
  flags: [{ name: "output", short: "o", type: "string", help: "Write to a file, instead of STDOUT" }],
  operands: [1, 1],
  run,
};

function run({ context, flags, operands }: Invocation): number {
  const container = findContainer(context, operands[0] ?? "");
  const path = flags.string("output");
  if (path === null) {
    if (isTerminal(1)) throw new CommandError(EXIT.failure, "export-to-terminal", "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    exportContainer(context, container, (bytes) => stream(1, bytes));
    return 0;
  }
  refuseDevice(path);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "wx", 0o600);
  try {
    exportContainer(context, container, (bytes) => stream(file, bytes));
    closeSync(file);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return 0;
}

/** What is renamed over a device takes its name: /dev/null would be an archive from then on. */
function refuseDevice(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || (!stat.isCharacterDevice() && !stat.isBlockDevice())) return;
  throw new CommandError(EXIT.failure, "export-to-device", `failed to export container: invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got a device`);
}
