/** `mdk update`. */
import { EXIT, CommandError } from "../exit.ts";
import { findContainer } from "../../engine/container/find.ts";
import { updateContainer } from "../../engine/container/update.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { changesOf, UPDATE_FLAGS } from "./update-flags.ts";
import { print } from "../output/text.ts";
import { Warnings } from "../output/warn.ts";

export const command: Command = {
  usage: "update [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Update configuration of one or more containers",
  flags: UPDATE_FLAGS,
  operands: [1, Infinity],
  run: async ({ context, flags, operands }) => {
    const changes = changesOf(flags);
    if (changes === null) throw new CommandError(EXIT.failure, "no-flags", "you must provide one or more flags when using this command");
    const warnings = new Warnings();
    const status = await forEach(operands, (word) => {
      updateContainer(context, findContainer(context, word).id, changes).forEach(warnings.tell);
      print(word);
    });
    await warnings.show();
    return status;
  },
};
