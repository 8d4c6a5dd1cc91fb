/** `mdk completion SHELL`, of the tree that it is a part of. */
import { EXIT, CommandError } from "../exit.ts";
import type { Command } from "../grammar/flags.ts";
import type { CommandTree } from "../grammar/tree.ts";
import { print } from "../output/text.ts";

export const completionCommand = (tree: CommandTree): Command => ({
  usage: "completion SHELL",
  summary: "Generate the autocompletion script for the specified shell (bash, fish, zsh)",
  flags: [],
  operands: [1, 1],
  anyUser: true,
  run: async ({ operands }) => {
    const { completionScript, SHELLS } = await import("../grammar/completion.ts");
    const shell = SHELLS.find((name) => name === operands[0]);
    if (shell === undefined) throw new CommandError(EXIT.failure, "unknown-shell", `unsupported shell ${JSON.stringify(operands[0])}: must be one of ${SHELLS.join(", ")}`);
    print(await completionScript(shell, tree));
    return 0;
  },
});
