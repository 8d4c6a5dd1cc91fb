/** `mdk rmi`. */
import { removeImage, removeOfPlatform } from "../../engine/image/remove.ts";
import { MdkError } from "../../error.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print, printError } from "../output/text.ts";

export const command: Command = {
  usage: "rmi [OPTIONS] IMAGE [IMAGE...]",
  summary: "Remove one or more images",
  flags: [
    { name: "force", short: "f", type: "bool", help: "Force removal of the image" },
    { name: "no-prune", type: "bool", help: "Do not delete untagged parents (mdk keeps none)" },
    { name: "platform", type: "list", help: "Remove only the given platform variant (os[/arch[/variant]])" },
  ],
  operands: [1, Infinity],
  run: async ({ context, flags, operands }) => {
    const force = flags.bool("force");
    const platforms = flags.list("platform").flatMap((text) => text.split(","));
    return await forEach(operands, (word) => {
      try {
        const removed = platforms.length === 0 ? removeImage(context, word, { force }) : platforms.flatMap((platform) => removeOfPlatform(context, word, { force, platform }));
        print(removed.map(({ kind, name }) => `${kind === "untagged" ? "Untagged" : "Deleted"}: ${name}`).join("\n"));
      } catch (error) {
        // Docker's -f: what is not there is removed already.
        if (!(force && error instanceof MdkError && error.code === "no-such-image")) throw error;
        printError(`mdk: ${error.message}`);
      }
    });
  },
};
