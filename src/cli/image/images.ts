/** `mdk images`. */
import { listSummaries, type ImageSummary } from "../../engine/image/list.ts";
import { EXIT, MdkError } from "../../error.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { ago } from "../output/human.ts";
import { json, print, table } from "../output/text.ts";
import { humanSize } from "../output/size.ts";

export const command: Command = {
  usage: "images [OPTIONS] [REPOSITORY[:TAG]]",
  summary: "List images",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Show all images (default hides intermediate images)" },
    { name: "digests", type: "bool", help: "Show digests" },
    { name: "filter", short: "f", type: "list", help: "Filter output based on conditions provided (dangling, reference)" },
    { name: "format", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "no-trunc", type: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", type: "bool", help: "Only show image IDs" },
  ],
  operands: [0, 1],
  run,
};

type Row = Readonly<Record<string, string>>;

const HEADS: Row = {
  Repository: "REPOSITORY", Tag: "TAG", Digest: "DIGEST", ID: "IMAGE ID", CreatedSince: "CREATED", CreatedAt: "CREATED AT", Size: "SIZE",
  Containers: "CONTAINERS", SharedSize: "SHARED SIZE", UniqueSize: "UNIQUE SIZE", VirtualSize: "SIZE",
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const full = flags.bool("no-trunc");
  const now = context.now();
  const filters = flags.list("filter").map(parseFilter);
  const summaries = listSummaries(context, operands[0] ?? null).filter((summary) => filters.every((matches) => matches(summary)));
  const rows = summaries.map((summary) => rowOf(summary, { full, now }));
  const format = flags.string("format");
  if (flags.bool("quiet")) {
    const ids = [...new Set(rows.map((row) => row.ID as string))];
    if (ids.length > 0) print(ids.join("\n"));
  } else if (format !== null && format !== "table") await printFormatted(format, rows);
  else {
    const columns = ["Repository", "Tag", ...(flags.bool("digests") ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
    print(table([HEADS, ...rows].map((row) => columns.map((name) => row[name] as string))));
  }
  return 0;
}

async function printFormatted(format: string, rows: readonly Row[]): Promise<void> {
  if (format === "json") {
    for (const row of rows) print(json(row));
    return;
  }
  const { renderTemplate } = await import("../output/template.ts");
  const titled = format.startsWith("table ");
  const template = titled ? format.slice("table ".length) : format;
  const lines = (titled ? [HEADS, ...rows] : rows).map((row) => renderTemplate(template, row));
  if (titled) print(table(lines.map((line) => line.split("\t"))));
  else for (const line of lines) print(line);
}

function rowOf(summary: ImageSummary, how: { readonly full: boolean; readonly now: Date }): Row {
  const created = new Date(summary.created);
  // Builders without a clock write Go's zero time, year 1.
  const known = created.getUTCFullYear() > 1;
  return {
    Repository: summary.repository ?? "<none>", Tag: summary.tag ?? "<none>", Digest: summary.digest ?? "<none>",
    ID: how.full ? summary.id : summary.id.replace(/^sha256:/, "").slice(0, 12),
    CreatedSince: known ? ago(created.getTime(), how.now) : "N/A", CreatedAt: known ? `${created.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC` : "N/A",
    Size: humanSize(summary.size), VirtualSize: humanSize(summary.size), SharedSize: "N/A", UniqueSize: "N/A",
    Containers: "N/A",
  };
}

function parseFilter(text: string): (summary: ImageSummary) => boolean {
  const equals = text.indexOf("=");
  const [key, value] = [text.slice(0, equals), text.slice(equals + 1)];
  if (equals > 0 && key === "dangling" && /^(true|false|1|0)$/.test(value)) {
    return (summary) => (summary.tag === null) === (value === "true" || value === "1");
  }
  if (equals > 0 && key === "reference") {
    const glob = new Bun.Glob(value);
    return ({ repository, tag }) => repository !== null && (glob.match(repository) || glob.match(`${repository}:${tag ?? "<none>"}`));
  }
  throw new MdkError("invalid-filter", equals > 0 ? `invalid filter '${key}'` : `invalid argument "${text}" for "-f, --filter" flag: bad format of filter (expected name=value)`, {
    status: EXIT.failure,
  });
}
