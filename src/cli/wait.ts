/** `mdk wait`. */
import { waitForEnd } from "../engine/end.ts";
import { findContainer } from "../engine/find.ts";
import { forEach } from "./each.ts";
import type { Command } from "./flags.ts";
import { print } from "./output.ts";

export const command: Command = {
  usage: "wait CONTAINER [CONTAINER...]",
  summary: "Block until one or more containers stop, then print their exit codes",
  flags: [],
  operands: [1, Infinity],
  run: ({ context, operands }) => forEach(operands, (word) => print(String(waitForEnd(context, findContainer(context, word))))),
};
