/** `mdk kill`. */
import { MdkError } from "../../error.ts";
import { killNow, signalContainer } from "../../engine/end/end.ts";
import { findContainer } from "../../engine/container/find.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { forEach } from "../grammar/each.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

const SIGKILL = 9;

export const command: Command = {
  usage: "kill [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Kill one or more running containers",
  flags: [{ name: "signal", short: "s", type: "string", help: "Signal to send to the container" }],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => {
    const signal = parseSignal(flags.string("signal") ?? "KILL");
    return forEach(operands, (word) => {
      const container = findContainer(context, word);
      // Scripts remove it next.
      if (!(signal === SIGKILL ? killNow(context, container) : signalContainer(context, container, signal))) throw new MdkError("not-running", `cannot kill container: ${word}: container ${container.id} is not running`);
      print(word);
    });
  },
};
