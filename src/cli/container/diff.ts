/** `mdk diff`. */
import { diffContainer } from "../../engine/container/diff.ts";
import { findContainer } from "../../engine/container/find.ts";
import type { Command } from "../grammar/flags.ts";
import { writeAll } from "../output/text.ts";

const LETTERS = { changed: "C", added: "A", deleted: "D" } as const;

export const command: Command = {
  usage: "diff CONTAINER",
  summary: "Inspect changes to files or directories on a container's filesystem",
  flags: [],
  operands: [1, 1],
  run({ context, operands }) {
    const lines = diffContainer(context, findContainer(context, operands[0] ?? "")).map(({ kind, path }) => `${LETTERS[kind]} /${path}\n`);
    writeAll(1, Buffer.from(lines.join(""), "latin1"));
    return 0;
  },
};
