/** `mdk top`. */
import { findContainer } from "../../engine/container/find.ts";
import { listTop } from "../../engine/container/top.ts";
import type { Command } from "../grammar/flags.ts";
import { print, printable, table } from "../output/text.ts";

export const command: Command = {
  usage: "top CONTAINER [ps OPTIONS]",
  summary: "Display the running processes of a container",
  flags: [],
  operands: [1, Infinity],
  interspersed: false,
  run: ({ context, operands }) => {
    const [word = "", ...options] = operands;
    const { titles, processes } = listTop(context, findContainer(context, word), options);
    print(printable(table([titles, ...processes])));
    return 0;
  },
};
