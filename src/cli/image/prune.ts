/** `mdk image prune`. */
import { readLabels } from "../../engine/image/list.ts";
import { pruneImages, type PrunedImages } from "../../engine/image/prune.ts";
import { confirm } from "../grammar/confirm.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { parsePruneFilters } from "../grammar/prune-filters.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "image prune [OPTIONS]",
  summary: "Remove unused images",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Remove all unused images, not just dangling ones" },
    { name: "filter", type: "list", help: "Provide filter values (e.g. \"until=<timestamp>\")" },
    { name: "force", short: "f", type: "bool", help: "Do not prompt for confirmation" },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const all = flags.bool("all");
  const isMeant = parsePruneFilters(flags.list("filter"), context.now());
  if (!flags.bool("force") && !confirm(`WARNING! This will remove all ${all ? "images without at least one container associated to them" : "dangling images"}.`)) return 0;
  const pruned = pruneImages(context, all, ({ id, created }) => isMeant(readLabels(context, id), Date.parse(created) || 0));
  printDeleted(pruned);
  print(`Total reclaimed space: ${humanSize(pruned.bytes)}`);
  return 0;
}

/** Docker's list, nothing for nothing. */
export function printDeleted({ removed }: PrunedImages): void {
  if (removed.length > 0) print(`Deleted Images:\n${removed.map(({ kind, name }) => `${kind}: ${name}`).join("\n")}\n`);
}
