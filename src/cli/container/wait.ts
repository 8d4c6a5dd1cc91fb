/** `mdk wait`. */
import { waitForEnd } from "../../engine/end/end.ts";
import { findContainer } from "../../engine/container/find.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "wait CONTAINER [CONTAINER...]",
  summary: "Block until one or more containers stop, then print their exit codes",
  flags: [],
  operands: [1, Infinity],
  run: ({ context, operands }) => forEach(operands, (word) => print(String(waitForEnd(context, findContainer(context, word))))),
};
