/** `mdk network prune`. */
import { pruneNetworks } from "../../engine/network/networks.ts";
import { confirm } from "../grammar/confirm.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { parsePruneFilters } from "../grammar/prune-filters.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "network prune [OPTIONS]",
  summary: "Remove all unused networks",
  flags: [
    { name: "filter", type: "list", help: "Provide filter values (e.g. \"until=<timestamp>\")" },
    { name: "force", short: "f", type: "bool", help: "Do not prompt for confirmation" },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const isMeant = parsePruneFilters(flags.list("filter"), context.now());
  if (!flags.bool("force") && !confirm("WARNING! This will remove all custom networks not used by at least one container.")) return 0;
  const names = pruneNetworks(context, ({ labels, createdMs }) => isMeant(labels, createdMs));
  if (names.length > 0) print(`Deleted Networks:\n${names.join("\n")}\n`);
  return 0;
}
