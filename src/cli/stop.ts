/** `mdk stop`. */
import { stopContainer } from "../engine/stop.ts";
import { findContainer } from "../engine/find.ts";
import { forEach } from "./each.ts";
import type { Command } from "./flags.ts";
import { print } from "./output.ts";

export const command: Command = {
  usage: "stop [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Stop one or more running containers",
  flags: [
    { name: "signal", short: "s", type: "string", help: "Signal to send to the container" },
    { name: "timeout", short: "t", type: "int", help: "Seconds to wait before killing the container" },
    { name: "time", type: "int", help: "Seconds to wait before killing the container (deprecated: use --timeout)" },
  ],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) =>
    forEach(operands, (word) => {
      stopContainer(context, findContainer(context, word), { signal: flags.string("signal"), seconds: flags.int("timeout") ?? flags.int("time") });
      print(word);
    }),
};
