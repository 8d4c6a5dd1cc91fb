/** `mdk images`. */
import { summarizeImages, type ImageSummary } from "../../engine/image/list.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { ago, dockerDate } from "../output/human.ts";
import { printRows, type Row } from "../output/rows.ts";
import { print } from "../output/text.ts";
import { humanSize } from "../output/size.ts";

export const command: Command = {
  usage: "images [OPTIONS] [REPOSITORY[:TAG]]",
  summary: "List images",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Show all images, those too that came for one container (run oci:DIR) and go with it" },
    { name: "digests", type: "bool", help: "Show digests" },
    { name: "filter", short: "f", type: "list", help: "Filter output based on conditions provided (before, dangling, label, reference, since, until)" },
    { name: "format", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "no-trunc", type: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", type: "bool", help: "Only show image IDs" },
  ],
  operands: [0, 1],
  run,
};

const HEADS = {
  Repository: "REPOSITORY", Tag: "TAG", Digest: "DIGEST", ID: "IMAGE ID", CreatedSince: "CREATED", CreatedAt: "CREATED AT", Size: "SIZE",
  Containers: "CONTAINERS", SharedSize: "SHARED SIZE", UniqueSize: "UNIQUE SIZE", VirtualSize: "SIZE",
};

/** Of `--format raw`. */
const RAW = [["repository", "Repository"], ["tag", "Tag"], ["image_id", "ID"], ["created_at", "CreatedAt"], ["virtual_size", "Size"]] as const;

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const how = { full: flags.bool("no-trunc"), now: context.now() };
  const texts = flags.list("filter");
  const pattern = operands[0] || null;
  const all = summarizeImages(context, { all: flags.bool("all") });
  const filtered = texts.length === 0 && pattern === null ? all : all.filter((await import("./images-filters.ts")).parseImageFilters(context, texts, pattern));
  const rows = filtered.map((summary) => rowOf(summary, how));
  const format = flags.string("format");
  if (flags.bool("quiet") && (format === null || format === "table")) {
    const ids = [...new Set(rows.map(({ ID }) => ID))];
    if (ids.length > 0) print(ids.join("\n"));
    return 0;
  }
  const usual = ["Repository", "Tag", ...(flags.bool("digests") ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
  await printRows({ command: "images", type: "*formatter.imageContext", heads: HEADS, usual, rows, raw: RAW }, format);
  return 0;
}

function rowOf(summary: ImageSummary, how: { readonly full: boolean; readonly now: Date }): Row {
  const created = new Date(summary.created);
  // Builders without a clock write Go's zero time, year 1.
  const known = created.getUTCFullYear() > 1;
  return {
    Repository: summary.repository ?? "<none>", Tag: summary.tag ?? "<none>", Digest: summary.digest ?? "<none>",
    ID: how.full ? summary.id : summary.id.replace(/^sha256:/, "").slice(0, 12),
    CreatedSince: known ? ago(created.getTime(), how.now) : "N/A", CreatedAt: known ? dockerDate(created) : "N/A",
    Size: humanSize(summary.size), VirtualSize: humanSize(summary.size, 4), SharedSize: "N/A", UniqueSize: "N/A",
    Containers: "N/A",
  };
}
