/** `mdk volume prune`. */
import { pruneVolumes } from "../../engine/volume/remove.ts";
import { confirm } from "../grammar/confirm.ts";
import { parseFilters } from "../grammar/filters.ts";
import { isTrue, type Command, type Invocation } from "../grammar/flags.ts";
import { areMeant } from "../grammar/prune-filters.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "volume prune [OPTIONS]",
  summary: "Remove unused local volumes",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Remove all unused volumes, not just anonymous ones" },
    { name: "filter", type: "list", help: "Provide filter values (e.g. \"label=<label>\")" },
    { name: "force", short: "f", type: "bool", help: "Do not prompt for confirmation" },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const filters = parseFilters(flags.list("filter"), ["all", "label", "label!"], "--filter");
  const all = flags.bool("all") || filters.some(({ key, value }) => key === "all" && isTrue(value) === true);
  if (!flags.bool("force") && !confirm(`WARNING! This will remove ${all ? "all" : "anonymous"} local volumes not used by at least one container.`)) return 0;
  const { names, bytes } = pruneVolumes(context, all, ({ labels }) => areMeant(filters, labels));
  if (names.length > 0) print(`Deleted Volumes:\n${names.join("\n")}\n`);
  print(`Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
}
