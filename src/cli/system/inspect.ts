/** `mdk inspect`: containers, images, networks and volumes. */
import { inspectType, inspectWith } from "../output/inspect-with.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "inspect [OPTIONS] NAME|ID [NAME|ID...]",
  summary: "Return low-level information on containers, images, networks and volumes",
  flags: [
    { name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "type", type: "string", help: "Only inspect objects of the given type (container, image, network, volume)" },
    { name: "size", short: "s", type: "bool", help: "Display total file sizes if the type is container" },
  ],
  operands: [1, Infinity],
  run: (invocation) => {
    const { flags } = invocation;
    return inspectWith(invocation, flags.given("type") ? inspectType(flags.string("type") ?? "") : null, { size: flags.bool("size") });
  },
};
