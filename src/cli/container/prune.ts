/** `mdk container prune`. */
import { pruneContainers } from "../../engine/container/prune.ts";
import { confirm } from "../grammar/confirm.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { parsePruneFilters } from "../grammar/prune-filters.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "container prune [OPTIONS]",
  summary: "Remove all stopped containers",
  flags: [
    { name: "filter", type: "list", help: "Provide filter values (e.g. \"until=<timestamp>\")" },
    { name: "force", short: "f", type: "bool", help: "Do not prompt for confirmation" },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const isMeant = parsePruneFilters(flags.list("filter"), context.now());
  if (!flags.bool("force") && !confirm("WARNING! This will remove all stopped containers.")) return 0;
  const { ids, bytes } = pruneContainers(context, ({ createdMs, config: { Labels } }) => isMeant(Labels, createdMs));
  if (ids.length > 0) print(`Deleted Containers:\n${ids.join("\n")}\n`);
  print(`Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
}
