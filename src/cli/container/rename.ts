/** `mdk rename`. */
import { EXIT, CommandError } from "../exit.ts";
import { findContainer } from "../../engine/container/find.ts";
import { rename } from "../../engine/container/rename.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "rename CONTAINER NEW_NAME",
  summary: "Rename a container",
  flags: [],
  operands: [2, 2],
  run: ({ context, operands }) => {
    const [old = "", name = ""] = operands.map((word) => word.trim());
    if (old === "" || name === "") throw new CommandError(EXIT.failure, "invalid-name", "Error: Neither old nor new names may be empty");
    rename(context, findContainer(context, old).id, name.replace(/^\//, ""));
    return 0;
  },
};
