/** `mdk network disconnect`. */
import { disconnectContainer } from "../../engine/container/connect.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "network disconnect [OPTIONS] NETWORK CONTAINER",
  summary: "Disconnect a container from a network",
  flags: [{ name: "force", short: "f", type: "bool", help: "Force the container to disconnect from a network" }],
  operands: [2, 2],
  run: ({ context, flags, operands: [network = "", container = ""] }) => {
    disconnectContainer(context, { network, container, force: flags.bool("force") });
    return 0;
  },
};
