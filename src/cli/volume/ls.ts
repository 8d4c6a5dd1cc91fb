/** `mdk volume ls`. */
import { listVolumes, volumeUsers, type Volume } from "../../store/volumes.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../../engine/context.ts";
import { EXIT, CommandError } from "../exit.ts";
import { hasLabel } from "../container/labels.ts";
import { parseFilters, type Filter } from "../grammar/filters.ts";
import { isTrue, type Command, type Invocation } from "../grammar/flags.ts";
import { printRows, type Row } from "../output/rows.ts";
import { print } from "../output/text.ts";

const KEYS = ["dangling", "driver", "label", "name"] as const;
type Key = (typeof KEYS)[number];

export const command: Command = {
  usage: "volume ls [OPTIONS]",
  summary: "List volumes",
  flags: [
    { name: "cluster", type: "bool", help: "Display only cluster volumes, and use cluster volume list formatting", missing: true },
    { name: "filter", short: "f", type: "list", help: "Provide filter values (e.g. \"dangling=true\")" },
    { name: "format", type: "string", help: "Format output using a custom template: table, json, or a Go template" },
    { name: "quiet", short: "q", type: "bool", help: "Only display volume names" },
  ],
  operands: [0, 0],
  run,
};

const HEADS = { Name: "VOLUME NAME", Driver: "DRIVER", Scope: "SCOPE", Mountpoint: "MOUNTPOINT", Labels: "LABELS", Links: "LINKS", Size: "SIZE", Availability: "AVAILABILITY", Group: "GROUP", Status: "STATUS" };

async function run({ context, flags }: Invocation): Promise<number> {
  const volumes = listVolumes(context.database()).filter(matcher(context, parseFilters(flags.list("filter"), KEYS)));
  const format = flags.string("format");
  if (flags.bool("quiet") && format === null) {
    if (volumes.length > 0) print(volumes.map(({ name }) => name).join("\n"));
    return 0;
  }
  const rows = volumes.map(({ name, labels }): Row => ({
    Name: name, Driver: "local", Scope: "local", Mountpoint: storePaths(context.root).volumeData(name), Labels: Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(","),
    Links: "N/A", Size: "N/A", Availability: "N/A", Group: "N/A", Status: "N/A",
  }));
  const methodsOf = (index: number): { Label: (name: string) => string } => ({ Label: (name) => volumes[index]?.labels[name] ?? "" });
  await printRows({ command: "volume", type: "*formatter.volumeContext", heads: HEADS, usual: ["Driver", "Name"], raw: [["name", "Name"], ["driver", "Driver"]], rows, methodsOf }, format);
  return 0;
}

function matcher(context: Context, filters: readonly Filter<Key>[]): (volume: Volume) => boolean {
  const of = (key: Key): readonly string[] => filters.filter((filter) => filter.key === key).map(({ value }) => value);
  const dangling = of("dangling").map((value) => {
    const flag = isTrue(value);
    if (flag === null) throw new CommandError(EXIT.failure, "invalid-filter", `invalid filter 'dangling=[${value}]'`);
    return flag;
  });
  return ({ name, labels }) =>
    dangling.every((wanted) => (volumeUsers(context.database(), name).length === 0) === wanted) && of("driver").every((driver) => driver === "local") &&
    of("label").every((value) => hasLabel(labels, value)) && (of("name").length === 0 || of("name").some((part) => name.includes(part)));
}
