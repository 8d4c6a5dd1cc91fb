/** `mdk rm`. */
import { findContainer } from "../../engine/container/find.ts";
import { removeContainer } from "../../engine/container/remove.ts";
import { reconcile } from "../../engine/end/settle.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print, printError } from "../output/text.ts";
import { MdkError } from "../../error.ts";

export const command: Command = {
  usage: "rm [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Remove one or more containers",
  flags: [
    { name: "force", short: "f", type: "bool", help: "Force the removal of a running container (uses SIGKILL)" },
    { name: "volumes", short: "v", type: "bool", help: "Remove anonymous volumes associated with the container" },
    { name: "link", short: "l", type: "bool", help: "Remove the specified link", missing: true },
  ],
  operands: [1, Infinity],
  run: async ({ context, flags, operands }) => {
    const force = flags.bool("force");
    const status = await forEach(operands, (word) => {
      try {
        removeContainer(context, findContainer(context, word), { force, volumes: flags.bool("volumes") });
      } catch (error) {
        // Docker's -f: what is not there is removed already; it says so and succeeds.
        if (!(force && error instanceof MdkError && error.code === "no-such-container")) throw error;
        return printError(`mdk: ${error.message}`);
      }
      print(word);
    });
    reconcile(context);
    return status;
  },
};
