/** `mdk stop`. */
import { beginStop, type StopOptions, type Stopping } from "../../engine/container/stop.ts";
import { findContainer } from "../../engine/container/find.ts";
import { forEach } from "../grammar/each.ts";
import type { Command, Flag, Values } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

/** Of `restart` too. */
export const STOP_FLAGS: readonly Flag[] = [
  { name: "signal", short: "s", type: "string", help: "Signal to send to the container" },
  { name: "timeout", short: "t", type: "int", help: "Seconds to wait before killing the container" },
  { name: "time", type: "int", hidden: true, help: "Seconds to wait before killing the container (deprecated: use --timeout)" },
];

export const stopOptionsOf = (flags: Values): StopOptions => ({ signal: flags.string("signal"), seconds: flags.int("timeout") ?? flags.int("time"), by: "stop" });

export const command: Command = {
  usage: "stop [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Stop one or more running containers",
  flags: STOP_FLAGS,
  operands: [1, Infinity],
  run: async ({ context, flags, operands }) => {
    const options = stopOptionsOf(flags);
    // All are told first: their times run out together.
    const told: { readonly word: string; readonly stopping: Stopping }[] = [];
    const first = await forEach(operands, (word) => void told.push({ word, stopping: beginStop(context, findContainer(context, word), options) }));
    const second = await forEach(told, ({ word, stopping }) => {
      stopping.finish();
      print(word);
    });
    return Math.max(first, second);
  },
};
