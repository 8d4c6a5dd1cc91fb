/** `mdk network inspect`. */
import type { Command } from "../grammar/flags.ts";
import { inspectWith } from "../output/inspect-with.ts";

export const command: Command = {
  usage: "network inspect [OPTIONS] NETWORK [NETWORK...]",
  summary: "Display detailed information on one or more networks",
  flags: [
    { name: "format", short: "f", type: "string", help: "Format output using a custom template: json, or a Go template" },
    { name: "verbose", short: "v", type: "bool", help: "Verbose output for diagnostics" },
  ],
  operands: [1, Infinity],
  run: (invocation) => inspectWith(invocation, "network"),
};
