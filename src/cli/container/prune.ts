/** `mdk container prune`. */
import { pruneContainers } from "../../engine/container/prune.ts";
import type { Container } from "../../store/containers.ts";
import { confirm } from "../grammar/confirm.ts";
import { parseFilters } from "../grammar/filters.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { momentOf } from "../grammar/moment.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";
import { hasLabel } from "./labels.ts";

const KEYS = ["until", "label", "label!"] as const;

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
  const filters = parseFilters(flags.list("filter"), KEYS);
  const of = (key: (typeof KEYS)[number]): readonly string[] => filters.filter((filter) => filter.key === key).map(({ value }) => value);
  const until = of("until").map((text) => Date.parse(momentOf("until", text, context.now())!));
  if (!flags.bool("force") && !confirm("WARNING! This will remove all stopped containers.")) return 0;
  const isMeant = ({ createdMs, config: { Labels } }: Container): boolean =>
    until.every((ms) => createdMs < ms) && of("label").every((value) => hasLabel(Labels, value)) && !of("label!").some((value) => hasLabel(Labels, value));
  const { ids, bytes } = pruneContainers(context, isMeant);
  if (ids.length > 0) print(`Deleted Containers:\n${ids.join("\n")}\n`);
  print(`Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
}
