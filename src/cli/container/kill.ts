/** `mdk kill`. */
import { MdkError } from "../../error.ts";
import { sendSignalTo } from "../../engine/container/kill.ts";
import type { Context } from "../../engine/context.ts";
import { findContainer } from "../../engine/container/find.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { forEach } from "../grammar/each.ts";
import type { Container } from "../../store/containers.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "kill [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Kill one or more running containers",
  flags: [{ name: "signal", short: "s", type: "string", help: "Signal to send to the container" }],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => {
    const signal = parseSignal(flags.string("signal") ?? "KILL");
    return forEach(operands, (word) => {
      const container = found(context, word);
      if (!sendSignalTo(context, container, signal)) throw new MdkError("conflict", "not-running", `cannot kill container: ${word}: container ${container.id} is not running`);
      print(word);
    });
  },
};

/** Docker's kill puts its own words before those of the search. */
function found(context: Context, word: string): Container {
  try {
    return findContainer(context, word);
  } catch (error) {
    if (error instanceof MdkError) throw new MdkError(error.kind, error.code, `cannot kill container: ${word}: ${error.message}`);
    throw error;
  }
}
