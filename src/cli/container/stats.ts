/** `mdk stats`. */
import { findContainer } from "../../engine/container/find.ts";
import { summarizeContainers } from "../../engine/container/list.ts";
import { readSample, usageOf, type Sample } from "../../engine/container/stats.ts";
import type { Context } from "../../engine/context.ts";
import { isUp } from "../../engine/end/words.ts";
import type { ContainerLine } from "../../store/containers.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { printRows, type Row } from "../output/rows.ts";
import { humanMemory, humanSize } from "../output/size.ts";
import { writeAll } from "../output/text.ts";

export const command: Command = {
  usage: "stats [OPTIONS] [CONTAINER...]",
  summary: "Display a live stream of container(s) resource usage statistics",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Show all containers (default shows just running)" },
    { name: "format", type: "string", help: "Format output using a custom template: table, json, or a Go template" },
    { name: "no-stream", type: "bool", help: "Disable streaming stats and only pull the first result" },
    { name: "no-trunc", type: "bool", help: "Do not truncate output" },
  ],
  operands: [0, Infinity],
  run,
};

const PERIOD_MS = 1000;

const HEADS = {
  Container: "CONTAINER", ID: "CONTAINER ID", Name: "NAME", CPUPerc: "CPU %", MemUsage: "MEM USAGE / LIMIT", MemPerc: "MEM %", NetIO: "NET I/O", BlockIO: "BLOCK I/O", PIDs: "PIDS",
};
const USUAL = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const named = operands.map((word) => findContainer(context, word));
  const format = flags.string("format");
  const live = !flags.bool("no-stream") && isTerminal(1);
  const before = new Map<string, Sample>();
  for (let round = 0; ; round++) {
    const containers = operands.length > 0 ? named : await listed(context, flags.bool("all"));
    const rows = containers.map((container) => rowOf(context, container, { before, full: flags.bool("no-trunc") }));
    // What is spent can be told from the second look on.
    if (round > 0 || !flags.bool("no-stream")) {
      if (live) writeAll(1, Buffer.from(round === 0 ? "\u001b[2J\u001b[H" : "\u001b[H\u001b[J"));
      await printRows({ command: "stats", type: "*container.statsContext", heads: HEADS, usual: USUAL, raw: [], rows }, format);
      if (flags.bool("no-stream")) return 0;
    }
    await Bun.sleep(PERIOD_MS);
  }
}

async function listed(context: Context, all: boolean): Promise<ContainerLine[]> {
  return (await summarizeContainers(context, { all })).filter(({ status }) => all || isUp(status.word)).map(({ container }) => container);
}

function rowOf(context: Context, container: ContainerLine, { before, full }: { readonly before: Map<string, Sample>; readonly full: boolean }): Row {
  const id = full ? container.id : container.id.slice(0, 12);
  const head = { Container: id, ID: id, Name: container.name };
  const sample = readSample(context, container);
  // Docker's, for one that does not run.
  if (sample === null) return { ...head, CPUPerc: "0.00%", MemUsage: "0B / 0B", MemPerc: "0.00%", NetIO: "0B / 0B", BlockIO: "0B / 0B", PIDs: "0" };
  const usage = usageOf(sample, before.get(container.id) ?? null);
  before.set(container.id, sample);
  return {
    ...head, CPUPerc: `${usage.cpuPercent.toFixed(2)}%`, MemUsage: `${humanMemory(usage.memory)} / ${humanMemory(usage.memoryLimit)}`, MemPerc: `${usage.memoryPercent.toFixed(2)}%`,
    NetIO: `${humanSize(usage.received, 3)} / ${humanSize(usage.sent, 3)}`, BlockIO: `${humanSize(usage.read, 3)} / ${humanSize(usage.written, 3)}`, PIDs: String(usage.pids),
  };
}
