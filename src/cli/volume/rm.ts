/** `mdk volume rm`. */
import { removeVolume } from "../../engine/volume/remove.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "volume rm [OPTIONS] VOLUME [VOLUME...]",
  summary: "Remove one or more volumes",
  flags: [{ name: "force", short: "f", type: "bool", help: "Force the removal of one or more volumes" }],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => forEach(operands, (name) => {
    removeVolume(context, name, { force: flags.bool("force") });
    print(name);
  }),
};
