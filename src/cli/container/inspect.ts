/** `mdk container inspect`. */
import { inspectWith } from "../output/inspect-with.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "container inspect [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Display detailed information on one or more containers",
  flags: [
    { name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "size", short: "s", type: "bool", help: "Display total file sizes" },
  ],
  operands: [1, Infinity],
  run: (invocation) => inspectWith(invocation, "container", { size: invocation.flags.bool("size") }),
};
