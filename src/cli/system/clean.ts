/** `mdk clean`. */
import { EXIT } from "../exit.ts";
import { MdkError } from "../../error.ts";
import { cleanHost } from "../../engine/system/clean.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { confirm } from "../grammar/confirm.ts";
import { hintFor } from "../output/hint.ts";
import { print, printable, printError } from "../output/text.ts";

export const command: Command = {
  usage: "clean [OPTIONS]",
  summary: "Remove all containers and what mdk set up on this host, except images",
  flags: [{ name: "force", short: "f", type: "bool", help: "Do not ask" }],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  if (!flags.bool("force")) {
    if (!isTerminal(0)) throw new MdkError("invalid", "clean-unasked", "clean removes all containers", { hint: "say that you mean it: mdk clean -f" });
    if (!confirm(`WARNING! This will kill and remove all containers of ${context.root}, its network and its cgroups.`)) return 0;
  }
  const { containers, problems, told } = cleanHost(context);
  for (const id of containers) print(id);
  for (const text of told) printError(printable(`mdk: ${text}`));
  for (const problem of problems) printError(printable(`mdk: ${problem}`));
  const [hint = null] = problems.map(hintFor).filter((text) => text !== null);
  if (hint !== null) printError(hint);
  return problems.length === 0 ? 0 : EXIT.failure;
}
