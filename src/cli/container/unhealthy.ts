/** `mdk container unhealthy ID`: what a monitor calls when its container turns unhealthy. */
import { actOnUnhealthy } from "../../engine/container/unhealthy.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "container unhealthy CONTAINER",
  summary: "Do what is to be done about an unhealthy container (called by mdk itself)",
  flags: [],
  operands: [1, 1],
  enduring: true,
  run: async ({ context, operands }) => {
    const [id = ""] = operands;
    if (/^[0-9a-f]{64}$/.test(id)) await actOnUnhealthy(context, id);
    return 0;
  },
};
