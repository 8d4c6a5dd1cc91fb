/** `mdk network inspect`. */
import { readNetworkJson } from "../../api/inspect.ts";
import { NETWORK_SHAPE } from "../../api/json/shape.ts";
import type { Command } from "../grammar/flags.ts";
import { printFound } from "../output/inspect-with.ts";

export const command: Command = {
  usage: "network inspect [OPTIONS] NETWORK [NETWORK...]",
  summary: "Display detailed information on one or more networks",
  flags: [
    { name: "format", short: "f", type: "string", help: "Format output using a custom template: json, or a Go template" },
    { name: "verbose", short: "v", type: "bool", help: "Verbose output for diagnostics" },
  ],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => printFound(operands, flags.string("format"), {
    shape: NETWORK_SHAPE, lenient: true, read: (word) => readNetworkJson(context, word), missing: (word) => `network ${word} not found`,
  }),
};
