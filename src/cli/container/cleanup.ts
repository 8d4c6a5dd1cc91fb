/** `mdk container cleanup ID`: what a monitor calls when nobody waits for its container, and again when a restart is due. */
import { cleanUp } from "../../engine/start/restart.ts";
import type { Command } from "../grammar/flags.ts";

/** … and so many more: to be called again, 100 ms doubled so often later (shim/ending.zig). */
const AGAIN_STATUS = 64;

export const command: Command = {
  usage: "container cleanup CONTAINER",
  summary: "Finish what an ended container left (called by mdk itself)",
  flags: [],
  operands: [1, 1],
  enduring: true,
  run: async ({ context, operands }) => {
    const [id = ""] = operands;
    const doublings = /^[0-9a-f]{64}$/.test(id) ? await cleanUp(context, id) : null;
    return doublings === null ? 0 : AGAIN_STATUS + doublings;
  },
};
