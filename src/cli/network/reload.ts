/** `mdk network reload`: mdk's own, as podman has it. */
import { findContainer } from "../../engine/container/find.ts";
import { reloadNetworks } from "../../engine/network/reload.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { warn } from "../output/warn.ts";

export const command: Command = {
  usage: "network reload [CONTAINER...]",
  summary: "Make the firewall rules of networks and ports anew, after somebody else has flushed them",
  flags: [],
  operands: [0, Infinity],
  run: async ({ context, operands }) => {
    // The rules of all containers are one table: who names some gets the others' along.
    const ids = operands.map((word) => findContainer(context, word).id);
    await warn(reloadNetworks(context));
    for (const id of ids) print(id);
    return 0;
  },
};
