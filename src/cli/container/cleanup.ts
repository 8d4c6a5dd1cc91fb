/** `mdk container cleanup ID`: what a monitor calls when nobody waits for its container. */
import { settle } from "../../engine/end/settle.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "container cleanup CONTAINER",
  summary: "Finish what an ended container left (called by mdk itself)",
  flags: [],
  operands: [1, 1],
  run: ({ context, operands }) => {
    const [id = ""] = operands;
    if (/^[0-9a-f]{64}$/.test(id)) settle(context, id);
    return 0;
  },
};
