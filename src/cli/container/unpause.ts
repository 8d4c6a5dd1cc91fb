/** `mdk unpause`. */
import { findContainer } from "../../engine/container/find.ts";
import { unpauseContainer } from "../../engine/container/pause.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "unpause CONTAINER [CONTAINER...]",
  summary: "Unpause all processes within one or more containers",
  flags: [],
  operands: [1, Infinity],
  run: ({ context, operands }) => forEach(operands, (word) => {
    unpauseContainer(context, findContainer(context, word).id);
    print(word);
  }),
};
