/** `mdk restart`. */
import { findContainer } from "../../engine/container/find.ts";
import { reconcile } from "../../engine/end/settle.ts";
import { restartContainer } from "../../engine/container/restart.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { Warnings } from "../output/warn.ts";
import { STOP_FLAGS, stopOptionsOf } from "./stop.ts";

export const command: Command = {
  usage: "restart [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Restart one or more containers",
  flags: STOP_FLAGS,
  operands: [1, Infinity],
  run: async ({ context, flags, operands }) => {
    const options = stopOptionsOf(flags);
    const status = await forEach(operands, async (word) => {
      const warnings = new Warnings();
      await restartContainer(context, findContainer(context, word), options, warnings.tell);
      await warnings.show();
      print(word);
    });
    reconcile(context);
    return status;
  },
};
