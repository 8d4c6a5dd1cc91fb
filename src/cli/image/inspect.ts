/** `mdk image inspect`. */
import { inspectWith } from "../output/inspect-with.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "image inspect [OPTIONS] IMAGE [IMAGE...]",
  summary: "Display detailed information on one or more images",
  flags: [
    { name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "platform", type: "string", help: "Inspect the image of this platform (os[/arch[/variant]])" },
  ],
  operands: [1, Infinity],
  run: (invocation) => inspectWith(invocation, "image", { platform: invocation.flags.string("platform") }),
};
