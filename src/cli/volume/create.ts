/** `mdk volume create`. */
import { EXIT, CommandError } from "../exit.ts";
import { createVolume } from "../../engine/volume/volumes.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "volume create [OPTIONS] [VOLUME]",
  summary: "Create a volume",
  flags: [
    { name: "driver", short: "d", type: "string", help: "Specify volume driver name (default \"local\")" },
    { name: "label", type: "map", help: "Set metadata for a volume" },
    { name: "name", type: "string", hidden: true, help: "Specify volume name" },
    { name: "opt", short: "o", type: "map", help: "Set driver specific options (type, device, o)" },
  ],
  operands: [0, 1],
  run: ({ context, flags, operands }) => {
    const [operand] = operands;
    if (operand !== undefined && flags.given("name")) throw new CommandError(EXIT.failure, "two-names", "conflicting options: cannot specify a volume-name through both --name and as a positional arg");
    const pairs = (name: string): Record<string, string> => Object.fromEntries(flags.list(name).map((text) => { const equals = text.indexOf("="); return equals === -1 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)]; }));
    print(createVolume(context, { name: operand || flags.string("name"), driver: flags.string("driver") ?? "local", options: pairs("opt"), labels: pairs("label") }));
    return 0;
  },
};
