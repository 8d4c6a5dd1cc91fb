/** `mdk history` (docker/cli, formatter/history.go). */
import { readHistory, type HistoryStep } from "../../engine/image/history.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { ago } from "../output/human.ts";
import { printRows, type Row } from "../output/rows.ts";
import { humanSize } from "../output/size.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "history [OPTIONS] IMAGE",
  summary: "Show the history of an image",
  flags: [
    { name: "format", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "human", short: "H", type: "bool", help: "Print sizes and dates in human readable format (default true)" },
    { name: "no-trunc", type: "bool", help: "Don't truncate output" },
    { name: "platform", type: "string", help: "Show the history of the image of this platform (os[/arch[/variant]])" },
    { name: "quiet", short: "q", type: "bool", help: "Only show image IDs" },
  ],
  operands: [1, 1],
  run,
};

const HEADS = { ID: "IMAGE", CreatedSince: "CREATED", CreatedAt: "CREATED AT", CreatedBy: "CREATED BY", Size: "SIZE", Comment: "COMMENT" };
const WIDTH = 45;

interface Shown {
  readonly full: boolean;
  readonly human: boolean;
  readonly now: Date;
}

async function run({ context, flags, operands: [word = ""] }: Invocation): Promise<number> {
  const shown = { full: flags.bool("no-trunc"), human: flags.bool("human", true), now: context.now() };
  const rows = readHistory(context, word, flags.string("platform")).map((step) => rowOf(step, shown));
  const format = flags.string("format");
  if (flags.bool("quiet") && (format === null || format === "table")) print(rows.map(({ ID }) => ID).join("\n"));
  else await printRows({ command: "history", type: "*image.historyContext", heads: HEADS, usual: ["ID", shown.human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"], rows, raw: [] }, format);
  return 0;
}

function rowOf({ id, createdMs, createdBy, comment, size }: HistoryStep, { full, human, now }: Shown): Row {
  const oneLine = createdBy.replaceAll("\t", " ");
  const at = createdMs === null ? "" : new Date(createdMs).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    ID: id === null ? "<missing>" : full ? id : id.replace(/^sha256:/, "").slice(0, 12),
    CreatedSince: !human ? at : createdMs === null ? "N/A" : ago(createdMs, now), CreatedAt: at,
    CreatedBy: full || oneLine.length <= WIDTH ? oneLine : `${oneLine.slice(0, WIDTH - 1)}…`,
    Size: human ? humanSize(size) : String(size), Comment: comment,
  };
}
