/** `mdk export`. */
import { EXIT, CommandError } from "../exit.ts";
import { exportContainer } from "../../engine/container/export.ts";
import { findContainer } from "../../engine/container/find.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { stream } from "../output/text.ts";
import { toFile } from "../output/to-file.ts";

export const command: Command = {
  usage: "export [OPTIONS] CONTAINER",
  summary: "Export a container's filesystem as a tar archive",
  flags: [{ name: "output", short: "o", type: "string", help: "Write to a file, instead of STDOUT" }],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const container = findContainer(context, operands[0] ?? "");
  const path = flags.string("output");
  if (path === null && isTerminal(1)) throw new CommandError(EXIT.failure, "export-to-terminal", "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  if (path === null) exportContainer(context, container, (bytes) => stream(1, bytes));
  else await toFile(path, "failed to export container", (file) => exportContainer(context, container, (bytes) => stream(file, bytes)));
  return 0;
}
