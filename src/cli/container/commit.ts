/** `mdk commit`. */
import { commitContainer } from "../../engine/container/commit.ts";
import { findContainer } from "../../engine/container/find.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  summary: "Create a new image from a container's changes",
  flags: [
    { name: "author", short: "a", type: "string", help: "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")" },
    { name: "change", short: "c", type: "list", help: "Apply Dockerfile instruction to the created image" },
    { name: "message", short: "m", type: "string", help: "Commit message" },
    { name: "pause", short: "p", type: "bool", help: "Pause container during commit (default true)" },
  ],
  operands: [1, 2],
  run,
};

async function run({ context, flags, operands: [word = "", name = ""] }: Invocation): Promise<number> {
  print(await commitContainer(context, findContainer(context, word), {
    name: name === "" ? null : name, message: flags.string("message") ?? "", author: flags.string("author") ?? "", changes: flags.list("change"), pause: flags.bool("pause", true),
  }));
  return 0;
}
