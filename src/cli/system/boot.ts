/** `mdk system boot`: what the unit of `mdk system install` calls when the host has booted. */
import { EXIT } from "../exit.ts";
import { bootContainers } from "../../engine/system/boot.ts";
import type { Command } from "../grammar/flags.ts";
import { print, printable, printError } from "../output/text.ts";
import { Warnings } from "../output/warn.ts";

export const command: Command = {
  usage: "system boot",
  summary: "Start the containers whose restart policy says so, after a boot of the host",
  flags: [],
  operands: [0, 0],
  run: async ({ context }) => {
    const warnings = new Warnings();
    const { started, problems } = await bootContainers(context, warnings.tell);
    await warnings.show();
    for (const name of started) print(name);
    for (const problem of problems) printError(printable(`mdk: ${problem}`));
    return problems.length === 0 ? 0 : EXIT.failure;
  },
};
