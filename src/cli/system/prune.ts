/** `mdk system prune`. */
import { pruneBuildCache } from "../../engine/build/cache.ts";
import { pruneContainers } from "../../engine/container/prune.ts";
import { readLabels } from "../../engine/image/list.ts";
import { pruneImages } from "../../engine/image/prune.ts";
import { pruneNetworks } from "../../engine/network/networks.ts";
import { pruneVolumes } from "../../engine/volume/remove.ts";
import { printForgotten } from "../build/prune.ts";
import { confirm } from "../grammar/confirm.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { parsePruneFilters } from "../grammar/prune-filters.ts";
import { printDeleted } from "../image/prune.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "system prune [OPTIONS]",
  summary: "Remove unused data",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Remove all unused images not just dangling ones" },
    { name: "filter", type: "list", help: "Provide filter values (e.g. \"label=<key>=<value>\")" },
    { name: "force", short: "f", type: "bool", help: "Do not prompt for confirmation" },
    { name: "volumes", type: "bool", help: "Prune anonymous volumes" },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const [all, volumes] = [flags.bool("all"), flags.bool("volumes")];
  const isMeant = parsePruneFilters(flags.list("filter"), context.now());
  if (!flags.bool("force") && !confirm(warning(all, volumes))) return 0;
  const containers = pruneContainers(context, ({ createdMs, config: { Labels } }) => isMeant(Labels, createdMs));
  if (containers.ids.length > 0) print(`Deleted Containers:\n${containers.ids.join("\n")}\n`);
  const networks = pruneNetworks(context, ({ labels, createdMs }) => isMeant(labels, createdMs));
  if (networks.length > 0) print(`Deleted Networks:\n${networks.join("\n")}\n`);
  const pruned = volumes ? pruneVolumes(context, false, ({ labels, createdMs }) => isMeant(labels, createdMs)) : { names: [], bytes: 0 };
  if (pruned.names.length > 0) print(`Deleted Volumes:\n${pruned.names.join("\n")}\n`);
  const images = pruneImages(context, all, ({ id, created }) => isMeant(readLabels(context, id), Date.parse(created) || 0));
  printDeleted(images);
  // Docker's: labels are of nothing that a build keeps.
  const cache = flags.list("filter").some((text) => text.startsWith("label")) ? { ids: [], bytes: 0 } : pruneBuildCache(context, { all, beforeMs: null, keepBytes: 0 });
  printForgotten(cache.ids);
  print(`Total reclaimed space: ${humanSize(containers.bytes + pruned.bytes + images.bytes + cache.bytes)}`);
  return 0;
}

function warning(all: boolean, volumes: boolean): string {
  return [
    "WARNING! This will remove:", "  - all stopped containers", "  - all networks not used by at least one container", ...(volumes ? ["  - all anonymous volumes not used by at least one container"] : []),
    all ? "  - all images without at least one container associated to them" : "  - all dangling images", all ? "  - all build cache" : "  - unused build cache", "",
  ].join("\n");
}
