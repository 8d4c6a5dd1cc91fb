/** `mdk wait`. */
import { waitForEnd } from "../../engine/end/end.ts";
import { findContainer } from "../../engine/container/find.ts";
import { forEach } from "../grammar/each.ts";
import { UsageError, type Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "wait [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Block until one or more containers stop, then print their exit codes",
  flags: [
    { name: "condition", type: "string", help: "What to wait for: stopped (the default), exited, running, healthy, removed; mdk's own" },
    { name: "timeout", type: "duration", help: "Give up after this time (ms|s|m|h); mdk's own" },
  ],
  operands: [1, Infinity],
  run: async ({ context, flags, operands }) => {
    const [condition, timeout] = [flags.string("condition"), flags.duration("timeout")];
    if (condition === null && timeout === null) return await forEach(operands, (word) => print(String(waitForEnd(context, findContainer(context, word)))));
    const { awaitCondition, CONDITIONS } = await import("../../engine/container/await.ts");
    const known = CONDITIONS.find((name) => name === (condition ?? "stopped"));
    if (known === undefined) throw new UsageError(`invalid condition ${JSON.stringify(condition)}: it must be one of ${CONDITIONS.join(", ")}`);
    return await forEach(operands, async (word) => print(String(await awaitCondition(context, findContainer(context, word), known, timeout === null ? null : timeout / 1e6))));
  },
};
