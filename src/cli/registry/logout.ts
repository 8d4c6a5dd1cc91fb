/** `mdk logout`. */
import { logout } from "../../engine/system/login.ts";
import { serverOf } from "../../registry/credentials.ts";
import type { Command } from "../grammar/flags.ts";
import { print, printable, printError } from "../output/text.ts";
import { serverDomain } from "./login.ts";

export const command: Command = {
  usage: "logout [SERVER]",
  summary: "Log out from a registry",
  flags: [],
  operands: [0, 1],
  anyUser: true,
  run: async ({ context, operands }) => {
    const domain = serverDomain(operands[0] ?? "");
    print(printable(`Removing login credentials for ${serverOf(domain)}`));
    const problems = await logout(context, domain);
    // As docker/cli, cli/command/registry/logout.go: told, and no failure.
    if (problems.length > 0) printError(printable(["WARNING: could not erase credentials:", ...problems].join("\n")));
    return 0;
  },
};
