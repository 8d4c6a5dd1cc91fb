/** `mdk network rm`. */
import { MdkError } from "../../error.ts";
import { removeNetwork } from "../../engine/network/networks.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "network rm NETWORK [NETWORK...]",
  summary: "Remove one or more networks",
  flags: [{ name: "force", short: "f", type: "bool", help: "Do not error if the network does not exist" }],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => forEach(operands, (word) => {
    try {
      removeNetwork(context, word);
    } catch (error) {
      if (flags.bool("force") && error instanceof MdkError && error.kind === "not-found") return;
      throw error;
    }
    print(word);
  }),
};
