/** `mdk builder prune`. */
import { pruneBuildCache } from "../../engine/build/cache.ts";
import { confirm } from "../grammar/confirm.ts";
import { UsageError, type Command, type Invocation } from "../grammar/flags.ts";
import { momentOf } from "../grammar/moment.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "builder prune [OPTIONS]",
  summary: "Remove build cache",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Remove all unused build cache, not just dangling ones" },
    { name: "filter", type: "list", help: "Provide filter values (e.g. \"until=24h\")" },
    { name: "force", short: "f", type: "bool", help: "Do not prompt for confirmation" },
    { name: "keep-storage", type: "bytes", help: "Amount of disk space to keep for cache" },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const all = flags.bool("all");
  let beforeMs: number | null = null;
  for (const text of flags.list("filter")) {
    const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key !== "until" && key !== "unused-for") throw new UsageError(`invalid filter '${key || text}'`);
    beforeMs = Date.parse(momentOf("until", value, context.now())!);
  }
  if (!flags.bool("force") && !confirm(`WARNING! This will remove all ${all ? "" : "dangling "}build cache.`)) return 0;
  const { ids, bytes } = pruneBuildCache(context, { all, beforeMs, keepBytes: flags.bytes("keep-storage") ?? 0 });
  printForgotten(ids);
  print(`Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
}

/** Docker's list, nothing for nothing. */
export function printForgotten(ids: readonly string[]): void {
  if (ids.length > 0) print(`Deleted build cache objects:\n${ids.map((id) => id.replace(/^sha256:/, "").slice(0, 25)).join("\n")}\n`);
}
